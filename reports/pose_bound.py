"""Errors of every method relative to the Cramer-Rao bound and to the covariance that the method states."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.marks import marked
from bench.report.summary import (
    BOUND_NOTE,
    CASES_COLUMN,
    METHOD_COLUMN,
    MethodRow,
    Summary,
    bound_rows,
    bounded,
    method_row,
    of_method,
)
from bench.report.tables import Table
from bench.score.column import BOUND_PREFIX, STATED_PREFIX, Cell, Column
from bench.score.columns import column
from bench.score.statistics import values

_METRICS = ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm", "mtre_mm")


def _ratio_column(name: str, heading: str, key: str, prefix: str, group: str) -> Column[Summary]:
    return Column(
        heading=heading,
        name=f"{name}_{key}",
        compute=of_method(lambda row: _ratio(_of_successes(row, name), _of_successes(row, f"{prefix}{name}"))),
        group=group,
    )


def _metric_columns(name: str) -> tuple[Column[Summary], ...]:
    metric = column(name)
    group = f"{metric.heading} ({metric.unit})"
    return (
        Column(heading="Mean", name=f"{name}_mean", compute=lambda row: _mean(row, name), decimals=3, group=group),
        _ratio_column(name, "by bound", "by_bound", BOUND_PREFIX, group),
        _ratio_column(name, "by stated", "by_stated", STATED_PREFIX, group),
    )


def _mean(row: Summary, name: str) -> Cell:
    """Mean error of the strict successes; of the bound, that of all of its cases."""
    if not isinstance(row, MethodRow):
        return (row.mean(name),)
    errors = _of_successes(row, name)
    return (float(errors.mean()) if errors.size else None,)


def _of_successes(row: MethodRow, name: str) -> NDArray[np.float64]:
    successes = np.asarray(row.rows["success_strict"], dtype=bool)
    return np.asarray(values(row.rows, name)[successes])


COLUMNS: tuple[Column[Summary], ...] = (
    METHOD_COLUMN,
    CASES_COLUMN,
    Column(
        heading="Strict\nsuccesses",
        name="successes",
        compute=of_method(lambda row: int(np.count_nonzero(row.rows["success_strict"]))),
    ),
    *(each for name in _METRICS for each in _metric_columns(name)),
)


@dataclass(frozen=True, slots=True)
class PoseBound:
    """Table ``pose_bound``: mean errors of the strict successes, and their ratios to what the noise allows.

    Nothing is written where no case has a bound.
    """

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the table under ``tables``."""
        table = self.table(run)
        return [] if table is None else marked(table, run.scores).write(run.folder / "tables", "pose_bound")

    def table(self, run: FinishedRun) -> Table[Summary] | None:
        """The table; None where no case has a bound."""
        if bounded(run.scores).empty:
            return None
        rows = (replace(method_row(run.scores, label), ranked=False) for label in run.labels)
        return Table(
            columns=COLUMNS,
            rows=(*rows, *bound_rows(run.scores)),
            caption=f"Errors of the strict successes against their Cramer-Rao bound. {run.description}.",
            notes=(
                BOUND_NOTE,
                "By bound: mean error over the successes divided by the mean that the bound allows; 1 = efficient. By "
                "stated: the same against the mean that the method's own covariance states; above 1: "
                "overconfident. Failures lie outside the region in which a bound is meaningful: see the other tables.",
            ),
        )


def _ratio(errors: NDArray[np.float64], expected: NDArray[np.float64]) -> float | None:
    """Mean error by mean expected error over the cases that have one."""
    has = np.isfinite(expected) & (expected > 0)
    return float(errors[has].mean() / expected[has].mean()) if has.any() else None


plugin = PoseBound

card = Card(
    title="Errors against the Cramer-Rao bound",
    source="ours",
    citation="C. R. Rao, Information and the accuracy attainable in the estimation of statistical parameters, 1945",
    licence="Apache-2.0",
    deviations=("Volume, gain, offset and photons are known to the bound; most methods know the volume alone.",),
)
