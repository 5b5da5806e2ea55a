"""How near every method comes to the Cramer-Rao bound, and whether its own covariance says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.contract import Card, FinishedRun
from bench.report.bound import BOUND_NOTE, bound_rows, bounded
from bench.report.marks import marked
from bench.report.tables import Cell, Table, TableColumn, TableRow
from bench.score.columns import BOUND_PREFIX, STATED_PREFIX, column
from bench.score.statistics import of_label, values

_METRICS = ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm", "mtre_mm")


def _columns() -> tuple[TableColumn, ...]:
    found = [
        TableColumn(heading="Method", keys=("method",)),
        TableColumn(heading="Cases", keys=("cases",)),
        TableColumn(heading="Strict\nsuccesses", keys=("successes",)),
    ]
    for name in _METRICS:
        metric = column(name)
        group = f"{metric.heading} ({metric.unit})"
        found += [
            TableColumn(heading="Mean", keys=(f"{name}_mean",), decimals=3, group=group),
            TableColumn(heading="by bound", keys=(f"{name}_by_bound",), group=group),
            TableColumn(heading="by stated", keys=(f"{name}_by_stated",), group=group),
        ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PoseBound:
    """Table ``pose_bound``: mean errors of the strict successes, and their ratios to what the noise allows.

    Nothing is written where no case has a bound.
    """

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the table under ``tables``."""
        table = self.table(run)
        return [] if table is None else marked(table, run.scores).write(run.folder / "tables", "pose_bound")

    def table(self, run: FinishedRun) -> Table | None:
        """The table; None where no case has a bound."""
        if bounded(run.scores).empty:
            return None
        columns = _columns()
        return Table(
            columns=columns,
            rows=(*(_row(run.scores, label) for label in run.labels), *bound_rows(run.scores, columns)),
            caption=f"Errors of the strict successes against their Cramer-Rao bound. {run.description}.",
            notes=(
                BOUND_NOTE,
                "By bound: mean error over the successes divided by the mean that the bound allows; 1 = efficient. By "
                "stated: the same against the mean that the method's own covariance states; above 1 = too sure of "
                "itself. Failures have left the region in which a bound means anything: see the other tables.",
            ),
        )


def _row(scores: pd.DataFrame, label: str) -> TableRow:
    rows = of_label(scores, label)
    kept = rows[np.asarray(rows["success_strict"], dtype=bool)]
    cells: list[Cell] = [(label,), (len(rows),), (len(kept),)]
    for name in _METRICS:
        errors = values(kept, name)
        cells.append((float(errors.mean()) if errors.size else None,))
        cells += [(_ratio(errors, values(kept, f"{prefix}{name}")),) for prefix in (BOUND_PREFIX, STATED_PREFIX)]
    return TableRow(cells=tuple(cells), ranked=False)


def _ratio(errors: np.ndarray, expected: np.ndarray) -> float | None:
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
