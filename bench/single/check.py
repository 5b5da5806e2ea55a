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
# Where the images agree less, by ``FIRST``, a pose is hardly right although both similarities prefer it.
POOR = 0.34
# Between the two it is enough that this many searches from elsewhere find the pose again.
_REPETITIONS = 2
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
    return checked if _plain(checked) else _Further(problem, checked, [other]).run(replaceable=replaceable)


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


@dataclass(slots=True, eq=False)
class _Further:
    """Further searches of an answer that one search by the second similarity did not make plain.

    Attributes:
        problem: As the method got it.
        checked: Of the best pose so far.
        others: What the second similarity found.
        again: How many searches from elsewhere ended at the best pose.
        asked: About which pose the second similarity was asked last.
    """

    problem: Problem
    checked: Check
    others: list[Matrix]
    again: int = 0
    asked: Matrix | None = None

    def run(self, *, replaceable: bool) -> Check:
        """Search until the answer is plain, or found again and likely, or all searches are spent."""
        if self.checked.fit >= POOR or not replaceable:
            self._ask_nearby()
        if replaceable and not self._settled:
            self._search_on()
        if not self._settled:
            self.others.append(searched(_moved(self.problem, 2), self.checked.similarity, ROUGH).pose)
            self._ask_nearby()
        return self.checked

    def _search_on(self) -> None:
        """Search by ``FIRST`` until the answer is settled or all searches are spent."""
        for found, elsewhere in self._by_first():
            self._weigh(found, elsewhere)
            if self._settled:
                return

    @property
    def _settled(self) -> bool:
        found_again = self.again >= _REPETITIONS and self.checked.agreed and self.checked.fit >= POOR
        return found_again or _plain(self.checked)

    def _by_first(self) -> Iterator[tuple[Matrix, bool]]:
        """What searches by ``FIRST`` find, and whether they came from elsewhere, the likeliest to succeed first.

        Near the other similarity's pose, from elsewhere, near single views' poses.
        """
        if not self.checked.agreed:
            yield searched_near(self.problem, FIRST, self.others[0], ROUGH).pose, False
        for number in range(_TRIALS // len(self.problem.views)):
            yield searched(_moved(self.problem, 3 + number), FIRST, ROUGH).pose, True
        if len(self.problem.views) > 1:
            for view in self.problem.views:
                alone = searched(replace(self.problem, views=(view,)), FIRST, ROUGH).pose
                yield searched_near(self.problem, FIRST, alone, ROUGH, mm=_ALONE_MM).pose, False

    def _weigh(self, found: Matrix, elsewhere: bool) -> None:
        """Take what a search found where it is better; ask the second similarity about it where it is likely."""
        pose = self.checked.pose
        self.again = self.again + elsewhere if agree(self.problem, pose, found) else self.again
        if _best(self.problem, FIRST, [pose, found]) is found:
            pose = _best(self.problem, FIRST, [found, searched_near(self.problem, FIRST, found).pose])
            self.again = self.again if agree(self.problem, self.checked.pose, pose) else 0
        self._check(pose, self.checked.searches + 1)
        if self.checked.fit >= POOR and not (self.asked is not None and agree(self.problem, self.asked, pose)):
            self._ask_nearby()

    def _ask_nearby(self) -> None:
        """Search by the second similarity about the best pose."""
        self.asked = self.checked.pose
        self.others.append(searched_near(self.problem, self.checked.similarity, self.asked, ROUGH).pose)
        self._check(self.asked, self.checked.searches + 1)

    def _check(self, pose: Matrix, searches: int) -> None:
        similarity = self.checked.similarity
        self.checked = _check(self.problem, similarity, searches, pose, _best(self.problem, similarity, self.others))


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
