"""Text files of numbers: separated by comma, semicolon or white space, ``#`` before comments, one optional title."""

import re
from pathlib import Path

import numpy as np

from bench.errors import describe_error
from bench.geometry import Matrix
from bench.text import read_text
from bench.xray.line_integrals import XrayError

_SEPARATORS = re.compile(r"[,;\s]+")


def read_rows(path: Path, columns: tuple[str, ...]) -> Matrix:
    """Rows of so many numbers, (n, len(columns)).

    Args:
        path: A text file; a title line is skipped.
        columns: Names of the numbers of a row, for messages.

    Raises:
        XrayError: The file cannot be read, or a line holds something else.
    """
    rows = list[list[float]]()
    for number, line in enumerate(_lines(path), start=1):
        cells = [cell for cell in _SEPARATORS.split(line.partition("#")[0].strip()) if cell]
        if not cells:
            continue
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            if not rows and not any(_is_number(cell) for cell in cells):
                continue  # the title line
            values = []
        if len(values) != len(columns) or not np.isfinite(values).all():
            raise XrayError(
                f"{path}, line {number}: expected {len(columns)} numbers ({', '.join(columns)}); got {line.strip()!r}"
            )
        rows.append(values)
    return np.array(rows, dtype=np.float64).reshape(-1, len(columns))


def read_numbers(path: Path) -> list[float] | None:
    """All numbers of a text file that holds nothing else; None where it does.

    Raises:
        XrayError: The file cannot be read.
    """
    text = " ".join(line.partition("#")[0] for line in _lines(path))
    cells = [cell for cell in re.split(r"[,;\s\[\]()]+", text) if cell]
    return [float(cell) for cell in cells] if all(_is_number(cell) for cell in cells) else None


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise XrayError(f"{path}: expected a text file of numbers: {describe_error(error)}") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
