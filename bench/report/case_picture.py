"""One case of a run: target and start, and of every method its result and the result's edges over the target."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import Image, Problem
from bench.drr import AttenuationMap, ProjectionError
from bench.errors import FluorobenchError
from bench.files import write_whole
from bench.geometry import Matrix
from bench.registry import unknown
from bench.report.figures import GREY, INK, KIND_COLOURS, KIND_NAMES, Axes, footnote, grid, house_style
from bench.report.overlay import grey, overlay, render
from bench.report.pictures import show
from bench.score.finished import ScoredRun
from bench.score.statistics import of_label, text_column, values

HEADINGS = ("method", "outcome", "mTRE mm", "angle deg", "in plane mm", "depth mm", "seconds", "preparing s")
_METRICS = ("mtre_mm", "rotation_error_deg", "in_plane_error_mm", "depth_error_mm", "seconds", "seconds_prepare")
_RANKS = ("best", "median", "worst")
_COLUMNS = ("Target", "Start", "Its edges over the target")
_RESULTS = ("Result", "Its edges over the target")
_MOST = 12


class CasePictureError(FluorobenchError):
    """A case that cannot be drawn."""


def chosen_case(run: ScoredRun, name: str, labels: Sequence[str]) -> str:
    """The case of a name; ``best``, ``median`` and ``worst`` rank by the mTRE of the first method.

    Raises:
        UnknownNameError: The run has no such case.
    """
    rows = of_label(run.scores, labels[0])
    known = text_column(rows, "case_id")
    if name in _RANKS:
        order = np.argsort(values(rows, "mtre_mm"), kind="stable")
        place = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1}[name]
        return known[int(order[place])]
    if name not in known:
        raise unknown("case of the run", name, [*known, *_RANKS])
    return name


def case_rows(run: ScoredRun, case_id: str, labels: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Cells for the terminal: what each method answered to the case, or why it did not."""
    for label in labels:
        row = _row(run.scores, label, case_id)
        said = str(row["outcome"]) if row["failure"] != "no_pose" else f"{row['outcome']}: {row['error']}"
        yield (label, said, *(_digits(float(row[name])) for name in _METRICS))


def draw_case(run: ScoredRun, case_id: str, labels: Sequence[str], path: Path) -> list[Path]:
    """Draw the first view of a case, a row for each method.

    Raises:
        CasePictureError: More methods than one picture holds.
    """
    if len(labels) > _MOST:
        raise CasePictureError(f"one picture holds {_MOST} methods; got {len(labels)}: name some with --only")
    problem = run.case(case_id).problem
    attenuation = AttenuationMap.from_volume(problem.volume)
    with house_style():
        figure, axes = grid(1 + len(labels), 3, width=7.2, height=0.6 + 2.2 * (1 + len(labels)))
        start = _rendered(problem, problem.start, attenuation)
        first = _row(run.scores, labels[0], case_id)
        _draw_start(axes[0], problem.views[0].image, start, float(first["initial_mtre_mm"]))
        for cells, label in zip(axes[1:], labels, strict=True):
            row = _row(run.scores, label, case_id)
            pose = None if row["failure"] == "no_pose" else run.estimate(label, case_id).pose
            result = None if pose is None else _rendered(problem, pose, attenuation)
            _draw_result(cells, label, row, problem.views[0].image, result)
        views = f" View 1 of {len(problem.views)}." if len(problem.views) > 1 else ""
        footnote(figure, [f"{case_id}. {run.description}.{views} Start and results rendered as DRRs."])
        saver: Any = figure
        return [write_whole(path, lambda part: saver.savefig(part, format="png"))]


def _row(scores: pd.DataFrame, label: str, case_id: str) -> Any:
    rows = of_label(scores, label)
    return rows.iloc[text_column(rows, "case_id").index(case_id)]


def _rendered(problem: Problem, pose: Matrix, attenuation: AttenuationMap) -> Image | None:
    try:
        return render(problem, pose, attenuation=attenuation)
    except ProjectionError:
        return None


def _draw_start(cells: Sequence[Axes], target: Image | None, start: Image | None, mtre_mm: float) -> None:
    for cell, title in zip(cells, _COLUMNS, strict=True):
        cell.set_title(title)
    _show_pair(cells, target, start, "cannot be rendered")
    show(cells[0], None if target is None else grey(target))
    cells[1].set_xlabel(f"mTRE {mtre_mm:.1f} mm", color=GREY)


def _draw_result(cells: Sequence[Axes], label: str, row: Any, target: Image | None, result: Image | None) -> None:
    kind = str(row["failure"])
    cells[0].axis("off")
    lines = ["\n".join(wrap(label, 24)), "", str(row["outcome"])]
    if kind == "no_pose":
        lines += ["", "\n".join(wrap(str(row["error"]), 34)[:6])]
    else:
        numbers = [_digits(float(row[name])) for name in ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm")]
        lines += [f"rotation {numbers[0]} deg", f"in plane {numbers[1]} mm", f"depth {numbers[2]} mm"]
        cells[1].set_xlabel(f"mTRE {row['mtre_mm']:.3g} mm, {KIND_NAMES[kind]}", color=KIND_COLOURS[kind])
    cells[0].text(0.02, 0.95, "\n".join(lines), va="top", color=INK, fontsize=8, transform=cells[0].transAxes)
    for cell, title in zip(cells[1:], _RESULTS, strict=True):
        cell.set_title(title)
    _show_pair(cells, target, result, "no pose" if kind == "no_pose" else "cannot be rendered")


def _show_pair(cells: Sequence[Axes], target: Image | None, rendered: Image | None, otherwise: str) -> None:
    show(cells[1], None if rendered is None else grey(rendered), otherwise=otherwise)
    show(cells[2], None if target is None or rendered is None else overlay(target, rendered), otherwise="")


def _digits(number: float) -> str:
    return "–" if np.isnan(number) else f"{number:.3g}"
