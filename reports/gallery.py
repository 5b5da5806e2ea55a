"""Best, median and worst case of every method: target, start, result, and the result's edges over the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import Card, FinishedRun, Image, Problem
from bench.drr import AttenuationMap, ProjectionError
from bench.geometry import Matrix
from bench.report.figures import GREY, INK, KIND_COLOURS, KIND_NAMES, Axes, footnote, grid, save
from bench.report.files import slug
from bench.report.overlay import grey, overlay, render
from bench.score.statistics import of_label, values

COLUMNS = ("Target", "Start", "Result", "Result's edges over target")


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """A case posed again, with its attenuation at hand."""

    problem: Problem
    attenuation: AttenuationMap

    def image(self, pose: Matrix) -> Image | None:
        """The first view at a pose; None where it cannot be rendered."""
        try:
            return render(self.problem, pose, attenuation=self.attenuation)
        except ProjectionError:
            return None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Figures ``gallery_<label>``: cases ranked by mTRE, those without a pose last."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write one figure a method under ``figures``."""
        chosen = {label: ranked_cases(of_label(run.scores, label)) for label in run.labels}
        # By case, so that a patient is loaded once; a case is often the worst of several methods.
        posed: dict[str, _Posed] = {}
        for case_id in sorted({str(row["case_id"]) for cases in chosen.values() for row in cases.values()}):
            problem = run.case(case_id).problem
            known = (other.attenuation for other in posed.values() if other.problem.volume is problem.volume)
            posed[case_id] = _Posed(problem, next(known, None) or AttenuationMap.from_volume(problem.volume))
        return [path for label, cases in chosen.items() for path in self._figure(run, label, cases, posed)]

    def _figure(
        self, run: FinishedRun, label: str, cases: Mapping[str, Mapping[str, Any]], posed: Mapping[str, _Posed]
    ) -> list[Path]:
        figure, axes = grid(len(cases), len(COLUMNS), width=7.2, height=0.75 + 1.85 * len(cases))
        for row, (rank, scores) in zip(axes, cases.items(), strict=True):
            case_id = str(scores["case_id"])
            pose = None if scores["failure"] == "no_pose" else run.estimate(label, case_id).pose
            _draw_row(row, posed[case_id], pose, scores)
            row[0].set_ylabel(f"{rank}\n{case_id}", rotation=0, ha="right", va="center", labelpad=6)
        for cell, title in zip(axes[0], COLUMNS, strict=True):
            cell.set_title(title)
        figure.suptitle(label, fontsize=10, fontweight="bold")  # pyright: ignore[reportUnknownMemberType]
        footnote(figure, [f"{run.description}. Cases ranked by mTRE; first view; start and result rendered as DRRs."])
        return save(figure, run.folder / "figures", f"gallery_{slug(label)}")


def ranked_cases(rows: pd.DataFrame) -> dict[str, Mapping[str, Any]]:
    """The rows of the best, median and worst case by mTRE; no pose ranks last, ties by case name."""
    ordered = rows.iloc[np.argsort(values(rows, "mtre_mm"), kind="stable")]
    picks = {"best": 0, "median": (len(ordered) - 1) // 2, "worst": len(ordered) - 1}
    return {rank: {str(key): value for key, value in ordered.iloc[index].items()} for rank, index in picks.items()}


def _draw_row(axes: Sequence[Axes], case: _Posed, pose: Matrix | None, scores: Mapping[str, Any]) -> None:
    target = case.problem.views[0].image
    result = None if pose is None else case.image(pose)
    for cell, image in zip(axes, (target, case.image(case.problem.start), result), strict=False):
        _show(cell, None if image is None else grey(image))
    _show(axes[3], None if target is None or result is None else overlay(target, result))
    axes[1].set_xlabel(f"mTRE {scores['initial_mtre_mm']:.1f} mm", color=GREY)
    kind = str(scores["failure"])
    if pose is None:
        axes[2].set_xlabel(f"no pose: {scores['outcome']}", color=KIND_COLOURS["no_pose"])
        return
    axes[2].set_xlabel(f"mTRE {scores['mtre_mm']:.2f} mm", color=INK)
    parts = (scores["rotation_error_deg"], scores["in_plane_error_mm"], scores["depth_error_mm"])
    axes[3].set_xlabel(
        "{}\n{:.2f} deg, {:.2f} mm in plane, {:.2f} mm depth".format(KIND_NAMES[kind], *parts), color=KIND_COLOURS[kind]
    )


def _show(axes: Axes, picture: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if picture is None:
        axes.set_box_aspect(1)
        axes.set_facecolor("#EEEEEE")
        axes.text(0.5, 0.5, "not available", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


plugin = Gallery

card = Card(
    title="Best, median and worst case of every method, with the result's edges over the target",
    source="after SOPI, Fig. 4",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=("Cases are picked by rank, not by eye; edges are of the whole moving volume.",),
)
