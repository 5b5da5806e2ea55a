"""The ``Bound`` row of a table: what an estimate would leave that reaches every case's Cramer-Rao bound."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.report.tables import Cell, TableColumn, TableRow
from bench.score.columns import BOUND_PREFIX
from bench.score.statistics import values

BOUND_LABEL = "Bound"
BOUND_NOTE = (
    "Bound: mean errors of an unbiased estimate that reaches the Cramer-Rao bound of every case, given volume, gain "
    "and photons. A method well below it leaks, or knows more than the image tells."
)


def bounded(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a case, the cases that have a bound: contents are matched and the law of noise is stated."""
    has = np.isfinite(values(scores, f"{BOUND_PREFIX}translation_error_mm"))
    return scores[has].drop_duplicates("case_id")


def bound_rows(scores: pd.DataFrame, columns: Sequence[TableColumn]) -> tuple[TableRow, ...]:
    """The row that ends a table on matched content; none elsewhere.

    Args:
        scores: A run's rows.
        columns: The table's. Those keyed ``METRIC_mean`` or ``METRIC_median`` are filled where the metric has a bound,
            ``method`` and ``cases`` always, others never.
    """
    cases = bounded(scores)
    if cases.empty:
        return ()
    return (TableRow(cells=tuple(_cell(cases, column) for column in columns), ranked=False),)


def _cell(cases: pd.DataFrame, column: TableColumn) -> Cell:
    rest = (None,) * (len(column.keys) - 1)
    metric, _, statistic = column.keys[0].rpartition("_")
    name = f"{BOUND_PREFIX}{metric}"
    if column.keys[0] in ("method", "cases"):
        return (BOUND_LABEL if column.keys[0] == "method" else len(cases), *rest)
    if statistic not in ("mean", "median") or name not in cases.columns:
        return (None, *rest)
    sample = values(cases, name)
    return (float(sample.mean() if statistic == "mean" else np.median(sample)), *rest)
