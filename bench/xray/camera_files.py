"""A calibration file of a command line as tables of a case file: its kind is recognised by its content."""

from pathlib import Path
from typing import Any

from bench.text import read_toml
from bench.xray.calibration_tables import CameraFile
from bench.xray.case_tables import CaseError, validated
from bench.xray.number_files import read_numbers

_PATHS = ("file",)


def camera_tables(path: Path) -> dict[str, Any]:
    """The tables ``calibration`` and, where the file has one, ``distortion`` of an image.

    Args:
        path: A TOML file with those tables (paths in it are relative to it), a text file of 12 numbers (projection
            matrix, row by row) or 9 (K), or Autoscoper's calibration text.

    Raises:
        CaseError: A TOML file that holds something else.
        XrayError: A file that cannot be read, or numbers that are neither 9 nor 12.
    """
    if path.suffix.lower() == ".toml":
        return _from_toml(path)
    numbers = read_numbers(path)
    if numbers is None:
        return {"calibration": {"kind": "autoscoper", "file": str(path)}}
    rows = {12: "projection", 9: "matrix"}
    if len(numbers) not in rows:
        raise CaseError(
            f"{path}: expected Autoscoper text, the 12 numbers of a projection matrix or the 9 of K; got "
            f"{len(numbers)} numbers"
        )
    if len(numbers) == 12:
        return {"calibration": {"kind": "projection", "matrix": _rows(numbers, 4)}}
    return {"calibration": {"kind": "matrix", "K": _rows(numbers, 3)}}


def intrinsics_table(numbers: tuple[float, float, float, float]) -> dict[str, Any]:
    """The table of kind ``matrix`` of (fx, fy, cx, cy) in pixels."""
    fx, fy, cx, cy = numbers
    return {"kind": "matrix", "K": [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]}


def _from_toml(path: Path) -> dict[str, Any]:
    tables = read_toml(path, CaseError)
    validated(CameraFile, tables, str(path))
    return {name: _absolute(table, path.parent) for name, table in tables.items()}


def _absolute(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {key: str((folder / value).resolve()) if key in _PATHS else value for key, value in table.items()}


def _rows(numbers: list[float], width: int) -> list[list[float]]:
    return [numbers[first : first + width] for first in range(0, len(numbers), width)]
