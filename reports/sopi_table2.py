"""SOPI Table 2: ablation of RTPI, composite encoder (CE) and masked loss (EL)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.marks import marked
from bench.report.order import Step, order_table
from bench.report.published import NOT_COMPARABLE, published_value
from bench.report.summary import (
    ABSENT,
    CASES_COLUMN,
    METHOD_COLUMN,
    Summary,
    axis_mean_column,
    mean_column,
    method_row,
    metric_heading,
    of_method,
    published_column,
    skipped_column,
)
from bench.report.tables import Table
from bench.score.column import Column

ROWS = ("RTPI+EL", "CE+EL", "RTPI", "RTPI+CE", "RTPI+CE+EL")
# (worse, better), as published.
STEPS = (("RTPI+EL", "RTPI"), ("RTPI", "RTPI+CE"), ("RTPI+CE", "RTPI+CE+EL"), ("CE+EL", "RTPI+CE+EL"))
# By metric: the errors of the axes that it is the mean of.
METRICS = {
    "rotation_axis_mean_deg": ("sopi_rx_error_deg", "sopi_ry_error_deg", "sopi_rz_error_deg"),
    "translation_axis_mean_mm": ("sopi_tx_error_mm", "sopi_ty_error_mm", "sopi_tz_error_mm"),
}
_ON, _OFF = "x", ""


def _part_column(part: str) -> Column[Summary]:
    return Column(
        heading=part,
        name=part.lower(),
        compute=of_method(lambda row: _ON if row.label in ROWS and part in row.label.split("+") else _OFF),
        group="Parts",
    )


COLUMNS: tuple[Column[Summary], ...] = (
    METHOD_COLUMN,
    *(_part_column(part) for part in ("RTPI", "CE", "EL")),
    CASES_COLUMN,
    skipped_column(),
    *(axis_mean_column(name, metric_heading(name), axes, group="Ours") for name, axes in METRICS.items()),
    mean_column("seconds", "Time\n(s)", group="Ours"),
    *(published_column("sopi", "2", name, group="Published") for name in METRICS),
)


@dataclass(frozen=True, slots=True)
class SopiTable2:
    """Two tables: ``sopi_table2`` and ``sopi_table2_order``, its steps as hypotheses."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write both under ``tables``."""
        folder = run.folder / "tables"
        return [
            *marked(self.table(run), run.scores).write(folder, "sopi_table2"),
            *self.order(run).write(folder, "sopi_table2_order"),
        ]

    def table(self, run: FinishedRun) -> Table[Summary]:
        """Every method of the run, the paper's rows with their published values."""
        return Table(
            columns=COLUMNS,
            rows=tuple(method_row(run.scores, label) for label in run.labels),
            caption=f"SOPI Table 2: parts of the method. {run.description}.",
            notes=(
                ABSENT,
                "CE off: the 2D encoder of Deep-reg; EL off: features count everywhere. RTPI off: the descent begins "
                "at the case's start. RTPI alone is the initialiser without a descent.",
                "Errors: mean over axes of each axis's mean ± mean over axes of each axis's standard deviation, over "
                "the poses that exist.",
                NOT_COMPARABLE,
            ),
        )

    def order(self, run: FinishedRun) -> Table[Step]:
        """The published steps: our difference, case by case, with its interval."""
        return order_table(
            run,
            STEPS,
            tuple(METRICS),
            published=lambda label, name: published_value("sopi", "2", label, name),
            caption="SOPI Table 2",
            notes=(NOT_COMPARABLE,),
            decimals=2,
        )


plugin = SopiTable2

card = Card(
    title="SOPI Table 2: RTPI, composite encoder and masked loss switched, each step tested",
    source="SOPI, Table 2",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=("What each row switches is inferred: the paper marks the parts alone.",),
)
