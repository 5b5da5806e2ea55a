"""Tables on the page: those computed for it, and those that a run's reports wrote."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from bench.report.page.data import name
from bench.report.tables import Table
from bench.score.wins import Wins
from bench.text import read_text

_PUBLISHED = "published_"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])


@dataclass(frozen=True, slots=True)
class Written:
    """A table that a report wrote.

    Attributes:
        name: Of its file.
        html: Its caption, cells and notes.
        published: Whether published values stand in it.
    """

    name: str
    html: Markup
    published: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """A table that was computed for the page: what its cells show, row by row.

    Attributes:
        groups: Headings above neighbouring columns, with their numbers of columns; none where no column has one.
        headings: Of the columns.
        sides: ``l`` or ``r`` of each column.
        rows: Text and whether it is bold, cell by cell.
        notes: Below it.
    """

    groups: list[tuple[str, int]]
    headings: list[str]
    sides: str
    rows: list[list[tuple[str, bool]]]
    notes: tuple[str, ...]


def printed(table: Table[Any]) -> Printed:
    """A table as text."""
    groups = [(group, len(list(some))) for group, some in groupby(each.group for each in table.columns)]
    return Printed(
        groups=groups if any(group for group, _ in groups) else [],
        headings=[each.heading.replace("\n", " ") for each in table.columns],
        sides=table.sides(),
        rows=[list(zip(cells, marks, strict=True)) for cells, marks in zip(table.printed(), table.bold(), strict=True)],
        notes=table.notes,
    )


@dataclass(frozen=True, slots=True)
class WinsCell:
    """A cell of the matrix: its percent, and its shade from 0 (no win) to 10."""

    text: str
    shade: int


def wins_matrix(ranked: Sequence[Wins]) -> list[tuple[str, list[WinsCell | None]]]:
    """Rows and columns by rank; None on the diagonal."""
    return [
        (name(row.label), [_wins_cell(row.over[each.label]) if each is not row else None for each in ranked])
        for row in ranked
    ]


def _wins_cell(share: float) -> WinsCell:
    return WinsCell(f"{100 * share:.0f}", round(10 * share))


def written_tables(folder: Path, since: float) -> list[Written]:
    """The tables in a folder that were written at a time (of the file system) or later, by name."""
    if not folder.is_dir():
        return []
    found = [path for path in sorted(folder.glob("*.md")) if path.is_file() and path.stat().st_mtime >= since]
    return [Written(name(path.stem), rendered(read_text(path)), _has_published(path)) for path in found]


def rendered(markdown: str) -> Markup:
    """Markdown as HTML without links, images or foreign HTML."""
    return Markup(_MARKDOWN.render(markdown))


def _has_published(path: Path) -> bool:
    """Whether a column of the table's CSV holds published values."""
    beside = path.with_suffix(".csv")
    if not beside.is_file():
        return False
    with beside.open(encoding="utf-8", newline="") as file:
        return any(each.startswith(_PUBLISHED) for each in next(csv.reader(file), list[str]()))
