"""A table, once, and its three faces: LaTeX that compiles by itself and when included, CSV, and Markdown.

A cell holds one or several numbers (a mean and its standard deviation) and its column's template prints them, so that
the CSV keeps every number at full precision in a column of its own.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bench.errors import FluorobenchError
from bench.report.files import write_text
from bench.report.latex import render_latex

Value: TypeAlias = float | int | str | None
Cell: TypeAlias = tuple[Value, ...]

NO_VALUE = "–"
# Keys of the column that names a row's method.
METHOD = ("method",)


class TableError(FluorobenchError):
    """A table whose parts do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """One printed column.

    Attributes:
        heading: Printed above; a line break splits it.
        keys: CSV names, one a number of the cell, with units.
        template: How the printed numbers are joined, one ``{}`` each.
        decimals: Digits after the point of numbers that are no integers.
        group: Printed above neighbouring columns that share it; empty for none.
        best: Whether the smallest first number is set in bold.
    """

    heading: str
    keys: tuple[str, ...]
    template: str = "{}"
    decimals: int = 2
    group: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One printed row.

    Attributes:
        cells: One a column.
        ranked: Whether it may be set in bold; not where numbers leave cases out.
        mark: Printed behind the method's name, and not in the CSV: a sign that the notes explain.
    """

    cells: tuple[Cell, ...]
    ranked: bool = True
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with what a reader must know beside it."""

    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...]
    caption: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            sizes = tuple(len(cell) for cell in row.cells)
            expected = tuple(len(column.keys) for column in self.columns)
            if sizes != expected:
                raise TableError(f"each row needs cells of {expected} values, as its columns' keys; got {sizes}")

    def printed(self) -> list[list[str]]:
        """The cells as text."""
        return [
            [f"{print_cell(cell, column)}{row.mark if column.keys == METHOD else ''}" for cell, column in cells]
            for row, cells in ((row, self._cells(row)) for row in self.rows)
        ]

    def bold(self) -> list[list[bool]]:
        """Which cells are the best of their column, as printed; a tie is bold twice, a single candidate never."""
        marks = [[False] * len(self.columns) for _ in self.rows]
        for index, column in enumerate(self.columns):
            ranks = {number: self._rank(row.cells[index], column) for number, row in enumerate(self.rows) if row.ranked}
            found = {number: rank for number, rank in ranks.items() if rank is not None}
            if column.best and len(found) > 1:
                for number, rank in found.items():
                    marks[number][index] = rank == min(found.values())
        return marks

    def _cells(self, row: TableRow) -> list[tuple[Cell, TableColumn]]:
        return list(zip(row.cells, self.columns, strict=True))

    @staticmethod
    def _rank(cell: Cell, column: TableColumn) -> float | None:
        first = cell[0]
        if first is None or isinstance(first, str) or not math.isfinite(first):
            return None
        return round(first, column.decimals)

    def latex(self) -> str:
        """A standalone document; a document that loads ``standalone`` and ``booktabs`` may also input it."""
        return render_latex(
            headings=[column.heading for column in self.columns],
            groups=[column.group for column in self.columns],
            cells=self.printed(),
            bold=self.bold(),
            caption=self.caption,
            notes=self.notes,
            sides=self._sides(),
        )

    def _sides(self) -> str:
        """Words stand left, numbers (and words among them) right."""
        cells = [[value for row in self.rows for value in row.cells[index]] for index in range(len(self.columns))]
        words = [all(value is None or isinstance(value, str) for value in each) and any(each) for each in cells]
        return "".join("l" if word or not index else "r" for index, word in enumerate(words))

    def csv(self) -> str:
        """Every number at full precision; nothing where there is none."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([key for column in self.columns for key in column.keys])
        for row in self.rows:
            writer.writerow([_csv_value(value) for cell in row.cells for value in cell])
        return out.getvalue()

    def markdown(self) -> str:
        """A pipe table, its caption above and its notes below."""
        headings = [
            _one_line(f"{column.group}: {column.heading}" if column.group else column.heading)
            for column in self.columns
        ]
        bold = self.bold()
        lines = [_pipe(headings), _pipe([":--" if i == 0 else "--:" for i in range(len(self.columns))], escape=False)]
        for cells, marks in zip(self.printed(), bold, strict=True):
            escaped = [_escape_markdown(cell) for cell in cells]
            marked = [f"**{c}**" if m else c for c, m in zip(escaped, marks, strict=True)]
            lines.append(_pipe(marked, escape=False))
        notes = [f"* {_escape_markdown(note)}" for note in self.notes]
        return "\n".join([_escape_markdown(self.caption), "", *lines, "", *notes]).rstrip() + "\n"

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write ``name``.tex, .csv and .md."""
        faces = ((".tex", self.latex()), (".csv", self.csv()), (".md", self.markdown()))
        return [write_text(folder / f"{name}{suffix}", text) for suffix, text in faces]


def print_cell(cell: Cell, column: TableColumn) -> str:
    """The text of a cell: a dash where its first value is missing, that value alone where another one is."""
    printed = [_print_value(value, column.decimals) for value in cell]
    return printed[0] if NO_VALUE in printed else column.template.format(*printed)


def _print_value(value: Value, decimals: int) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NO_VALUE
    if isinstance(value, float):
        return _print_number(value, decimals) if math.isfinite(value) else "∞"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_number(value: float, decimals: int) -> str:
    """With so many decimals; what they would print as nothing keeps one digit."""
    vanishes = value != 0 and abs(value) < 0.5 * 10.0**-decimals
    return np.format_float_positional(value, precision=1, fractional=False) if vanishes else f"{value:.{decimals}f}"


def _csv_value(value: Value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escape_markdown(text: str) -> str:
    escaped = _one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    for sign in ("\\", "|", "*", "_", "`", "[", "]"):
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def _pipe(cells: Sequence[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(_escape_markdown(cell) if escape else cell for cell in cells) + " |"
