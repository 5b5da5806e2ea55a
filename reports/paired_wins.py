"""Paired wins: in which share of the cases each method has a smaller error than each other one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun
from bench.report.marks import marked
from bench.report.summary import PERCENT
from bench.report.tables import Table, TableRow
from bench.score.column import Column, Value
from bench.score.columns import column
from bench.score.paired import wins
from bench.score.statistics import Floats, StatisticsError, of_label, text_column, values


@dataclass(frozen=True, slots=True)
class _Row:
    """One method: its share of wins over each label, itself left out."""

    label: str
    over: dict[str, float]

    def percent(self, label: str) -> float | None:
        """Of the wins over one method; empty over itself."""
        return PERCENT * self.over[label] if label in self.over else None

    @property
    def mean(self) -> float:
        """Over all others; NaN for the only method of a run."""
        return float(np.mean(list(self.over.values()))) if self.over else float("nan")


@dataclass(frozen=True, slots=True)
class PairedWins:
    """Table ``paired_wins``.

    Attributes:
        metric: What is compared, smaller being better.
    """

    metric: str = "mtre_mm"

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``."""
        return marked(self.table(run), run.scores).write(run.folder / "tables", "paired_wins")

    def table(self, run: FinishedRun) -> Table[_Row]:
        """Methods by their mean share of wins, the best first; columns in the same order."""
        rows = sorted(_rows(run, self.metric), key=lambda row: -row.mean)
        return Table(
            columns=(
                Column(heading="Method", name="method", compute=lambda row: row.label),
                _wins_column("Mean", "mean_wins_percent", lambda row: PERCENT * row.mean),
                *(_over(row.label) for row in rows),
            ),
            rows=tuple(TableRow(context=row, method=row.label, ranked=False) for row in rows),
            caption=f"Paired wins, {column(self.metric).title}. {run.description}.",
            notes=(
                "Percent of the cases in which the method of the row has the smaller error than the one of the column; "
                "a tie is half a win. A missing or infinite error loses against every other.",
            ),
        )


def _over(label: str) -> Column[_Row]:
    heading = label.replace(" ", "\n", 1).replace("+", "+\n", 1)
    return _wins_column(heading, f"wins_over_{label}_percent", lambda row: row.percent(label), group="Wins over (%)")


def _wins_column(heading: str, key: str, compute: Callable[[_Row], Value], *, group: str = "") -> Column[_Row]:
    return Column(heading=heading, name=key, compute=compute, decimals=0, group=group)


def _rows(run: FinishedRun, metric: str) -> list[_Row]:
    cases = text_column(of_label(run.scores, run.labels[0]), "case_id")
    found: dict[str, Floats] = {}
    for label in run.labels:
        own = of_label(run.scores, label)
        if text_column(own, "case_id") != cases:
            raise StatisticsError(f"expected {label} and {run.labels[0]} on the same cases; let the run finish")
        found[label] = values(own, metric)
    return [
        _Row(label, {other: wins(found[label], found[other]) for other in found if other != label}) for label in found
    ]


plugin = PairedWins

card = Card(
    title="Paired wins: share of the cases in which each method beats each other one",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
