"""Numbers and tables in text files, with the separators and decimal commas of any country."""

import csv
import io
import re
from collections.abc import Sequence
from math import inf, isfinite

from bench.errors import FluorobenchError

_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DELIMITERS = ";\t,"


class CellError(FluorobenchError):
    """A text that is not the table expected."""


def cells_of(line: str) -> list[str]:
    """The cells of a line of numbers.

    Cells are separated by semicolons or tabs; where there are none by commas, alone or with spaces after them; else by
    spaces. A comma inside a cell is a decimal one and comes out as a point, unless the line has points, too.
    """
    text = line.strip().rstrip(";,")
    if re.search(r",\s", text) or not re.search(r"[;\s]", text):
        return [cell.strip() for cell in text.split(",")] if text else []
    if "." in text:
        return re.split(r"[,;\s]+", text) if re.search(r"[;\t]", text) else text.split()
    return re.split(r"\s*[;\t]\s*|\s+", text.replace(",", "."))


def plain_number(cell: str) -> float:
    """A number of ordinary digits.

    Raises:
        ValueError: Anything else, such as ``1_000``, ``nan``, ``inf`` or ``1e999``.
    """
    number = float(cell) if _PLAIN_NUMBER.fullmatch(cell) else inf
    if not isfinite(number):
        raise ValueError(f"not a number: {cell!r}")
    return number


def table_of(text: str, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table by the names of its title line, which are in lower case.

    Cells are separated by semicolons or tabs where the title line has them, and a comma in a number is then a decimal
    one; else by commas. Empty lines and lines that begin with ``#`` are skipped.

    Args:
        text: Of the file.
        needed: Names that the title line must have.

    Raises:
        CellError: Another title line, or a row with more or fewer cells than it.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    title = lines[0] if lines else "nothing"
    delimiter = next((each for each in _DELIMITERS if each in title), ",")
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True)
    try:
        table = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise CellError(f"expected a table of text; line {reader.line_num} cannot be read: {error}") from None
    names = [name.casefold() for name in table[0]] if table else []
    if doubled := [name for name in names if name and names.count(name) > 1]:
        raise CellError(f"expected each column once in the title line; got {doubled[0]!r} twice")
    if not set(needed) <= set(names):
        raise CellError(f"expected a title line with {','.join(needed)}; got {title!r}")
    for row in table[1:]:
        if len(row) != len(names):
            raise CellError(
                f"expected {len(names)} cells a line, as in the title {title!r}; got {len(row)}: "
                f"{delimiter.join(row)!r}{_decimal_hint(row, names)}"
            )
    return [dict(zip(names, row, strict=True)) for row in table[1:]]


def table_number(cell: str) -> float:
    """A number of a cell, whose comma is a decimal one; NaN where it is none."""
    try:
        return plain_number(cell.replace(",", "."))
    except ValueError:
        return float("nan")


def _decimal_hint(row: Sequence[str], names: Sequence[str]) -> str:
    return "; decimal commas? write 6500.1, or separate by semicolons" if len(row) > len(names) else ""
