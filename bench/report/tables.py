"""A table and its three forms: LaTeX that compiles by itself and when included, CSV, and Markdown.

Columns compute their cells (``bench.score.column``). A cell may hold several numbers (a mean and its standard
deviation), which the column's template joins; the CSV keeps every number at full precision in a column of its own.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import numpy as np

from bench.files import write_text
from bench.report.latex import render_latex
from bench.report.tabular import NO_VALUE, Parts, render_tabular
from bench.score.column import Cell, Column, Context, Value
from bench.text import one_line

# Smaller numbers are printed as zero: they are left by arithmetic.
_ROUNDING = 1e-9
# Of numbers in CSV files: one less or two are the arithmetic's, which makes 8 degrees 7.999999999999998.
_CSV_DIGITS = 13
# Name of the column that names a row's method.
METHOD = "method"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow(Generic[Context]):
    """One printed row.

    Attributes:
        context: What the columns compute its cells from.
        method: Label of the method whose registrations the row states; None for published values, bounds and the like.
        ranked: Whether its cells may be set in bold; not where its numbers leave cases out.
        mark: Printed behind the method's name, and not in the CSV: a sign that the notes explain.
    """

    context: Context
    method: str | None = None
    ranked: bool = True
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Table(Generic[Context]):
    """A table with its caption and notes."""

    columns: tuple[Column[Context], ...]
    rows: tuple[TableRow[Context], ...]
    caption: str
    notes: tuple[str, ...] = ()

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """The cells, row by row, each computed once by its column."""
        return [[column.cell(row.context) for column in self.columns] for row in self.rows]

    def printed(self) -> list[list[str]]:
        """The cells as text."""
        return [
            [
                f"{_print_cell(column, cell)}{row.mark if column.name == METHOD else ''}"
                for cell, column in zip(cells, self.columns, strict=True)
            ]
            for row, cells in zip(self.rows, self.cells, strict=True)
        ]

    def bold(self) -> list[list[bool]]:
        """Which cells are the best of their column, as printed; a tie is bold twice, a single candidate never."""
        marks = [[False] * len(self.columns) for _ in self.rows]
        for index, column in enumerate(self.columns):
            cells = [row[index] for row in self.cells]
            ranks = {
                number: _rank(cells[number], column.decimals) for number, row in enumerate(self.rows) if row.ranked
            }
            found = {number: rank for number, rank in ranks.items() if rank is not None}
            if column.best and len(found) > 1:
                for number, rank in found.items():
                    marks[number][index] = rank == min(found.values())
        return marks

    def latex(self) -> str:
        """A standalone document; a document that loads ``standalone`` and ``booktabs`` may also input it."""
        return render_latex(
            headings=[column.heading for column in self.columns],
            groups=[column.group for column in self.columns],
            cells=self.printed(),
            bold=self.bold(),
            caption=self.caption,
            notes=self.notes,
            sides=self.sides(),
        )

    def sides(self) -> str:
        """Columns of text stand left, those of numbers (and text among them) right."""
        cells = [[value for row in self.cells for value in row[index]] for index in range(len(self.columns))]
        text = [all(value is None or isinstance(value, str) for value in each) and any(each) for each in cells]
        return "".join("l" if each or not index else "r" for index, each in enumerate(text))

    def tabular(self) -> str:
        """The bare table for a paper: decimal-aligned, one column wide, no caption (``bench.report.tabular``)."""
        parts = Parts(
            headings=[column.heading for column in self.columns],
            groups=[column.group for column in self.columns],
            cells=self.printed(),
            bold=self.bold(),
            sides=self.sides(),
        )
        return render_tabular(parts, caption=self.caption, notes=self.notes)

    def csv(self) -> str:
        """Every number at full precision; nothing where there is none."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([key for column in self.columns for key in (column.name, *column.further)])
        for row in self.cells:
            writer.writerow([_csv_value(value) for cell in row for value in cell])
        return out.getvalue()

    def markdown(self) -> str:
        """A pipe table, its caption above and its notes below."""
        headings = [
            one_line(f"{column.group}: {column.heading}" if column.group else column.heading) for column in self.columns
        ]
        bold = self.bold()
        lines = [pipe(headings), pipe([":--" if side == "l" else "--:" for side in self.sides()], escape=False)]
        for cells, marks in zip(self.printed(), bold, strict=True):
            escaped = [escape_markdown(cell) for cell in cells]
            marked = [f"**{c}**" if m else c for c, m in zip(escaped, marks, strict=True)]
            lines.append(pipe(marked, escape=False))
        notes = [f"* {escape_markdown(note)}" for note in self.notes]
        return "\n".join([escape_markdown(self.caption), "", *lines, "", *notes]).rstrip() + "\n"

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write ``name``.tex, .csv and .md, and the bare table beside them as tabular/``name``.tex.

        Returns:
            The first three; nothing of a table without rows, which is not written.
        """
        if not self.rows:
            return []
        write_text(folder / "tabular" / f"{name}.tex", self.tabular())
        forms = ((".tex", self.latex()), (".csv", self.csv()), (".md", self.markdown()))
        return [write_text(folder / f"{name}{suffix}", text) for suffix, text in forms]


def _rank(cell: Cell, decimals: int) -> float | None:
    """The number that a cell is ranked by, as printed; None where it has none."""
    first = cell[0]
    if first is None or isinstance(first, str) or not math.isfinite(first):
        return None
    return round(first, decimals)


def _print_cell(column: Column[Any], cell: Cell) -> str:
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
    """With so many decimals; what they would print as nothing keeps one digit, rounding errors do not."""
    vanishes = _ROUNDING < abs(value) < 0.5 * 10.0**-decimals
    return np.format_float_positional(value, precision=1, fractional=False) if vanishes else f"{value:.{decimals}f}"


def _csv_value(value: Value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(f"{value:.{_CSV_DIGITS}g}")) if isinstance(value, float) else str(value)


def escape_markdown(text: str) -> str:
    """One line that neither ends a cell nor becomes markup."""
    escaped = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    for sign in ("\\", "|", "*", "_", "`", "[", "]"):
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def pipe(cells: Sequence[str], *, escape: bool = True) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(escape_markdown(cell) if escape else cell for cell in cells) + " |"
