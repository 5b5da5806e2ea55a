"""SOPI Table 2: which of RTPI, composite encoder (CE) and the masked loss (EL) does what."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun, Outcome
from bench.report.marks import marked
from bench.report.published import NOT_COMPARABLE, find_published
from bench.report.tables import Cell, Table, TableColumn, TableRow
from bench.score.columns import column
from bench.score.paired import PairedDifference, paired_differences
from bench.score.statistics import of_label, spread, text_column, values

ROWS = ("RTPI+EL", "CE+EL", "RTPI", "RTPI+CE", "RTPI+CE+EL")
# (worse, better), as published.
STEPS = (("RTPI+EL", "RTPI"), ("RTPI", "RTPI+CE"), ("RTPI+CE", "RTPI+CE+EL"), ("CE+EL", "RTPI+CE+EL"))
METRICS = ("rotation_axis_mean_deg", "translation_axis_mean_mm")
_ON, _OFF = "x", ""


def _mean_std(name: str, group: str, prefix: str = "") -> TableColumn:
    metric = column(name)
    keys = (f"{prefix}{name}_mean", f"{prefix}{name}_std")
    heading = f"{metric.heading}\n({metric.unit})"
    return TableColumn(heading=heading, keys=keys, template="{} ± {}", group=group, best=not prefix)


COLUMNS = (
    TableColumn(heading="Method", keys=("method",)),
    *(TableColumn(heading=part, keys=(part.lower(),), group="Parts") for part in ("RTPI", "CE", "EL")),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="No pose", keys=("no_pose",)),
    *(_mean_std(name, "Ours") for name in METRICS),
    TableColumn(heading="Time\n(s)", keys=("seconds_mean",), group="Ours"),
    *(_mean_std(name, "Published", "published_") for name in METRICS),
)

ORDER_COLUMNS = (
    TableColumn(heading="Compared", keys=("compared",)),
    TableColumn(heading="Metric", keys=("metric",)),
    TableColumn(heading="Published\ndifference", keys=("published",)),
    TableColumn(heading="Our difference\n[95 %]", keys=("ours", "low", "high"), template="{} [{}, {}]"),
    TableColumn(heading="p\n(Holm)", keys=("p_holm",), decimals=3),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="Published\norder", keys=("verdict",)),
)


@dataclass(frozen=True, slots=True)
class SopiTable2:
    """Two tables: ``sopi_table2`` and ``sopi_table2_order``, its steps as hypotheses.

    Attributes:
        seed: Of the bootstrap over patients.
    """

    seed: int = 0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write both under ``tables``."""
        folder = run.folder / "tables"
        return [
            *marked(self.table(run), run.scores).write(folder, "sopi_table2"),
            *self.order(run).write(folder, "sopi_table2_order"),
        ]

    def table(self, run: FinishedRun) -> Table:
        """Every method of the run, the paper's rows with their published values."""
        return Table(
            columns=COLUMNS,
            rows=tuple(_row(run, label) for label in run.labels),
            caption=f"SOPI Table 2: parts of the method. {run.description}.",
            notes=(
                "Skipped rows have no weights: those of the ablation are not shipped; the protocol file names the "
                "command that trains each. Compare rows of equal training alone.",
                "CE off: the 2D encoder of Deep-reg; EL off: features count everywhere. RTPI off: the descent begins "
                "at the case's start. RTPI alone is the initialiser without a descent.",
                "Errors: mean over axes of each axis's mean ± mean over axes of each axis's standard deviation, over "
                "the poses that exist.",
                NOT_COMPARABLE,
            ),
        )

    def order(self, run: FinishedRun) -> Table:
        """The published steps: our difference, case by case, with its interval."""
        asked = [(name, *step) for step in STEPS if set(step) <= set(run.labels) for name in METRICS]
        found = paired_differences(run.scores, asked, seed=self.seed)
        return Table(
            columns=ORDER_COLUMNS,
            rows=tuple(_order_row(each, name) for (name, *_), each in zip(asked, found, strict=True)),
            caption=f"SOPI Table 2: the published order, step by step. {run.description}.",
            notes=(
                "Differences are the first row's error minus the second's; published, the first is worse. Interval: "
                "bootstrap over patients (6 or more), of the cases that both answered. Held or reversed: p below 0.05, "
                "of the same resamples, adjusted for all rows of this table (Holm); an interval is of its row alone.",
                NOT_COMPARABLE,
            ),
        )


def _row(run: FinishedRun, label: str) -> TableRow:
    rows = of_label(run.scores, label)
    parts = label.split("+") if label in ROWS else []
    skipped = set(text_column(rows, "outcome")) == {str(Outcome.SKIPPED.value)}
    no_pose = text_column(rows, "failure").count("no_pose")
    cells: tuple[Cell, ...] = (
        (label,),
        *((_ON if part in parts else _OFF,) for part in ("RTPI", "CE", "EL")),
        (len(rows),),
        ("skipped" if skipped else no_pose,),
        _axes([values(rows, f"sopi_{axis}_error_deg") for axis in ("rx", "ry", "rz")]),
        _axes([values(rows, f"sopi_{axis}_error_mm") for axis in ("tx", "ty", "tz")]),
        (spread(values(rows, "seconds")).mean,),
        *(_published(label, name) for name in METRICS),
    )
    return TableRow(cells=cells, ranked=no_pose == 0)


def _axes(axes: Sequence[np.ndarray]) -> Cell:
    spreads = [spread(axis) for axis in axes]
    return (float(np.mean([each.mean for each in spreads])), float(np.mean([each.std for each in spreads])))


def _published(label: str, name: str) -> tuple[float | None, float | None]:
    found = find_published("sopi", table="2", row=label, column=name)
    return (None, None) if found is None else (found.value, found.std)


def _order_row(found: PairedDifference, name: str) -> TableRow:
    before, after = _published(found.first, name)[0], _published(found.second, name)[0]
    published = None if before is None or after is None else before - after
    interval = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    verdict = "not tested" if not found.cases else {"larger": "held", "smaller": "reversed"}.get(found.verdict, "open")
    cells: tuple[Cell, ...] = (
        (f"{found.first} - {found.second}",),
        (column(name).title,),
        (published,),
        (None if isnan(found.mean) else found.mean, *interval),
        (found.p_holm,),
        (found.cases,),
        (verdict,),
    )
    return TableRow(cells=cells)


plugin = SopiTable2

card = Card(
    title="SOPI Table 2: RTPI, composite encoder and masked loss switched, each step tested",
    source="SOPI, Table 2",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=("What each row switches is inferred: the paper marks the parts alone.",),
)
