"""Searches of one problem by one similarity, and comparisons of the poses that they find."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.contract import Outcome, Problem
from bench.geometry import Matrix, rotation_angle_deg
from bench.register import Level, Search
from bench.register.focus import focused
from bench.single.answer import METHOD, answer, distance, frame_of
from bench.single.moving import prepared_once

# A start is one trial: the starts are the repetitions, compared by their similarity.
ONE_TRIAL: dict[str, Any] = {"trials": 1, "confirmations": 1}
# Coarse images need no finer voxels.
LEAN: dict[str, Any] = {"voxel_px": 1.7}
# To see whether a search ends at the same pose: the finest level costs most and moves it by less than a millimetre.
ROUGH: dict[str, Any] = {
    **LEAN,
    "fine": (Level(size=128, population=12, generations=12, sigma=0.02, x_tolerance=1e-3),),
}
# A local search.
_LOCAL_MM = 10.0
_LOCALLY: dict[str, Any] = {
    "coarse": (Level(size=96, population=16, generations=15, sigma=0.2, x_tolerance=2e-3),),
    "fine": (Level(size=192, population=12, generations=12, sigma=0.03, x_tolerance=3e-4),),
}
_FINEST = (Level(size=192, population=1, generations=1),)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Where one search ended: rig_from_world (4x4, mm) and its similarity, minus infinity where it is unusable."""

    pose: Matrix
    value: float


def searched(problem: Problem, similarity: str, settings: dict[str, Any] | None = None) -> Answer:
    """One trial of ``METHOD`` with a similarity, from the problem's start."""
    estimate = answer(problem, METHOD, {"similarity": similarity, **ONE_TRIAL, **(settings or {})})
    value = estimate.trace.best_value[-1] if estimate.trace and estimate.trace.best_value else np.nan
    usable = estimate.outcome not in (Outcome.DIVERGED, Outcome.LEFT_VIEW) and np.isfinite(value)
    return Answer(estimate.pose, float(value) if usable else -np.inf)


def searched_near(
    problem: Problem,
    similarity: str,
    pose: Matrix,
    settings: dict[str, Any] | None = None,
    *,
    mm: float = _LOCAL_MM,
) -> Answer:
    """A search about a pose, within 15 degrees, ``mm`` across the first view's beam and 30 mm along it."""
    reach = np.array([15.0, 15.0, 15.0, mm, mm, 30.0])
    about = replace(problem, start=pose, nominal=pose, search=reach)
    return searched(about, similarity, {**_LOCALLY, **(settings or {})})


def best_of(answers: Sequence[Answer]) -> Answer:
    """The answer of the highest similarity."""
    return max(answers, key=lambda each: each.value)


def apart(problem: Problem, first: Matrix, second: Matrix) -> dict[str, float]:
    """How far two poses are apart: mTRE over the content's surface and its parts (mm), and the angle (deg)."""
    return {**distance(problem, first, second), "rotation_deg": float(rotation_angle_deg(first, second))}


def weighed(problem: Problem, similarity: str, poses: Sequence[Matrix]) -> Matrix:
    """Similarities (n,) of poses, all on the same images: ``METHOD``'s finest level, cut to the content at all of them.

    Searches cut their views by their own bounds, so that values of different searches are not comparable.
    """
    search = Search(similarity=similarity, levels=_FINEST)
    prepared = prepared_once(problem.volume)
    frame = frame_of(problem, poses[0])
    reach = np.abs([frame.parameters(pose) for pose in poses]).max(axis=0)
    about = replace(problem, start=poses[0], nominal=poses[0], search=reach)
    return search.values(focused(about, prepared.corners, margin_px=16), prepared, np.stack(poses))
