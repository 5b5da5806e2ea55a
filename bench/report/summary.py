"""The rows of a table that sum up one method's registrations, and the columns that most tables share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from bench.contract import Outcome
from bench.report.published import find_published
from bench.report.tables import TableRow
from bench.score.column import BOUND_PREFIX, Cell, Column, Context, Value
from bench.score.columns import column
from bench.score.statistics import Rate, failure_rate, of_label, spread, text_column, values

PERCENT = 100
BOUND_LABEL = "Bound"
BOUND_NOTE = (
    "Bound: mean errors of an unbiased estimate that reaches the Cramer-Rao bound of every case, given volume, gain "
    "and photons. A method well below it uses information that is not in the image."
)


@dataclass(frozen=True, slots=True, eq=False)
class MethodRow:
    """The registrations of one method.

    Attributes:
        label: Of the method.
        rows: Its score rows, in the order of the cases.
    """

    label: str
    rows: pd.DataFrame

    @property
    def cases(self) -> int:
        """How many cases it was given."""
        return len(self.rows)

    @property
    def patients(self) -> int:
        """How many patients these cases are of."""
        return len(set(text_column(self.rows, "patient_id")))

    @property
    def no_pose(self) -> int:
        """In how many cases it gave no pose."""
        return self.count("no_pose")

    @property
    def skipped(self) -> bool:
        """Whether it skipped all cases, as a network without weights does."""
        return set(text_column(self.rows, "outcome")) == {str(Outcome.SKIPPED.value)}

    def count(self, failure: str) -> int:
        """Cases that ended in a kind of failure (``bench.score.registration.FAILURES``)."""
        return text_column(self.rows, "failure").count(failure)

    def share(self, failure: str) -> float:
        """The same by all cases."""
        return self.count(failure) / self.cases

    def mean(self, name: str) -> float:
        """Mean of a metric over the poses that exist; NaN without any."""
        return spread(values(self.rows, name)).mean

    def std(self, name: str) -> float:
        """Standard deviation of a metric (divisor n) over the same poses."""
        return spread(values(self.rows, name)).std

    def median(self, name: str) -> float:
        """Median of a metric over all cases, a case without a pose standing at infinity."""
        return spread(values(self.rows, name)).median

    def measured_median(self, name: str) -> float | None:
        """The same of what is measured in a method's process; None where answers came from elsewhere."""
        known = name in self.rows.columns and bool(np.isfinite(values(self.rows, name)).any())
        return self.median(name) if known else None

    @property
    def threads(self) -> str | None:
        """How many its process may use; several numbers where that changed; None likewise."""
        found = values(self.rows, "threads") if "threads" in self.rows.columns else np.empty(0)
        return ", ".join(f"{each:.0f}" for each in np.unique(found[np.isfinite(found)])) or None

    def p95(self, name: str) -> float:
        """95th percentile, likewise."""
        return spread(values(self.rows, name)).p95

    def failure_rate(self, success: str = "success_strict") -> Rate:
        """Share of cases that are no success, a case without a pose among them."""
        return failure_rate(self.rows, success)


@dataclass(frozen=True, slots=True, eq=False)
class BoundRow:
    """Errors of an estimate that reaches every case's Cramer-Rao bound.

    Attributes:
        rows: One score row a case that has a bound.
    """

    rows: pd.DataFrame

    @property
    def label(self) -> str:
        """Printed in place of a method's label."""
        return BOUND_LABEL

    @property
    def cases(self) -> int:
        """How many cases have a bound."""
        return len(self.rows)

    def mean(self, name: str) -> float | None:
        """Mean of a metric at the bound; None where the metric has none."""
        sample = self._sample(name)
        return None if sample is None else float(sample.mean())

    def std(self, name: str) -> None:
        """No table prints a deviation of bounds."""

    def median(self, name: str) -> float | None:
        """Median of a metric at the bound, likewise."""
        sample = self._sample(name)
        return None if sample is None else float(np.median(sample))

    def _sample(self, name: str) -> np.ndarray | None:
        bound = f"{BOUND_PREFIX}{name}"
        return values(self.rows, bound) if bound in self.rows.columns else None


Summary: TypeAlias = MethodRow | BoundRow


def method_row(scores: pd.DataFrame, label: str) -> TableRow[Summary]:
    """The row of one method; not ranked where cases without a pose are left out of its means."""
    row = MethodRow(label, of_label(scores, label))
    return TableRow(context=row, method=label, ranked=row.no_pose == 0)


def bounded(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a case, the cases that have a bound: contents are matched and the distribution of the noise is stated."""
    has = np.isfinite(values(scores, f"{BOUND_PREFIX}translation_error_mm"))
    first = ~np.asarray(scores["case_id"].duplicated(), dtype=bool)
    chosen: pd.DataFrame = scores[has & first]
    return chosen


def bound_rows(scores: pd.DataFrame) -> tuple[TableRow[Summary], ...]:
    """The row that ends a table on matched content; none elsewhere."""
    cases = bounded(scores)
    return () if cases.empty else (TableRow(context=BoundRow(cases), ranked=False),)


def of_method(compute: Callable[[MethodRow], Value | Cell]) -> Callable[[Summary], Value | Cell]:
    """A cell that only methods have: empty in the row of the bound."""
    return lambda row: compute(row) if isinstance(row, MethodRow) else None


def registrations(row: Summary) -> MethodRow | None:
    """Of a method; None in the row of the bound."""
    return row if isinstance(row, MethodRow) else None


METHOD_COLUMN: Column[Summary] = Column(heading="Method", name="method", compute=lambda row: row.label)
CASES_COLUMN: Column[Summary] = Column(heading="Cases", name="cases", compute=lambda row: row.cases)


def no_pose_column(heading: str = "No pose") -> Column[Summary]:
    """How many cases have no pose."""
    return Column(heading=heading, name="no_pose", compute=of_method(lambda row: row.no_pose))


def skipped_column() -> Column[Summary]:
    """How many cases have no pose; ``skipped`` where the method skipped all of them."""
    return Column(
        heading="No pose",
        name="no_pose",
        compute=of_method(lambda row: "skipped" if row.skipped else row.no_pose),
    )


def mean_column(name: str, heading: str, *, group: str = "", decimals: int = 2, best: bool = False) -> Column[Summary]:
    """The mean of a metric."""
    return Column(
        heading=heading,
        name=f"{name}_mean",
        compute=lambda row: row.mean(name),
        decimals=decimals,
        group=group,
        best=best,
    )


def median_column(
    name: str, heading: str, *, group: str = "", decimals: int = 2, best: bool = False
) -> Column[Summary]:
    """The median of a metric."""
    return Column(
        heading=heading,
        name=f"{name}_median",
        compute=lambda row: row.median(name),
        decimals=decimals,
        group=group,
        best=best,
    )


def cost_columns(of: Callable[[Context], MethodRow | None], *, with_drrs: bool = True) -> tuple[Column[Context], ...]:
    """Wall and processor time of a case (medians), of preparing, threads, and renderings (mean).

    Args:
        of: The registrations of a row; None where the row states none.
        with_drrs: Whether renderings are among them.
    """
    shown: tuple[tuple[str, str, int, Callable[[MethodRow], Value]], ...] = (
        ("seconds_median", "Wall\n(s)", 2, lambda row: row.measured_median("seconds")),
        ("processor_seconds_median", "Processor\n(s)", 2, lambda row: row.measured_median("processor_seconds")),
        ("seconds_prepare_mean", "Preparing\n(s)", 1, lambda row: row.mean("seconds_prepare")),
        ("threads", "Threads", 0, lambda row: row.threads),
        ("drr_evaluations_mean", "DRRs", 0, lambda row: row.mean("drr_evaluations")),
    )

    def cell(what: Callable[[MethodRow], Value]) -> Callable[[Context], Value]:
        return lambda context: None if (row := of(context)) is None else what(row)

    return tuple(
        Column(name=name, heading=heading, compute=cell(what), decimals=decimals, group="Cost")
        for name, heading, decimals, what in (shown if with_drrs else shown[:-1])
    )


ABSENT = (
    "Skipped rows have no weights, which are not shipped: make ablations, in a checkout, trains each for equal steps, "
    "goes on where it stopped, and fills the tables. Compare rows of equal training alone."
)
"""Of tables of ablations."""

COST_NOTE = (
    "Cost: wall and processor time of a case are medians, without preparing the patient; all are measured in the "
    "method's process from problem to answer, DRRs by the projector."
)


def p95_column(name: str, heading: str, *, group: str, best: bool = False) -> Column[Summary]:
    """The 95th percentile of a metric."""
    return Column(
        heading=heading,
        name=f"{name}_p95",
        compute=of_method(lambda row: row.p95(name)),
        group=group,
        best=best,
    )


def mean_std_column(
    name: str, heading: str, *, group: str = "", decimals: int = 2, best: bool = False
) -> Column[Summary]:
    """Mean and standard deviation of a metric."""
    return Column(
        heading=heading,
        name=f"{name}_mean",
        further=(f"{name}_std",),
        compute=lambda row: (row.mean(name), row.std(name)),
        template="{} ± {}",
        decimals=decimals,
        group=group,
        best=best,
    )


def axis_mean_column(name: str, heading: str, axes: tuple[str, ...], *, group: str = "") -> Column[Summary]:
    """Mean over axes of each axis's mean ± mean over axes of each axis's deviation, as SOPI's Initial row implies."""
    return Column(
        heading=heading,
        name=f"{name}_mean",
        further=(f"{name}_std",),
        compute=lambda row: _over_axes(row, axes) if isinstance(row, MethodRow) else (row.mean(name), None),
        template="{} ± {}",
        group=group,
        best=True,
    )


def metric_heading(name: str) -> str:
    """Heading of a metric, its unit below."""
    metric = column(name)
    return f"{metric.heading}\n({metric.unit})" if metric.unit else metric.heading


def published_column(paper: str, table: str, name: str, *, group: str) -> Column[Summary]:
    """Published mean and standard deviation of a metric."""
    return Column(
        heading=metric_heading(name),
        name=f"published_{name}_mean",
        further=(f"published_{name}_std",),
        compute=of_method(lambda row: published_cell(paper, table, row.label, name)),
        template="{} ± {}",
        decimals=column(name).decimals,
        group=group,
    )


def published_cell(paper: str, table: str, label: str, name: str) -> Cell:
    """Published value and its spread; None each where the paper has none."""
    found = find_published(paper, table=table, row=label, column=name)
    return (None, None) if found is None else (found.value, found.std)


def _over_axes(row: MethodRow, axes: tuple[str, ...]) -> Cell:
    means, deviations = [row.mean(axis) for axis in axes], [row.std(axis) for axis in axes]
    return (float(np.mean(means)), float(np.mean(deviations)))


def rate_cell(found: Rate) -> Cell:
    """A share in percent, with the ends of its interval where there is one."""
    if found.interval is None:
        return (PERCENT * found.share, None, None)
    return (PERCENT * found.share, PERCENT * found.interval.low, PERCENT * found.interval.high)
