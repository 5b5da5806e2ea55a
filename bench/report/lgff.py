"""What the tables of LGFF-Reg share: its columns with the published values beside, ours by sound definitions."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import FinishedRun
from bench.report.order import Step, order_table, published_label
from bench.report.published import published_value
from bench.report.summary import (
    CASES_COLUMN,
    METHOD_COLUMN,
    MethodRow,
    Summary,
    cost_columns,
    mean_column,
    mean_std_column,
    metric_heading,
    of_method,
    p95_column,
    registrations,
    skipped_column,
)
from bench.report.tables import Table, TableRow
from bench.score.column import Column
from bench.score.columns import column
from bench.score.statistics import of_label

PAPER = "lgff"
METRICS = ("lgff_mtre_mm", "lgff_mae")

MISSING = "Means are over the poses that exist; cases without one are counted beside them."
UNITS = (
    "mTRE (LGFF): landmarks on the vertebra's surface, distance of their projections in mm of the object. MAE (LGFF): "
    "mean over the six parameters in rad and 100 mm, the units that the paper's numbers imply. Time: of one "
    "registration; preparing a patient stands apart."
)
LGFF_NOT_COMPARABLE = (
    "Published values are printed for their order only: other CTs, unstated geometry and strengths of degradation, "
    "other hardware."
)

_OURS, _PUBLISHED = "Ours", "Published"


@dataclass(frozen=True, slots=True, eq=False)
class LgffRow(MethodRow):
    """The registrations of one method, beside one of the paper's tables.

    Attributes:
        table: Its number, for the published values.
    """

    table: str = ""

    def published(self, name: str) -> float | None:
        """The published value of a metric; None where the table has none."""
        return published_value(PAPER, self.table, self.label, name)


def lgff_row(run: FinishedRun, label: str, *, table: str) -> TableRow[Summary]:
    """The row of one method; not ranked where cases without a pose are left out of its means."""
    row = LgffRow(label, of_label(run.scores, label), table=table)
    return TableRow(context=row, method=label, ranked=row.no_pose == 0)


def _paper_column(name: str) -> Column[Summary]:
    metric = column(name)
    return mean_std_column(name, metric_heading(name), group=_OURS, decimals=metric.decimals, best=True)


def _published_column(name: str, heading: str, *, decimals: int = 2) -> Column[Summary]:
    return Column(
        heading=heading,
        name=f"published_{name}",
        compute=lambda row: row.published(name) if isinstance(row, LgffRow) else None,
        decimals=decimals,
        group=_PUBLISHED,
    )


PAPER_COLUMNS: tuple[Column[Summary], ...] = (
    METHOD_COLUMN,
    CASES_COLUMN,
    skipped_column(),
    *(_paper_column(name) for name in METRICS),
    mean_column("seconds", "Time\n(s)", decimals=3, group=_OURS),
    _published_column("lgff_mtre_mm", "mTRE\n(mm)"),
    _published_column("lgff_mae", "MAE", decimals=3),
    _published_column("seconds", "Time\n(s)"),
)

_ANGLES = ("rx_error_deg", "ry_error_deg", "rz_error_deg")
_IN_PLANE = ("tx_error_mm", "ty_error_mm")


def _axes_column(key: str, heading: str, axes: Sequence[str], *, group: str) -> Column[Summary]:
    """The mean over axes of each axis's mean."""
    return Column(
        heading=heading,
        name=key,
        compute=of_method(lambda row: sum(row.mean(axis) for axis in axes) / len(axes)),
        group=group,
        best=True,
    )


AUDITED_COLUMNS: tuple[Column[Summary], ...] = (
    METHOD_COLUMN,
    CASES_COLUMN,
    skipped_column(),
    _axes_column("rotation_axis_mean_deg_mean", "Mean\naxis (deg)", _ANGLES, group="Rotation"),
    mean_std_column("rotation_error_deg", "Geodesic\n(deg)", group="Rotation", best=True),
    _axes_column("in_plane_axis_mean_mm", "In plane,\nmean axis", _IN_PLANE, group="Translation (mm)"),
    mean_column("tz_error_mm", "Depth", group="Translation (mm)", best=True),
    mean_column("mtre_mm", "Mean", group="mTRE, 3D (mm)", best=True),
    p95_column("mtre_mm", "p95", group="mTRE, 3D (mm)", best=True),
    mean_column("mtre_in_plane_mm", "In\nplane", group="mTRE, 3D (mm)", best=True),
    mean_column("mtre_depth_mm", "In\ndepth", group="mTRE, 3D (mm)", best=True),
    *cost_columns(registrations),
)


def lgff_order(
    run: FinishedRun, steps: Sequence[tuple[str, str]], *, table: str, notes: Sequence[str] = ()
) -> Table[Step]:
    """Each step of a published order as a hypothesis: (worse, better) labels as published, of one of the tables."""
    return order_table(
        run,
        steps,
        METRICS,
        published=lambda label, name: published_value(PAPER, table, published_label(label), name),
        caption=f"LGFF-Reg Table {table}",
        notes=(*notes, LGFF_NOT_COMPARABLE),
        decimals=3,
    )
