"""A table of published dimensions on disk, read once: figures by dimension, level and sex, and what they rest on."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..v2.anthropometry import Figure

Figures: TypeAlias = Mapping[tuple[str, str, bool], Figure]


@dataclass(frozen=True, slots=True, eq=False)
class FigureTable:
    """The rows of a table.

    Attributes:
        figures: Mean and spread by (dimension, level, male), mm or degrees.
        statuses: What a row rests on by (dimension, level), such as ``verified``.
    """

    figures: Figures
    statuses: Mapping[tuple[str, str], str]

    def less(self, added: Mapping[str, float]) -> Figures:
        """Figures less what the shapes that are built from them add, by dimension."""
        return {key: Figure(each.mean - added.get(key[0], 0.0), each.sd) for key, each in self.figures.items()}


def read_table(path: Path) -> FigureTable:
    """The table of a file with the columns dimension, level, male, female, sd and status."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = {
        (row["dimension"], row["level"], sex == "male"): Figure(float(row[sex]), float(row["sd"]))
        for row in rows
        for sex in ("male", "female")
    }
    return FigureTable(figures, {(row["dimension"], row["level"]): row["status"] for row in rows})
