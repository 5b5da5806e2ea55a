"""Tables of counts of a campaign."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.cli.console import print_table
from bench.files import write_text
from studies.rows import Row


def counted(rows: Iterable[Row], by: str, outcomes: Sequence[str]) -> list[tuple[str, ...]]:
    """A line a group and one of all: its name, its number of trials, and how many ended in each outcome."""
    groups: dict[str, Counter[str]] = {}
    for row in rows:
        groups.setdefault(row[by], Counter())[row["outcome"]] += 1
    total: Counter[str] = Counter()
    for group in groups.values():
        total.update(group)
    lines = [*sorted(groups.items()), *([("all", total)] if len(groups) > 1 else [])]
    return [(name, str(group.total()), *(str(group[outcome]) for outcome in outcomes)) for name, group in lines]


def publish(folder: Path, name: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table, and write it as Markdown and CSV."""
    print_table(name, columns, lines)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([columns, *lines])
    write_text(folder / f"{name}.csv", buffer.getvalue())
    write_text(folder / f"{name}.md", markdown(columns, lines))


def markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
