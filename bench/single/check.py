"""An answer searched for again by a second similarity, and, where that is not plain, by many more searches of both."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix
from bench.single.answer import answer, frame_of
from bench.single.opinion import METHOD, apart, searched, searched_near, weighed

# Intensities in small windows, where the default method weighs gradients within the silhouette; and the other way.
SECOND, FIRST = "lncc", "sgc"
# Two answers agree within this: mTRE with several views, distance to the rays with one.
AGREEMENT_MM = 3.0
# Below this similarity by ``FIRST`` agreement is not enough: both may have converged to the same wrong pose.
_PLAIN = 0.45
# Searches by the second similarity, and trials by the first one, where the answer is not plain.
_SEARCHES, _TRIALS = 2, 8
# Of the starts, uniform, as a share of the search half-widths.
_SPREAD = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """Results of searches by a second similarity.

    Attributes:
        similarity: Its name.
        searches: Searches that were run, by either similarity.
        agreed: Whether both similarities have their best known pose here.
        apart: How far the second one's best pose is from the answer: mTRE (mm), its in-plane and depth parts and the
            distance to the rays of the first view (mm), rotation (deg).
        pose: The answer, rig_from_world, 4x4, mm: the method's, or a better one that these searches found.
        other_pose: The second similarity's best.
    """

    similarity: str
    searches: int
    agreed: bool
    apart: dict[str, float]
    pose: Matrix
    other_pose: Matrix

    def written(self) -> dict[str, Any]:
        """As ``register`` writes it."""
        return {name: getattr(self, name) for name in ("similarity", "searches", "agreed", "apart")}


def check_answer(problem: Problem, pose: Matrix, *, similarity: str = SECOND, replaceable: bool = False) -> Check:
    """Search again by another similarity; where it disagrees, or the images agree little, search much more by both.

    Args:
        problem: As the method got it.
        pose: The method's answer, rig_from_world, 4x4, mm.
        similarity: One that the method did not use.
        replaceable: Whether a pose that ``FIRST`` values more takes the place of the method's.
    """
    starts = _starts(problem)
    found = [searched(starts[0], similarity).pose]
    plain = agree(problem, pose, found[0]) and weighed(problem, FIRST, [pose])[0] >= _PLAIN
    if plain:
        return _check(problem, similarity, 1, pose, found[0])
    found += [searched(start, similarity).pose for start in starts[1:]]
    if replaceable:
        pose = _best(problem, FIRST, [pose, _thorough(problem), *(_near(problem, FIRST, each) for each in found)])
    other = _best(problem, similarity, [_near(problem, similarity, pose), *found])
    return _check(problem, similarity, len(found) + _TRIALS * replaceable, pose, other)


def agree(problem: Problem, first: Matrix, second: Matrix) -> bool:
    """Whether two poses are the same answer."""
    return apart(problem, first, second)[measure(problem)] <= AGREEMENT_MM


def inverted_fits_better(problem: Problem) -> bool:
    """Whether the inverted X-rays agree better with the CT: then ``--bright`` is wrong, or no search found the pose."""
    inverted = tuple(view if view.image is None else replace(view, image=-view.image) for view in problem.views)
    return searched(replace(problem, views=inverted), FIRST).value > searched(problem, FIRST).value


def _check(problem: Problem, similarity: str, searches: int, pose: Matrix, other: Matrix) -> Check:
    return Check(similarity, searches, agree(problem, pose, other), apart(problem, pose, other), pose, other)


def measure(problem: Problem) -> str:
    """Which distance of ``apart`` tells two answers apart: one view leaves depth open."""
    return "mrpd_mm" if len(problem.views) == 1 else "mtre_mm"


def _near(problem: Problem, similarity: str, pose: Matrix) -> Matrix:
    return searched_near(problem, similarity, pose).pose


def _thorough(problem: Problem) -> Matrix:
    """The default method's answer when all of its trials are run, from other starts than before."""
    settings = {"trials": _TRIALS, "confirmations": _TRIALS}
    return answer(replace(problem, seed=problem.seed + 500), METHOD, settings).pose


def _best(problem: Problem, similarity: str, poses: list[Matrix]) -> Matrix:
    """The pose of the highest similarity; the first of equal ones."""
    return poses[int(np.nan_to_num(weighed(problem, similarity, poses), nan=-np.inf).argmax())]


def _starts(problem: Problem) -> list[Problem]:
    """The problem with other starts and seeds."""
    random, frame = np.random.default_rng(problem.seed + 1), frame_of(problem, problem.start)
    thetas = random.uniform(-_SPREAD, _SPREAD, (_SEARCHES, 6)) * problem.search
    seeds = (problem.seed + 1000 * number for number in range(1, _SEARCHES + 1))
    return [replace(problem, start=frame.pose(theta), seed=seed) for theta, seed in zip(thetas, seeds, strict=True)]
