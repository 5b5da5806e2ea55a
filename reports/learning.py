"""What training adds: each trained row beside the same network without any optimiser step, case by case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.difference import DIFFERENCE_NOTE, evidence_columns, median_column
from bench.report.summary import PERCENT
from bench.report.tables import Table, TableRow
from bench.score.column import Column
from bench.score.columns import column
from bench.score.paired import PairedDifference, paired_differences
from bench.score.statistics import of_label, spread, values

CONTROL = " (untrained)"
"""End of the label of a row without training; before it stands the label of the trained row."""

METRICS = ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm")

_NOTE = (
    "Difference: the trained row's error minus that of the untrained one; below zero, training helped. A missing or "
    f"infinite error counts as twice the largest finite one of the two, and loses. {DIFFERENCE_NOTE} Learnt: p below "
    "0.05 and an error that training made smaller."
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """One row: a method and a metric.

    Attributes:
        found: Trained minus untrained.
        metric: Name.
        trained: Mean error over the poses that exist.
        untrained: The same without training.
    """

    found: PairedDifference
    metric: str
    trained: float
    untrained: float

    @property
    def verdict(self) -> str:
        """Whether the rows show that training helped or harmed; below 6 patients they cannot."""
        if self.found.p_holm is None:
            return "not tested"
        return {"smaller": "yes", "larger": "harmed"}.get(self.found.verdict, "not shown")


@dataclass(frozen=True, slots=True)
class Learning:
    """Table ``learning``: of every row of a run that has its untrained control; none without such rows.

    Attributes:
        seed: Of random sign changes, with more than 20 patients.
    """

    seed: int = 0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``."""
        table = self.table(run)
        return table.write(run.folder / "tables", "learning") if table.rows else []

    def table(self, run: FinishedRun) -> Table[Learnt]:
        """One row for each method and metric."""
        pairs = [(label, label + CONTROL) for label in run.labels if label + CONTROL in run.labels]
        asked = [(name, *pair) for pair in pairs for name in METRICS]
        found = paired_differences(run.scores, asked, seed=self.seed)
        return Table(
            columns=COLUMNS,
            rows=tuple(
                TableRow(context=Learnt(each, name, _mean(run, one, name), _mean(run, other, name)))
                for (name, one, other), each in zip(asked, found, strict=True)
            ),
            caption=f"Learning: trained minus untrained. {run.description}.",
            notes=(_NOTE,),
        )


COLUMNS: tuple[Column[Learnt], ...] = (
    Column(heading="Method", name="method", compute=lambda row: row.found.first),
    Column(heading="Metric", name="metric", compute=lambda row: column(row.metric).title),
    Column(heading="Untrained", name="untrained", compute=lambda row: row.untrained, decimals=3, group="Mean"),
    Column(heading="Trained", name="trained", compute=lambda row: row.trained, decimals=3, group="Mean"),
    median_column(decimals=3, group="Difference"),
    Column(
        heading="Trained\nwins (%)",
        name="trained_wins_percent",
        compute=lambda row: PERCENT * (1 - row.found.wins),
        decimals=0,
    ),
    *evidence_columns(),
    Column(heading="Learnt", name="verdict", compute=lambda row: row.verdict),
)


def _mean(run: FinishedRun, label: str, metric: str) -> float:
    return spread(values(of_label(run.scores, label), metric)).mean


plugin = Learning

card = Card(
    title="Learning: each trained network against itself before its first training step",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
