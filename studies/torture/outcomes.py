"""Rows of a campaign on the disk, one JSON line each, and tables of counts."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from bench.cli.console import print_table
from bench.files import write_text

Row: TypeAlias = dict[str, Any]


class Rows:
    """Finished trials of one campaign; the same command does only those that are missing.

    Args:
        folder: Of all campaigns.
        name: Of this one; its rows are in ``NAME.jsonl``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        lines = self._path.read_text(encoding="utf-8").split("\n")[:-1] if self._path.is_file() else []
        self.found: dict[str, Row] = {row["name"]: row for row in map(json.loads, lines)}

    def once(self, name: str, trial: Callable[[], Row]) -> Row:
        """The row of a trial, which is made unless it is there."""
        if name not in self.found:
            row = {"name": name, **trial()}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.found[name] = row
        return self.found[name]


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
