"""The terminal: results on standard output, progress and messages on standard error."""

import sys
import warnings
from collections.abc import Iterable
from typing import Any, Literal, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from bench.cli.columns import markdown_table, parts, plain
from bench.errors import FluorobenchWarning
from bench.text import printable

# Without a terminal: what a log, a page or a narrow window shows.
WIDE = 100


class PlainConsole(Console):
    """A console that prints texts of others without the characters that a terminal would obey."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as ``Console`` does."""
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **options)


output = PlainConsole(highlight=False, width=None if sys.stdout.isatty() else WIDE)
messages = PlainConsole(stderr=True, highlight=False)


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, keys: int = 1) -> None:
    """Print a table; cells are plain text, without markup. One that is too wide is printed in parts.

    Args:
        title: Above it.
        columns: Their headings.
        rows: Cells.
        keys: How many columns name a row; every part repeats them.
    """
    headings, cells = list(columns), [[printable(cell) for cell in row] for row in rows]
    for part in parts(headings, cells, output.width, keys=keys):
        table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD)
        for each in part:
            table.add_column(escape(headings[each.number]), width=each.width, overflow="fold")
        for row in cells:
            table.add_row(*(escape(row[each.number]) for each in part))
        output.print(table)


def print_markdown(text: str) -> None:
    """Print a Markdown file as a terminal shows it; a table that is too wide in parts."""
    found = markdown_table(printable(text))
    if found is None:
        output.print(Markdown(printable(text)))
        return
    shown = [[plain(cell) for cell in row] for row in found.rows]
    names = [plain(heading)[0] for heading in found.headings]
    output.print(Markdown(found.caption))
    for part in parts(names, [[cell for cell, _ in row] for row in shown], output.width, keys=found.keys):
        table = Table(box=SIMPLE_HEAD)
        for each in part:
            side: Literal["left", "right"] = "left" if each.number < found.keys else "right"
            table.add_column(escape(names[each.number]), justify=side, width=each.width, overflow="fold")
        for row in shown:
            cells = [row[each.number] for each in part]
            table.add_row(*(f"[bold]{escape(cell)}[/bold]" if bold else escape(cell) for cell, bold in cells))
        output.print(table)
    output.print(Markdown(found.notes))


def print_line(line: str) -> None:
    """Print a message of one line unchanged: no markup, no breaks."""
    messages.print(line, markup=False, soft_wrap=True)


def show_warnings(program: str) -> None:
    """Print fluorobench's own warnings as one line each, once for each text; others look as Python prints them."""
    elsewhere, seen = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, FluorobenchWarning):
            elsewhere(message, category, filename, lineno, file, line)
        elif str(message) not in seen:
            seen.add(str(message))
            messages.print(f"{program}: warning: {message}", style="yellow", markup=False, soft_wrap=True)

    warnings.showwarning = show
    warnings.simplefilter("always", FluorobenchWarning)
