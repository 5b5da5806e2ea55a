"""``--data`` with several CTs: a folder, or a TOML file with one table ``[[ct]]`` for each."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, cast

from bench.errors import FluorobenchError
from bench.text import one_line, read_toml

LIST_NAME = "cts.toml"
_FILES = ("volume", "labels")


class CtListError(FluorobenchError):
    """A list of CTs that cannot be used."""


def cts_of(path: Path, label_scheme: str | None = None) -> dict[str, Any] | None:
    """The table ``[data]`` of several CTs; None where the file is no list of CTs.

    A folder that holds ``cts.toml`` is what that file says; the CTs of any other folder are named as ``ct_folder``
    expects.

    Args:
        path: Of a folder or a TOML file.
        label_scheme: Numbering of the label maps of a folder without a list.

    Raises:
        FluorobenchError: A list or folder that cannot be used.
    """
    if path.is_dir() and not (path / LIST_NAME).is_file():
        return _folder(path, label_scheme)
    if label_scheme is not None:
        raise CtListError(f"--label-scheme belongs to a folder without {LIST_NAME}; {path} states what it holds")
    file = path / LIST_NAME if path.is_dir() else path
    tables = read_toml(file)
    if path.is_dir() and "ct" not in tables:
        raise CtListError(f"{file}: expected a table [[ct]] for each CT; got {', '.join(tables) or 'none'}")
    return _listed(file, tables) if "ct" in tables else None


def starts_each(cases: int, patients: int) -> int:
    """Starts per patient that give at least so many cases."""
    return ceil(cases / patients)


def _folder(path: Path, label_scheme: str | None) -> dict[str, Any]:
    """Every CT of a folder once, as it is."""
    from bench import registry
    from bench.contract import Dataset, Split

    settings: dict[str, Any] = {"folder": str(path.resolve()), "variants": 1}
    if label_scheme is not None:
        settings["label_scheme"] = label_scheme
    # What is named neither for testing nor for validation is for training.
    everything: Dataset = registry.build("datasets", "ct_folder", {**settings, "test": []})
    names = [each.removesuffix("~0") for each in everything.patient_ids(Split.TRAIN)]
    return {"dataset": "ct_folder", "split": "test", "patients": len(names), "settings": {**settings, "test": names}}


def _listed(path: Path, tables: Mapping[str, Any]) -> dict[str, Any]:
    if set(tables) != {"ct"}:
        other = next(name for name in tables if name != "ct")
        raise CtListError(f"{path}: expected tables [[ct]] alone; got {other!r}: state it in a protocol of your own")
    found: object = tables["ct"]
    rows = cast("list[object]", found) if isinstance(found, list) else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise CtListError(f"{path}: expected a table [[ct]] for each CT; got ct = {one_line(repr(tables['ct']), 200)}")
    cts = [_absolute(path, cast("dict[str, Any]", row)) for row in rows]
    return {"dataset": "ct_list", "patients": len(cts), "settings": {"cts": cts}}


def _absolute(path: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """Files are named from the folder of the list."""
    found = {key: str((path.parent / row[key]).resolve()) for key in _FILES if isinstance(row.get(key), str)}
    scheme = row.get("label_scheme")
    if isinstance(scheme, str) and scheme.endswith(".toml"):
        found["label_scheme"] = str((path.parent / scheme).resolve())
    return {**row, **found}
