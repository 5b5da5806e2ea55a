"""Relative rotation between estimates of single views, compared with that of the calibrated cameras."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.errors import FluorobenchError
from bench.geometry import Matrix, rotation_angle_deg
from bench.report.kinds import image_kind
from bench.report.marks import marked
from bench.report.summary import PERCENT
from bench.report.tables import Table, TableRow
from bench.score.column import Column
from bench.score.provenance import image_provenance
from bench.score.statistics import of_label, spread, text_column


@dataclass(frozen=True, slots=True, eq=False)
class _TurnRow:
    """One method's answers to two views of one acquisition.

    Attributes:
        label: Of the method.
        views: Acquisition and the numbers of its two views.
        stated_deg: Turn between the two cameras.
        errors_deg: Of each pair of answers, (n,); infinite where one is missing.
    """

    label: str
    views: str
    stated_deg: float
    errors_deg: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MutualTurn:
    """Table ``mutual_turn``: one row per pair of views and method.

    The first estimate of a view is paired with the first one of the other view, and so on.

    Attributes:
        within_deg: Threshold of the error.
    """

    within_deg: float = 1.0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``.

        Raises:
            FluorobenchError: No acquisition has two views that were registered one by one.
        """
        return marked(self.table(run), run.scores).write(run.folder / "tables", "mutual_turn")

    def table(self, run: FinishedRun) -> Table[_TurnRow]:
        """Rows by pair of views, then by method."""
        rows = [
            TableRow(context=_turn_row(run, label, pair), method=label, ranked=False)
            for pair in _pairs(run.scores)
            for label in run.labels
        ]
        if not rows:
            raise FluorobenchError(
                "mutual_turn needs real acquisitions of two views or more that are registered one by one "
                '(views = "each"); this run has none'
            )
        return Table(
            columns=self._columns(),
            rows=tuple(rows),
            caption=f"Mutual turn of answers to single views on {image_kind(run.scores).name}s. {run.description}.",
            notes=(
                "Error: the angle left between the turn from one answer to the other and the turn between the two "
                "cameras, which calibration or machine state. The reference pose cancels: no registration made this "
                "truth. An error common to both views (in the content's frame) cancels, too.",
                "Median and 95th percentile over pairs of answers, one without a pose standing at infinity.",
            ),
        )

    def _columns(self) -> tuple[Column[_TurnRow], ...]:
        return (
            Column(heading="Views", name="views", compute=lambda row: row.views),
            Column(heading="Turn\n(deg)", name="stated_deg", compute=lambda row: row.stated_deg),
            Column(heading="Method", name="method", compute=lambda row: row.label),
            Column(heading="Pairs", name="pairs", compute=lambda row: len(row.errors_deg)),
            Column(
                heading="Median",
                name="error_deg_median",
                compute=lambda row: spread(row.errors_deg).median,
                group="error (deg)",
            ),
            Column(
                heading="p95",
                name="error_deg_p95",
                compute=lambda row: spread(row.errors_deg).p95,
                group="error (deg)",
            ),
            Column(
                heading=f"Below\n{self.within_deg:g} deg",
                name="below_percent",
                compute=lambda row: PERCENT * float(np.mean(row.errors_deg < self.within_deg)),
                template="{} %",
                decimals=0,
            ),
        )


def _pairs(scores: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Acquisition and two of its views that were registered one by one."""
    seen = dict[str, dict[int, None]]()
    for images in image_provenance(scores):
        if images.acquisition is not None and images.view is not None:
            seen.setdefault(images.acquisition, {})[images.view] = None
    return [(name, *pair) for name, views in seen.items() for pair in combinations(sorted(views), 2)]


def _turn_row(run: FinishedRun, label: str, pair: tuple[str, int, int]) -> _TurnRow:
    name, *views = pair
    rows = of_label(run.scores, label)
    cases = [_cases(rows, name, view) for view in views]
    first, second = (run.case(some[0]).truth for some in cases)
    stated = _turn(first, second)
    left = [_left(run, label, (a, b), stated) for a, b in zip(*cases, strict=False)]
    return _TurnRow(label, f"{name} views {views[0]}, {views[1]}", rotation_angle_deg(first, second), np.array(left))


def _cases(rows: pd.DataFrame, acquisition: str, view: int) -> list[str]:
    names = zip(text_column(rows, "case_id"), image_provenance(rows), strict=True)
    return [name for name, images in names if (images.acquisition, images.view) == (acquisition, view)]


def _left(run: FinishedRun, label: str, cases: tuple[str, str], stated: Matrix) -> float:
    try:
        first, second = (run.estimate(label, case).pose for case in cases)
    except FluorobenchError:  # no pose
        return np.inf
    return rotation_angle_deg(_turn(first, second), stated)


def _turn(first: Matrix, second: Matrix) -> Matrix:
    """The second camera's axes in the first one's, 4x4 without a shift."""
    turn = np.eye(4)
    turn[:3, :3] = first[:3, :3] @ second[:3, :3].T
    return turn


plugin = MutualTurn

card = Card(
    title="Mutual turn of answers to single views, against the turn that the machine states",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
