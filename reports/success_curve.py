"""Success curve: the share of cases whose mTRE, or its part in the image's plane, lies below a threshold, by method.

The axis of thresholds is logarithmic, so that differences below a tenth of a millimetre show beside failures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, Axes, footnote, grid, house_style, line_style, save
from bench.score.statistics import of_label, values

THRESHOLDS = ((2.0, "2 mm"), (10.0, "10 mm"))
# Smallest threshold drawn, mm: finer than the uncertainty of any reference.
_FINEST_MM = 1e-3
# Of a curve, at most.
_STEPS = 4000
# One view determines depth weakly, so the in-plane part has a panel of its own.
PANELS = {"mtre_mm": "mTRE", "mtre_in_plane_mm": "mTRE in plane"}


@dataclass(frozen=True, slots=True)
class SuccessCurve:
    """Figure ``success_curve``.

    Attributes:
        limit_mm: Right end of the axis.
    """

    limit_mm: float = 20.0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        with house_style():
            return self._write(run)

    def _write(self, run: FinishedRun) -> list[Path]:
        figure, [panels] = grid(1, len(PANELS), width=8.6, height=3.4, sharey=True)
        shown = [values(of_label(run.scores, label), name) for label in run.labels for name in PANELS]
        low = left_end(shown, self.limit_mm)
        for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
            for index, label in enumerate(run.labels):
                rows = of_label(run.scores, label)
                below = 100 * share_below(values(rows, "mtre_mm"), 10.0)
                self._draw(axes, values(rows, name), index, f"{label} ({below:.0f} %)", low)
            self._frame(axes, f"{title} threshold (mm)", low)
        panels[0].set_ylabel("Cases below (%)")
        panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=2.2)
        definitions = (
            "In brackets: share of mTRE below 10 mm. In plane: parallel to the first view's detector. A case without a "
            "pose is never below."
        )
        footnote(figure, [f"{run.description}. {definitions}"])
        return save(figure, run.folder / "figures", "success_curve")

    def _draw(self, axes: Axes, errors: NDArray[np.float64], index: int, label: str, low: float) -> None:
        """Every case is a step; the curve starts at the share of answers that are nearer than the axis begins."""
        found = np.maximum(np.sort(errors[np.isfinite(errors) & (errors <= self.limit_mm)]), low)
        reached = np.arange(1, found.size + 1)
        if found.size > _STEPS:  # more cannot be seen, and a file would hold every one
            reached = np.unique(np.linspace(1, found.size, _STEPS).round().astype(np.int64))
        steps = np.concatenate([[low], found[reached - 1], [self.limit_mm]])
        shares = 100 * np.concatenate([[0.0], reached, [found.size]]) / errors.size
        axes.step(steps, shares, where="post", label=label, linewidth=1.6, **line_style(index))

    def _frame(self, axes: Axes, label: str, low: float) -> None:
        for threshold, name in THRESHOLDS:
            if threshold < self.limit_mm:
                axes.axvline(threshold, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=0)
                axes.text(threshold, 103.5, name, ha="center", va="bottom", fontsize=7, color=GREY)
        axes.set_xscale("log")
        axes.set(xlim=(low, self.limit_mm), ylim=(0, 103), xlabel=label)
        ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if low <= tick <= self.limit_mm]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_yticks(range(0, 101, 20))
        axes.grid(axis="y")


def left_end(errors: Sequence[NDArray[np.float64]], limit_mm: float) -> float:
    """Where the axis begins, mm: a decade at or below the median error of the best method, within limits.

    Args:
        errors: Of each method, mm; NaN without an answer.
        limit_mm: Where it ends.
    """
    known = [each[np.isfinite(each)] for each in errors]
    best = min((float(np.median(each)) for each in known if each.size), default=limit_mm)
    decade = 10.0 ** np.floor(np.log10(max(best, _FINEST_MM)) - 0.5)
    return float(np.clip(decade, _FINEST_MM, limit_mm / 10))


def share_below(errors: NDArray[np.float64], threshold_mm: float) -> float:
    """Share of all cases below a threshold; NaN is not below."""
    return float((errors < threshold_mm).mean())


plugin = SuccessCurve

card = Card(
    title="Success curve: share of cases below an mTRE threshold",
    source="ours; thresholds of van de Kraats 2005 (2 mm) and ProST 2024 (10 mm)",
    citation="none",
    licence="Apache-2.0",
)
