"""Pictures of some cases for the page: target, start, and every method's result with its edges, as small files."""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import PIL.Image

from bench.contract import FinishedRun, Image, Problem, Trace, View
from bench.drr import AttenuationMap, ProjectionError, project
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix
from bench.report.overlay import EDGE_COLOUR, Edges, edges, enlarge, grey
from bench.report.page.data import name, numbers, rounded, script_json
from bench.score.images import spread_evenly
from bench.score.statistics import of_label, text_column, values

# Of results with pictures, at most: about 10 kB each.
MOST_RESULTS = 400
# Pixels of a picture's longer side, at most; larger images are averaged.
_SIDE = 320
# Edges are finer than the pictures by this factor.
_FINER = 2
_QUALITY = 80
# The fastest for pictures.
_KERNEL = "separable"
# Nothing is seen of what is farther away.
_FARTHEST_MM = 1e6

Pictures: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PageCases:
    """The case browser.

    Attributes:
        json: Cases by number, with pictures; None where there are none.
        note: Which cases these are, or why there are none.
    """

    json: str | None
    note: str


def page_cases(run: FinishedRun, numbers: Mapping[str, int], ranked: Sequence[str]) -> PageCases:
    """The browser of a finished run.

    Args:
        run: Whose cases are built again.
        numbers: Of the cases, by their names, in the table of rows.
        ranked: The labels, the best method first.
    """
    chosen = chosen_cases(run, ranked)
    lost = lost_answers(run)
    try:
        found = [{"case": numbers[case_id], **_pictures(run, case_id, lost)} for case_id in chosen]
    except FluorobenchError as error:
        return PageCases(None, f"No case is shown: {error}")
    found = [each for each in found if each["target"] is not None]
    if not found:
        return PageCases(None, "No case is shown: the run has no images.")
    total = len(numbers)
    which = (
        f"All {total:,} cases"
        if len(found) == total > 1
        else "The only case"
        if total == 1
        else f"{len(found):,} of {total:,} cases: the best, median and worst of the methods, then others at even steps"
    )
    best = run.labels.index(ranked[0])
    text = script_json({"best": best, "cases": found})
    return PageCases(text, f"{which}. First view; start and results are rendered from the moving volume.")


def chosen_cases(run: FinishedRun, ranked: Sequence[str]) -> list[str]:
    """As many cases as the page holds, in their order: worst, median and best of each method, then evenly spread."""
    every = sorted(set(text_column(run.scores, "case_id")))
    most = max(1, MOST_RESULTS // len(ranked))
    wanted = dict.fromkeys(_extremes(run, ranked) if len(every) > most else every)
    wanted |= dict.fromkeys(sorted(spread_evenly(every, most)))
    return sorted(list(wanted)[:most])


def _extremes(run: FinishedRun, ranked: Sequence[str]) -> Iterator[str]:
    ordered = list[list[str]]()
    for label in ranked:
        rows = of_label(run.scores, label)
        names = text_column(rows, "case_id")
        ordered.append([names[place] for place in np.argsort(values(rows, "mtre_mm"), kind="stable")])
    for place in (-1, (len(ordered[0]) - 1) // 2, 0):
        yield from (names[place] for names in ordered)


def lost_answers(run: FinishedRun) -> frozenset[tuple[str, str]]:
    """Label and case of every registration without a pose."""
    lost = run.scores[run.scores["failure"] == "no_pose"]
    return frozenset(zip(text_column(lost, "label"), text_column(lost, "case_id"), strict=True))


def _pictures(run: FinishedRun, case_id: str, lost: frozenset[tuple[str, str]]) -> Pictures:
    """Of one case: files as base64, None where there is nothing to show; results by the place of their method."""
    problem = run.case(case_id).problem
    view = problem.views[0]
    if view.image is None:
        return {"target": None}
    small = _small(view)
    answers = {
        series: run.estimate(label, case_id) for series, label in enumerate(run.labels) if (label, case_id) not in lost
    }
    start, *results = _rendered(problem, small, [problem.start, *(each.pose for each in answers.values())])
    shown = {
        series: {
            "picture": None if image is None else _picture(image),
            "edges": None if image is None else _edges(image),
            "phases": {name(phase): rounded(seconds) for phase, seconds in answers[series].seconds.items()},
            "trace": _steps(answers[series].trace),
        }
        for series, image in zip(answers, results, strict=True)
    }
    return {
        "target": _picture(_averaged(view.image, _factor(view.camera))),
        "start": None if start is None else _picture(start),
        "results": shown,
    }


def _steps(trace: Trace | None) -> list[list[float | None]] | None:
    """DRR evaluations and best values."""
    return None if trace is None else [numbers(trace.drr_evaluations), numbers(trace.best_value)]


def _factor(camera: Camera) -> int:
    return -(-max(camera.height, camera.width) // _SIDE)


def _small(view: View) -> View:
    return View(view.camera.binned(_factor(view.camera)), camera_from_rig=view.camera_from_rig)


def _averaged(image: Image, factor: int) -> Image:
    """Means of blocks; pixels without a value are as dark as the darkest one."""
    whole = np.where(np.isfinite(image), image, np.nanmin(image))
    height, width = (side // factor * factor for side in whole.shape)
    blocks = whole[:height, :width].reshape(height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _rendered(problem: Problem, view: View, poses: Sequence[Matrix]) -> list[Image | None]:
    """The moving volume at each pose; None where it cannot be rendered, such as a source inside the volume."""
    reached = [each for each in poses if np.abs(each).max() < _FARTHEST_MM]
    shown = iter(_rendered_near(problem, view, reached) if reached else [])
    return [next(shown) if np.abs(each).max() < _FARTHEST_MM else None for each in poses]


def _rendered_near(problem: Problem, view: View, poses: Sequence[Matrix]) -> list[Image | None]:
    attenuation = AttenuationMap.from_volume(problem.volume)

    def render(some: Iterable[Matrix]) -> list[Image]:
        stacked: Any = project(attenuation, view.camera_from_rig @ np.stack(list(some)), view.camera, kernel=_KERNEL)
        return list(stacked[:, 0].numpy())

    try:
        return [*render(poses)]
    except ProjectionError:
        return [_one(render, pose) for pose in poses]


def _one(render: Callable[[Iterable[Matrix]], list[Image]], pose: Matrix) -> Image | None:
    try:
        return render([pose])[0]
    except ProjectionError:
        return None


def _picture(image: Image) -> str:
    """An X-ray or a rendering as WebP."""
    pixels = np.rint(255 * grey(image)).astype(np.uint8)
    return _encoded(PIL.Image.fromarray(pixels), "WEBP", quality=_QUALITY, method=2)


def _edges(image: Image) -> str:
    """Edges in colour on nothing, as PNG: of two colours it is the smaller and the faster file."""
    lines: Edges = edges(enlarge(image, _FINER), sigma=1.5 * _FINER)
    picture = PIL.Image.fromarray(lines.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, *(round(255 * each) for each in EDGE_COLOUR)])
    return _encoded(picture, "PNG", transparency=0, bits=1, compress_level=6)


def _encoded(picture: PIL.Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
