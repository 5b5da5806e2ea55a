"""Paired wins: in which share of the cases each method has a smaller error than each other one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.marks import marked
from bench.report.summary import PERCENT
from bench.report.tables import Table, TableRow
from bench.score.column import Column, Value
from bench.score.columns import column
from bench.score.wins import Wins, ranked_wins


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

    def table(self, run: FinishedRun) -> Table[Wins]:
        """Methods by their mean share of wins, the best first; columns in the same order."""
        rows = ranked_wins(run.scores, run.labels, self.metric)
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


def _over(label: str) -> Column[Wins]:
    heading = label.replace(" ", "\n", 1).replace("+", "+\n", 1)
    return _wins_column(heading, f"wins_over_{label}_percent", lambda row: _percent(row, label), group="Wins over (%)")


def _percent(row: Wins, label: str) -> float | None:
    """Empty over itself."""
    return PERCENT * row.over[label] if label in row.over else None


def _wins_column(heading: str, key: str, compute: Callable[[Wins], Value], *, group: str = "") -> Column[Wins]:
    return Column(heading=heading, name=key, compute=compute, decimals=0, group=group)


plugin = PairedWins

card = Card(
    title="Paired wins: share of the cases in which each method beats each other one",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
