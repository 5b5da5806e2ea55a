"""The terminal: results on standard output, progress and messages on standard error."""

import sys
import warnings
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from bench.errors import FluorobenchWarning
from bench.text import printable

WIDE = 150


class PlainConsole(Console):
    """A console that prints texts of others without the characters that a terminal would obey."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as ``Console`` does."""
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **options)


# Without a terminal (a log, a pipe) wide enough for a paper's table.
output = PlainConsole(highlight=False, width=None if sys.stdout.isatty() else WIDE)
messages = PlainConsole(stderr=True, highlight=False)


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table; cells are plain text, without markup."""
    table = Table(title=escape(title), title_justify="left")
    for column in columns:
        table.add_column(escape(column))
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    output.print(table)


def print_markdown(text: str) -> None:
    """Print a Markdown file as a terminal shows it."""
    output.print(Markdown(printable(text)))


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
