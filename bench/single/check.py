"""An answer searched for again by a second similarity, and, where that is not plain, by many more searches of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix
from bench.single.answer import frame_of
from bench.single.opinion import ROUGH, apart, searched, searched_near, weighed

# Intensities in small windows, where the default method weighs gradients within the silhouette; and the other way.
SECOND, FIRST = "lncc", "sgc"
# Two answers agree within this: mTRE with several views, distance to the rays with one.
AGREEMENT_MM = 3.0
# Below this similarity by ``FIRST`` agreement is not enough: both may have converged to the same wrong pose.
_PLAIN = 0.4
# Searches from further starts where the answer is not plain: views of all of them.
_TRIALS = 8
# Of the starts, uniform, as a share of the search half-widths.
_SPREAD = 0.5
# How far along its beam the pose of one view may be off, in any direction of the rig.
_ALONE_MM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """Results of searches by a second similarity.

    Attributes:
        similarity: Its name.
        searches: Searches that were run, by either similarity.
        fit: ``FIRST`` at the answer, in [-1, 1].
        agreed: Whether both similarities have their best known pose here.
        apart: How far the second one's best pose is from the answer: mTRE (mm), its in-plane and depth parts and the
            distance to the rays of the first view (mm), rotation (deg).
        pose: The answer, rig_from_world, 4x4, mm: the method's, or a better one that these searches found.
        other_pose: The second similarity's best.
    """

    similarity: str
    searches: int
    fit: float
    agreed: bool
    apart: dict[str, float]
    pose: Matrix
    other_pose: Matrix

    def written(self) -> dict[str, Any]:
        """As ``register`` writes it."""
        return {name: getattr(self, name) for name in ("similarity", "searches", "fit", "agreed", "apart")}


def check_answer(problem: Problem, pose: Matrix, *, similarity: str = SECOND, replaceable: bool = False) -> Check:
    """Search again by another similarity; where it disagrees, or the images agree little, search on by both.

    Args:
        problem: As the method got it.
        pose: The method's answer, rig_from_world, 4x4, mm.
        similarity: One that the method did not use.
        replaceable: Whether a pose that ``FIRST`` values more takes the place of the method's.
    """
    other = searched(_moved(problem, 1), similarity, ROUGH).pose
    checked = _check(problem, similarity, 1, pose, other)
    return checked if _plain(checked) else _searched_on(problem, checked, replaceable=replaceable)


def agree(problem: Problem, first: Matrix, second: Matrix) -> bool:
    """Whether two poses are the same answer."""
    return apart(problem, first, second)[measure(problem)] <= AGREEMENT_MM


def measure(problem: Problem) -> str:
    """Which distance of ``apart`` tells two answers apart: one view leaves depth open."""
    return "mrpd_mm" if len(problem.views) == 1 else "mtre_mm"


def inverted_fits_better(problem: Problem, pose: Matrix) -> bool:
    """Whether the inverted X-rays agree better with the CT at some pose than the X-rays do at the answer.

    Then ``--bright`` is wrong, or no search found the pose.
    """
    views = tuple(view if view.image is None else replace(view, image=-view.image) for view in problem.views)
    inverted = replace(problem, views=views)
    other = searched(inverted, FIRST, ROUGH).pose
    return bool(weighed(inverted, FIRST, [other])[0] > weighed(problem, FIRST, [pose])[0])


def _searched_on(problem: Problem, checked: Check, *, replaceable: bool) -> Check:
    """Further searches by both similarities, until answer and images agree or all are spent."""
    similarity, pose, searches = checked.similarity, checked.pose, 2
    others = [checked.other_pose, searched(_moved(problem, 2), similarity, ROUGH).pose]

    def judged() -> Check:
        others.append(searched_near(problem, similarity, pose, ROUGH).pose)
        return _check(problem, similarity, searches, pose, _best(problem, similarity, others))

    checked = judged()
    for found in _further(problem, list(others)) if replaceable else ():
        searches += 1
        if _best(problem, FIRST, [pose, found]) is found:
            pose = _best(problem, FIRST, [found, searched_near(problem, FIRST, found).pose])
            checked = judged()
        if _plain(checked):
            break
    return replace(checked, searches=searches)


def _further(problem: Problem, others: Sequence[Matrix]) -> Iterator[Matrix]:
    """What searches by ``FIRST`` find: near the other similarity's poses, near single views' poses, from elsewhere."""
    yield from (searched_near(problem, FIRST, other, ROUGH).pose for other in others)
    if len(problem.views) > 1:
        for view in problem.views:
            alone = searched(replace(problem, views=(view,)), FIRST, ROUGH).pose
            yield searched_near(problem, FIRST, alone, ROUGH, mm=_ALONE_MM).pose
    for number in range(_TRIALS // len(problem.views)):
        yield searched(_moved(problem, 3 + number), FIRST, ROUGH).pose


def _plain(checked: Check) -> bool:
    return checked.agreed and checked.fit >= _PLAIN


def _check(problem: Problem, similarity: str, searches: int, pose: Matrix, other: Matrix) -> Check:
    fit, distance = float(weighed(problem, FIRST, [pose])[0]), apart(problem, pose, other)
    return Check(similarity, searches, fit, distance[measure(problem)] <= AGREEMENT_MM, distance, pose, other)


def _best(problem: Problem, similarity: str, poses: Sequence[Matrix]) -> Matrix:
    """The pose of the highest similarity; the first of equal ones."""
    return poses[int(np.nan_to_num(weighed(problem, similarity, poses), nan=-np.inf).argmax())]


def _moved(problem: Problem, number: int) -> Problem:
    """The problem with another start and seed."""
    theta = np.random.default_rng([problem.seed, number]).uniform(-_SPREAD, _SPREAD, 6) * problem.search
    return replace(problem, start=frame_of(problem, problem.start).pose(theta), seed=problem.seed + 1000 * number)
