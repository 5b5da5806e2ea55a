"""Reliability: how often poses are in the right basin, by the probability with which methods state that they are.

A method is calibrated if 90 % of its answers that state 90 % are right (DeGroot and Fienberg 1983). The expected
calibration error (Naeini et al. 2015) is the mean distance between both over bins, by the number of answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, Axes, footnote, grid, house_style, line_style, save
from bench.report.marks import marked
from bench.report.summary import METHOD_COLUMN, MethodRow, Summary, method_row, of_method, rate_cell
from bench.report.tables import Table
from bench.score.column import Cell, Column
from bench.score.statistics import Rate, of_label, rate, text_column, values

# Narrower where methods state most of what they state.
BINS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)
SURE = 0.95
RIGHT = ("success", "depth_only")


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """The answers of one method that state a confidence.

    Attributes:
        confidence: (n,).
        right: (n,), whether the pose is in the right basin.
        patients: (n,).
    """

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    patients: NDArray[np.str_]

    def within(self, low: float, high: float) -> "Stated":
        """Those with a confidence of ``low`` to less than ``high``; 1 belongs to the last bin."""
        chosen = (self.confidence >= low) & ((self.confidence < high) | (high == BINS[-1]))
        return Stated(self.confidence[chosen], self.right[chosen], self.patients[chosen])

    @property
    def bins(self) -> list["Stated"]:
        """Those of each bin that is not empty."""
        parts = (self.within(low, high) for low, high in pairwise(BINS))
        return [each for each in parts if each.confidence.size]

    @property
    def rate(self) -> Rate:
        """Of right answers."""
        return rate(self.right, list(self.patients))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error."""
        apart = [each.confidence.size * abs(each.confidence.mean() - each.right.mean()) for each in self.bins]
        return float(sum(apart) / self.confidence.size)


def stated(rows: pd.DataFrame) -> Stated | None:
    """Of the score rows of one method; None where it states no confidence."""
    if "confidence" not in rows.columns:
        return None
    confidence = values(rows, "confidence")
    has = np.isfinite(confidence)
    right = np.isin(text_column(rows, "failure"), RIGHT)
    return Stated(confidence[has], right[has], np.array(text_column(rows, "patient_id"))[has]) if has.any() else None


def _stated_column(name: str, heading: str, cell: Callable[[Stated], Cell], *, decimals: int = 0) -> Column[Summary]:
    return Column(heading=heading, name=name, compute=of_method(lambda row: _cell(row, cell)), decimals=decimals)


def _rate_column(name: str, heading: str, cell: Callable[[Stated], Cell], *, decimals: int = 0) -> Column[Summary]:
    """A share with its interval."""
    column = _stated_column(name, heading, cell, decimals=decimals)
    return replace(column, template="{} [{}, {}]", further=(f"{name}_low", f"{name}_high"))


def _cell(row: MethodRow, cell: Callable[[Stated], Cell]) -> Cell:
    found = stated(row.rows)
    assert found is not None, "rows are of methods that state a confidence"
    return cell(found)


def _wrong_of_sure(found: Stated) -> Cell:
    sure = found.within(SURE, 1.0)
    return rate_cell(rate(~sure.right, list(sure.patients))) if sure.confidence.size else (None, None, None)


COLUMNS: tuple[Column[Summary], ...] = (
    METHOD_COLUMN,
    _stated_column("stated", "Stated", lambda found: (found.confidence.size,)),
    _stated_column(
        "confidence", "Mean\nconfidence (%)", lambda found: (100 * float(found.confidence.mean()),), decimals=1
    ),
    _rate_column("right", "Right\nbasin (%)", lambda found: rate_cell(found.rate), decimals=1),
    _stated_column("error", "Calibration\nerror", lambda found: (found.calibration_error,), decimals=3),
    _stated_column("sure", "Sure\n(95 %)", lambda found: (found.within(SURE, 1.0).confidence.size,)),
    _rate_column("sure_wrong", "Of these\nwrong (%)", _wrong_of_sure, decimals=1),
)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Figure and table ``reliability``; nothing is written where no method states a confidence."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the table under ``tables``, the figure under ``figures``."""
        found = {label: each for label in run.labels if (each := stated(of_label(run.scores, label))) is not None}
        if not found:
            return []
        with house_style():
            figures = self._draw(run, found)
        return [*marked(self.table(run, list(found)), run.scores).write(run.folder / "tables", "reliability"), *figures]

    def table(self, run: FinishedRun, labels: Sequence[str]) -> Table[Summary]:
        """One row for each method that states confidences."""
        return Table(
            columns=COLUMNS,
            rows=tuple(method_row(run.scores, label) for label in labels),
            caption=f"Confidence stated by methods, and how often it was justified. {run.description}.",
            notes=(
                "Right basin: rotation below 3 deg and displacement in the image plane below 3 mm. Calibration error: "
                "mean distance between stated and observed share over bins of confidence (from "
                f"{', '.join(f'{100 * each:g}' for each in BINS[:-1])} % on).",
            ),
        )

    def _draw(self, run: FinishedRun, found: dict[str, Stated]) -> list[Path]:
        figure, [[axes]] = grid(1, 1, width=4.4, height=3.6)
        axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.7, linestyle=(0, (2, 2)), label="as stated")
        for index, (label, each) in enumerate(found.items()):
            _points(axes, each, index, label)
        axes.set(xlim=(0, 101), ylim=(0, 103), xlabel="Stated confidence (%)", ylabel="In the right basin (%)")
        axes.grid(visible=True)
        axes.legend(loc="upper left")
        footnote(figure, [f"{run.description}. Beside each point: answers; bars: 95 % intervals over patients."])
        return save(figure, run.folder / "figures", "reliability")


def _points(axes: Axes, found: Stated, index: int, label: str) -> None:
    """One point a bin, with the interval of its share."""
    means = [100 * float(each.confidence.mean()) for each in found.bins]
    shares = [100 * float(each.right.mean()) for each in found.bins]
    axes.plot(means, shares, marker="o", markersize=4, linewidth=1.2, label=label, **line_style(index))
    for x, y, each in zip(means, shares, found.bins, strict=True):
        axes.annotate(f"{each.confidence.size}", (x, y), xytext=(4, -8), textcoords="offset points", fontsize=6)
        interval = each.rate.interval
        if interval is not None:
            axes.plot(
                [x, x], [100 * interval.low, 100 * interval.high], linewidth=0.8, color=line_style(index)["color"]
            )


plugin = Reliability

card = Card(
    title="Reliability of the confidence that methods state",
    source="ours",
    citation="M. H. DeGroot and S. E. Fienberg, The comparison and evaluation of forecasters, Statistician 32, 1983",
    licence="Apache-2.0",
)
