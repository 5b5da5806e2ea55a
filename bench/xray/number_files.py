"""Text files of numbers (``bench.cells``): ``#`` before comments, one optional title."""

import re
from pathlib import Path

import numpy as np

from bench.cells import cells_of, plain_number
from bench.errors import describe_error
from bench.geometry import Matrix
from bench.text import read_text
from bench.xray.line_integrals import XrayError


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
        cells = cells_of(line.partition("#")[0])
        if not cells:
            continue
        try:
            values = [plain_number(cell) for cell in cells]
        except ValueError:
            if not rows and not any(_is_number(cell) for cell in cells):
                continue  # the title line
            values = []
        if len(values) != len(columns):
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
    lines = (re.sub(r"[\[\]()]+", " ", line.partition("#")[0]) for line in _lines(path))
    cells = [cell for line in lines for cell in cells_of(line)]
    return [plain_number(cell) for cell in cells] if all(_is_number(cell) for cell in cells) else None


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise XrayError(f"{path}: expected a text file of numbers: {describe_error(error)}") from None


def _is_number(cell: str) -> bool:
    try:
        plain_number(cell)
    except ValueError:
        return False
    return True
