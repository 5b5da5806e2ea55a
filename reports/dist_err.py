"""DistErr against the mean projection distance (mPD) of landmarks: whether the nearer answer has the smaller DistErr.

mPD measures what DistErr stands for where landmarks and the true pose are known. Rank correlation over all answers, and
how often DistErr is defined and the true pose has the smaller one, stand above each panel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, Axes, footnote, grid, house_style, point_style, save
from bench.score.images import TRUTH_PREFIX
from bench.score.statistics import of_label, values

# Nearer answers may tie with the truth: corners stand on whole pixels.
RESOLVED_MM = 1.0
_FLOOR_MM, _CEILING_MM = 0.05, 300.0
_TICKS_MM = (0.1, 1.0, 10.0, 100.0)
PANELS = {"dist_err_orb": "ORB", "dist_err_surf": "SURF"}


@dataclass(frozen=True, slots=True)
class DistErr:
    """Figure ``dist_err``: one panel a detector, one point an answer; nothing of a run without image scores."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        unit = unit_of(run.scores)
        if unit is None:
            return []
        with house_style():
            return self._write(run, unit)

    def _write(self, run: FinishedRun, unit: str) -> list[Path]:
        figure, [panels] = grid(1, len(PANELS), width=8.6, height=3.9, sharey=True)
        where = "on the detector" if unit == "mm" else "at the isocentre"
        for axes, (name, detector) in zip(panels, PANELS.items(), strict=True):
            for index, label in enumerate(run.labels):
                self._draw(axes, of_label(run.scores, label), f"{name}_{unit}", f"mpd_{unit}", label, index)
            axes.set(xscale="log", yscale="log", xlabel=f"mPD {where} (mm)")
            axes.set(xlim=(_FLOOR_MM / 1.5, 1.5 * _CEILING_MM), ylim=(_FLOOR_MM / 1.5, 1.5 * _CEILING_MM))
            for set_ticks in (axes.set_xticks, axes.set_yticks):
                set_ticks(_TICKS_MM, [f"{tick:g}" for tick in _TICKS_MM])
            axes.minorticks_off()
            axes.plot([_FLOOR_MM, _CEILING_MM], [_FLOOR_MM, _CEILING_MM], color=GREY, linewidth=0.6, zorder=0)
            axes.set_title(f"{detector}: {agreement(run.scores, name, unit)}", fontsize=7)
        panels[0].set_ylabel(f"DistErr {where} (mm)")
        panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=1.0)
        note = (
            f"{run.description}. One point an answer; smaller values stand at {_FLOOR_MM:g} mm. The line is equality. "
            "The truth wins where its own DistErr is smaller, of answers at an mPD of "
            f"{RESOLVED_MM:g} mm or more."
        )
        footnote(figure, [note])
        return save(figure, run.folder / "figures", "dist_err")

    def _draw(self, axes: Axes, rows: pd.DataFrame, name: str, against: str, label: str, index: int) -> None:
        x, y = (np.clip(values(rows, column), _FLOOR_MM, _CEILING_MM) for column in (against, name))
        axes.plot(x, y, markersize=2.5, alpha=0.75, label=label, **point_style(index))


def unit_of(rows: pd.DataFrame) -> str | None:
    """``mm`` on the detector, ``isocentre_mm`` where no image has a pixel spacing; None without image scores."""
    known = ("mm", "isocentre_mm") if "dist_err_orb_mm" in rows.columns else ()
    return next((unit for unit in known if np.isfinite(values(rows, f"dist_err_orb_{unit}")).any()), None)


def agreement(rows: pd.DataFrame, name: str, unit: str) -> str:
    """Rank correlation with mPD, how often DistErr is defined, and how often the truth wins, as a heading."""
    scored = np.isfinite(values(rows, f"{TRUTH_PREFIX}{name}_{unit}")) & np.isfinite(values(rows, f"mpd_{unit}"))
    mpd, found, truth = (
        values(rows, column)[scored] for column in (f"mpd_{unit}", f"{name}_{unit}", f"{TRUTH_PREFIX}{name}_{unit}")
    )
    defined = np.isfinite(found)
    apart = defined & (mpd >= RESOLVED_MM)
    rank = float(spearmanr(mpd[defined], found[defined]).statistic) if np.ptp(found[defined]) > 0 else float("nan")
    wins = 100 * float((truth[apart] < found[apart]).mean()) if apart.any() else float("nan")
    return (
        f"rank correlation {rank:.2f}, defined in {defined.sum()} of {defined.size} answers,\n"
        f"the truth wins in {wins:.0f} % of {apart.sum()}"
    )


plugin = DistErr

card = Card(
    title="DistErr against the mean projection distance of landmarks",
    source="ours; DistErr after SOPI, Table 3",
    citation="none",
    licence="Apache-2.0",
)
