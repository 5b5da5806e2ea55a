"""The methods of a run in the order of their paired wins, with the figures that a reader looks for first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.marks import marked
from bench.report.summary import PERCENT, MethodRow, metric_heading, rate_cell
from bench.report.tables import Table, TableRow
from bench.score.column import Cell, Column, Value
from bench.score.columns import column
from bench.score.statistics import of_label
from bench.score.wins import Wins, ranked_wins


@dataclass(frozen=True, slots=True)
class Ranked:
    """One method.

    Attributes:
        place: From 1.
        wins: Over the other methods.
        method: Its registrations.
    """

    place: int
    wins: Wins
    method: MethodRow


@dataclass(frozen=True, slots=True)
class Ranking:
    """Table ``ranking``.

    Attributes:
        metric: What methods are ranked by, smaller being better.
    """

    metric: str = "mtre_mm"

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``."""
        return marked(self.table(run), run.scores).write(run.folder / "tables", "ranking")

    def table(self, run: FinishedRun) -> Table[Ranked]:
        """Methods by their mean share of wins, the best first."""
        ranked = ranked_wins(run.scores, run.labels, self.metric)
        rows = [
            Ranked(place, wins, MethodRow(wins.label, of_label(run.scores, wins.label)))
            for place, wins in enumerate(ranked, start=1)
        ]
        return Table(
            columns=COLUMNS,
            rows=tuple(TableRow(context=row, method=row.wins.label, ranked=row.method.no_pose == 0) for row in rows),
            caption=f"Methods by paired wins. {run.description}.",
            notes=(
                f"Wins: percent of the cases in which the method has the smaller {column(self.metric).heading} than "
                "another one, in the mean over all others; a tie is half a win, a missing or infinite error loses. "
                "Which differences are more than chance: table paired_wins and the tables of the order.",
                "Rotation and displacement: mean ± deviation over the poses that exist, geodesic angle and "
                "displacement of the rotation centre. Failed: rotation of 3 deg or more, displacement of 3 mm or more, "
                "or no pose; with its 95 % interval, none below 6 patients. mTRE: median over all cases. Time: median "
                "processor time of a case.",
            ),
        )


def _column(
    name: str, heading: str, compute: Callable[[Ranked], Value | Cell], *, decimals: int = 2, best: bool = False
) -> Column[Ranked]:
    return Column(name=name, heading=heading, compute=compute, decimals=decimals, best=best)


def _mean_std(name: str) -> Column[Ranked]:
    return Column(
        name=f"{name}_mean",
        further=(f"{name}_std",),
        heading=metric_heading(name),
        compute=lambda row: (row.method.mean(name), row.method.std(name)),
        template="{} ± {}",
        best=True,
    )


COLUMNS: tuple[Column[Ranked], ...] = (
    _column("place", "Place", lambda row: row.place),
    _column("method", "Method", lambda row: row.wins.label),
    _column("mean_wins_percent", "Wins\n(%)", lambda row: PERCENT * row.wins.mean, decimals=0),
    _mean_std("rotation_error_deg"),
    _mean_std("translation_error_mm"),
    Column(
        name="failure_strict_percent",
        further=("failure_strict_low", "failure_strict_high"),
        heading="Failed\n(%)",
        compute=lambda row: rate_cell(row.method.failure_rate()),
        template="{} [{}, {}]",
        decimals=0,
        best=True,
    ),
    _column("mtre_mm_median", "mTRE\n(mm)", lambda row: row.method.median("mtre_mm"), best=True),
    _column("processor_seconds_median", "Time\n(s)", lambda row: row.method.measured_median("processor_seconds")),
)

plugin = Ranking

card = Card(
    title="Ranking: methods in the order of their paired wins",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
