"""What the tables of LGFF-Reg share: its columns with the published values beside, ours by sound definitions."""

from collections.abc import Sequence
from math import isnan

import pandas as pd

from bench.contract import FinishedRun, Outcome
from bench.report.published import find_published
from bench.report.tables import Cell, Table, TableColumn, TableRow
from bench.score.columns import column
from bench.score.paired import PairedDifference, paired_differences
from bench.score.statistics import of_label, spread, text_column, values

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


def _mean_std(name: str) -> TableColumn:
    metric = column(name)
    unit = f"\n({metric.unit})" if metric.unit else ""
    return TableColumn(
        heading=f"{metric.heading}{unit}",
        keys=(f"{name}_mean", f"{name}_std"),
        template="{} ± {}",
        decimals=metric.decimals,
        group=_OURS,
        best=True,
    )


PAPER_COLUMNS = (
    TableColumn(heading="Method", keys=("method",)),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="No pose", keys=("no_pose",)),
    *(_mean_std(name) for name in METRICS),
    TableColumn(heading="Time\n(s)", keys=("seconds_mean",), decimals=3, group=_OURS),
    TableColumn(heading="mTRE\n(mm)", keys=("published_lgff_mtre_mm",), group=_PUBLISHED),
    TableColumn(heading="MAE", keys=("published_lgff_mae",), decimals=3, group=_PUBLISHED),
    TableColumn(heading="Time\n(s)", keys=("published_seconds",), group=_PUBLISHED),
)

_AXES = ("rx_error_deg", "ry_error_deg", "rz_error_deg", "tx_error_mm", "ty_error_mm", "tz_error_mm")

AUDITED_COLUMNS = (
    TableColumn(heading="Method", keys=("method",)),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="No pose", keys=("no_pose",)),
    TableColumn(heading="Mean\naxis (deg)", keys=("rotation_axis_mean_deg_mean",), group="Rotation", best=True),
    TableColumn(
        heading="Geodesic\n(deg)",
        keys=("rotation_error_deg_mean", "rotation_error_deg_std"),
        template="{} ± {}",
        group="Rotation",
        best=True,
    ),
    TableColumn(heading="In plane,\nmean axis", keys=("in_plane_axis_mean_mm",), group="Translation (mm)", best=True),
    TableColumn(heading="Depth", keys=("tz_error_mm_mean",), group="Translation (mm)", best=True),
    TableColumn(heading="Mean", keys=("mtre_mm_mean",), group="mTRE, 3D (mm)", best=True),
    TableColumn(heading="p95", keys=("mtre_mm_p95",), group="mTRE, 3D (mm)", best=True),
    TableColumn(heading="In\nplane", keys=("mtre_in_plane_mm_mean",), group="mTRE, 3D (mm)", best=True),
    TableColumn(heading="In\ndepth", keys=("mtre_depth_mm_mean",), group="mTRE, 3D (mm)", best=True),
    TableColumn(heading="Median\ntime (s)", keys=("seconds_median",), decimals=3),
    TableColumn(heading="Preparing\n(s)", keys=("seconds_prepare_mean",), decimals=1),
    TableColumn(heading="DRRs", keys=("drr_evaluations_mean",), decimals=0),
)

ORDER_COLUMNS = (
    TableColumn(heading="Compared", keys=("compared",)),
    TableColumn(heading="Metric", keys=("metric",)),
    TableColumn(heading="Published\ndifference", keys=("published",), decimals=3),
    TableColumn(heading="Our difference\n[95 %]", keys=("ours", "low", "high"), template="{} [{}, {}]", decimals=3),
    TableColumn(heading="p\n(Holm)", keys=("p_holm",), decimals=3),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="Published\norder", keys=("verdict",)),
)


def paper_row(run: FinishedRun, label: str, *, table: str) -> TableRow:
    """A method's means beside the published ones of a table."""
    rows = of_label(run.scores, label)
    no_pose = _no_pose(rows)
    ours: list[Cell] = [(spread(values(rows, name)).mean, spread(values(rows, name)).std) for name in METRICS]
    cells: tuple[Cell, ...] = (
        (label,),
        (len(rows),),
        (no_pose,),
        *ours,
        (spread(values(rows, "seconds")).mean,),
        *((_published(table, label, name),) for name in (*METRICS, "seconds")),
    )
    return TableRow(cells=cells, ranked=no_pose == 0)


def audited_row(run: FinishedRun, label: str) -> TableRow:
    """The same registrations by sound definitions, depth apart."""
    rows = of_label(run.scores, label)
    no_pose = _no_pose(rows)
    rotation, mtre = spread(values(rows, "rotation_error_deg")), spread(values(rows, "mtre_mm"))
    axes = {name: spread(values(rows, name)).mean for name in _AXES}
    cells: tuple[Cell, ...] = (
        (label,),
        (len(rows),),
        (no_pose,),
        (sum(axes[name] for name in _AXES[:3]) / 3,),
        (rotation.mean, rotation.std),
        ((axes["tx_error_mm"] + axes["ty_error_mm"]) / 2,),
        (axes["tz_error_mm"],),
        (mtre.mean,),
        (mtre.p95,),
        *((spread(values(rows, name)).mean,) for name in ("mtre_in_plane_mm", "mtre_depth_mm")),
        (spread(values(rows, "seconds")).median,),
        *((spread(values(rows, name)).mean,) for name in ("seconds_prepare", "drr_evaluations")),
    )
    return TableRow(cells=cells, ranked=no_pose == 0)


def order_table(run: FinishedRun, steps: Sequence[tuple[str, str]], *, table: str, seed: int) -> Table:
    """Each step of a published order as a hypothesis: our difference with its interval.

    Args:
        run: Finished.
        steps: (worse, better) labels as published; those that the run lacks are left out.
        table: Of the paper.
        seed: Of the bootstrap.
    """
    known = [step for step in steps if set(step) <= set(run.labels)]
    asked = [(name, *step) for step in known for name in METRICS]
    found = paired_differences(run.scores, asked, seed=seed)
    rows = [_order_row(each, name, table=table) for (name, *_), each in zip(asked, found, strict=True)]
    return Table(
        columns=ORDER_COLUMNS,
        rows=tuple(rows),
        caption=f"LGFF-Reg Table {table}: the published order, step by step. {run.description}.",
        notes=(
            "Differences are the first method's error minus the second's; published, the first is worse. Interval: "
            "bootstrap over the cases that both answered. Of one patient it speaks of other poses of that patient, not "
            "of other patients. Held or reversed: p below 0.05, of the same resamples, adjusted for all rows of this "
            "table (Holm); an interval is of its row alone.",
            LGFF_NOT_COMPARABLE,
        ),
    )


def _order_row(found: PairedDifference, name: str, *, table: str) -> TableRow:
    before = [_published(table, label, name) for label in (found.first, found.second)]
    published = None if before[0] is None or before[1] is None else before[0] - before[1]
    interval = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    cells: tuple[Cell, ...] = (
        (f"{found.first} - {found.second}",),
        (column(name).title,),
        (published,),
        (None if isnan(found.mean) else found.mean, *interval),
        (found.p_holm,),
        (found.cases,),
        (_verdict(found, published),),
    )
    return TableRow(cells=cells)


def _verdict(found: PairedDifference, published: float | None) -> str:
    if not found.cases:
        return "not tested"
    if published is None:
        return f"(none) {found.verdict}"
    if not published or found.verdict == "open":
        return "open"
    return "held" if (found.verdict == "larger") == (published > 0) else "reversed"


def _no_pose(rows: pd.DataFrame) -> int | str:
    """How many cases have none; ``skipped`` where the method took none of them on, as without weights."""
    if set(text_column(rows, "outcome")) == {str(Outcome.SKIPPED.value)}:
        return "skipped"
    return text_column(rows, "failure").count("no_pose")


def _published(table: str, label: str, name: str) -> float | None:
    found = find_published(PAPER, table=table, row=label, column=name)
    return None if found is None else found.value
