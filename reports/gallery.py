"""Best, median and worst case of every method: target, start, result, and the result's edges over the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from bench.contract import Card, FinishedRun, Image, Problem
from bench.drr import AttenuationMap, ProjectionError
from bench.files import slug
from bench.geometry import Matrix
from bench.report.figures import GREY, INK, KIND_COLOURS, KIND_NAMES, Axes, footnote, grid, house_style, save
from bench.report.overlay import grey, overlay, render
from bench.score.statistics import of_label, values

COLUMNS = ("Target", "Start", "Result", "Its edges over the target")
Scores: TypeAlias = Mapping[str, Any]
Cases: TypeAlias = Mapping[str, Scores]

# Edges are finer than the target's pixels by this factor: a cell is printed with 380 pixels.
_FINER = 2
ERRORS = ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm")


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    """The first view of one case, by one method; None where there is nothing to show."""

    target: Image | None
    start: Image | None
    result: Image | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Figures ``gallery_<label>``: cases ranked by mTRE, those without a pose last."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write one figure a method under ``figures``."""
        chosen = {label: ranked_cases(of_label(run.scores, label)) for label in run.labels}
        pictures = _render_all(run, chosen)
        with house_style():
            return [path for label, cases in chosen.items() for path in self._draw(run, label, cases, pictures)]

    def _draw(
        self, run: FinishedRun, label: str, cases: Cases, pictures: Mapping[tuple[str, str], _Pictures]
    ) -> list[Path]:
        figure, axes = grid(len(cases), len(COLUMNS), width=7.8, height=0.75 + 2.0 * len(cases))
        for row, (rank, scores) in zip(axes, cases.items(), strict=True):
            case_id = str(scores["case_id"])
            _draw_row(row, pictures[label, case_id], scores)
            lines = "\n".join(wrap(case_id.replace("/", "/ "), 16))
            row[0].set_ylabel(f"{rank}\n{lines}", rotation=0, ha="right", va="center", labelpad=6)
        for cell, title in zip(axes[0], COLUMNS, strict=True):
            cell.set_title(title)
        figure.suptitle(label, fontsize=10, fontweight="bold")  # pyright: ignore[reportUnknownMemberType]
        footnote(figure, [f"{run.description}. Cases ranked by mTRE; first view; start and result rendered as DRRs."])
        return save(figure, run.folder / "figures", f"gallery_{slug(label)}")


def ranked_cases(rows: pd.DataFrame) -> Cases:
    """The rows of the best, median and worst case by mTRE, each once; no pose ranks last, ties by case name."""
    ordered = rows.iloc[np.argsort(values(rows, "mtre_mm"), kind="stable")]
    picks = {"best": 0, "median": (len(ordered) - 1) // 2, "worst": len(ordered) - 1}
    picks = {
        rank: index for rank, index in picks.items() if index not in list(picks.values())[: list(picks).index(rank)]
    }
    return {rank: {str(key): value for key, value in ordered.iloc[index].items()} for rank, index in picks.items()}


def _render_all(run: FinishedRun, chosen: Mapping[str, Cases]) -> dict[tuple[str, str], _Pictures]:
    """The pictures of every method's cases, case by case, so that one patient is in memory at a time."""
    wanted: dict[str, list[tuple[str, Scores]]] = {}
    for label, cases in chosen.items():
        for scores in cases.values():
            wanted.setdefault(str(scores["case_id"]), []).append((label, scores))
    found: dict[tuple[str, str], _Pictures] = {}
    attenuation, volume = None, None
    for case_id in sorted(wanted):
        problem = run.case(case_id).problem
        if attenuation is None or problem.volume is not volume:
            attenuation, volume = AttenuationMap.from_volume(problem.volume), problem.volume
        start = _render(problem, problem.start, attenuation)
        for label, scores in wanted[case_id]:
            lost = scores["failure"] == "no_pose"
            result = None if lost else _render(problem, run.estimate(label, case_id).pose, attenuation)
            found[label, case_id] = _Pictures(problem.views[0].image, start, result)
    return found


def _render(problem: Problem, pose: Matrix, attenuation: AttenuationMap) -> Image | None:
    """The first view at a pose; None where it cannot be rendered, such as a source inside the patient."""
    try:
        return render(problem, pose, attenuation=attenuation)
    except ProjectionError:
        return None


def _draw_row(axes: Sequence[Axes], pictures: _Pictures, scores: Scores) -> None:
    target, result, kind = pictures.target, pictures.result, str(scores["failure"])
    why = f"no pose:\n{scores['outcome']}" if kind == "no_pose" else "cannot be rendered"
    for cell, image in zip(axes, (target, pictures.start, result), strict=False):
        _show(cell, None if image is None else grey(image), why)
    edges = None if target is None or result is None else overlay(target, result, scale=_FINER)
    _show(axes[3], edges, "")
    axes[1].set_xlabel(f"mTRE {scores['initial_mtre_mm']:.1f} mm", color=GREY)
    if kind != "no_pose":
        axes[2].set_xlabel(f"mTRE {scores['mtre_mm']:.2f} mm\n{KIND_NAMES[kind]}", color=KIND_COLOURS[kind])
        axes[3].set_xlabel(_errors(scores), color=INK, fontsize=7.5)


def _errors(scores: Scores) -> str:
    """Three digits each, so that the line is no wider than its picture."""
    numbers = (float(scores[name]) for name in ERRORS)
    rotation, in_plane, depth = (f"{x:.2f}" if x < 10 else f"{x:.1f}" if x < 100 else f"{x:.0f}" for x in numbers)
    return f"rotation {rotation} deg\nin plane {in_plane}, depth {depth} mm"


def _show(axes: Axes, picture: Any, otherwise: str) -> None:
    """A picture, or why there is none."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if picture is None:
        axes.set_box_aspect(1)
        axes.set_facecolor("#EEEEEE")
        text = "\n".join(part for line in otherwise.split("\n") for part in wrap(line, 22))
        axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
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
