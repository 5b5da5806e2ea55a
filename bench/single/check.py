"""An answer searched for again by a second similarity, and, where that is not plain, by many more searches of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix
from bench.single.answer import frame_of
from bench.single.depth import measure
from bench.single.opinion import ROUGH, apart, searched, searched_near, weighed

# Intensities in small windows, where the default method weighs gradients within the silhouette; and the other way.
SECOND, FIRST = "lncc", "sgc"
# Two answers agree within this: mTRE, or distance to the rays where the views leave depth open.
AGREEMENT_MM = 3.0
# From this similarity by ``FIRST`` on, agreement is enough.
PLAIN = 0.5
# Where the images agree less, by ``FIRST``, a pose is hardly right although both similarities prefer it.
POOR = 0.34
# Between the two, so many searches from elsewhere must end at the pose.
REPETITIONS = 2
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
        repeated: How many of those from elsewhere, by either similarity, ended at the answer.
        fit: ``FIRST`` at the answer, in [-1, 1].
        agreed: Whether both similarities have their best known pose here.
        apart: How far the second one's best pose is from the answer: mTRE (mm), its in-plane and depth parts and the
            distance to the rays of the first view (mm), rotation (deg).
        pose: The answer, rig_from_world, 4x4, mm: the method's, or a better one that these searches found.
        other_pose: The second similarity's best.
    """

    similarity: str
    searches: int
    repeated: int
    fit: float
    agreed: bool
    apart: dict[str, float]
    pose: Matrix
    other_pose: Matrix

    @property
    def plain(self) -> bool:
        """Whether the images agree so well that agreement of the similarities is enough."""
        return self.fit >= PLAIN

    @property
    def settled(self) -> bool:
        """Whether nothing is left to search for."""
        return self.agreed and (self.plain or (self.fit >= POOR and self.repeated >= REPETITIONS))

    def written(self) -> dict[str, Any]:
        """As ``register`` writes it."""
        names = ("similarity", "searches", "repeated", "fit", "agreed", "apart")
        return {name: getattr(self, name) for name in names}


def check_answer(problem: Problem, pose: Matrix, *, similarity: str = SECOND, replaceable: bool = False) -> Check:
    """Search again by another similarity; where it disagrees, or the images agree little, search on by both.

    Args:
        problem: As the method got it.
        pose: The method's answer, rig_from_world, 4x4, mm.
        similarity: One that the method did not use.
        replaceable: Whether a pose that ``FIRST`` values more takes the place of the method's.
    """
    return _Searches(problem, similarity, pose).run(replaceable=replaceable)


def agree(problem: Problem, first: Matrix, second: Matrix) -> bool:
    """Whether two poses are the same answer."""
    return apart(problem, first, second)[measure(problem)] <= AGREEMENT_MM


def inverted_fits_better(problem: Problem, pose: Matrix) -> bool:
    """Whether the inverted X-rays agree better with the CT at some pose than the X-rays do at the answer.

    Then ``--bright`` is wrong, or no search found the pose.
    """
    views = tuple(view if view.image is None else replace(view, image=-view.image) for view in problem.views)
    inverted = replace(problem, views=views)
    other = searched(inverted, FIRST, ROUGH).pose
    return bool(weighed(inverted, FIRST, [other])[0] > weighed(problem, FIRST, [pose])[0])


@dataclass(slots=True, eq=False)
class _Searches:
    """Searches about an answer and from elsewhere.

    Attributes:
        problem: As the method got it.
        similarity: The second one.
        pose: The best so far by ``FIRST``.
        others: What the second similarity found.
        elsewhere: What searches from elsewhere found, by either similarity.
        asked: About which pose the second similarity searched last.
        count: Searches that were run.
    """

    problem: Problem
    similarity: str
    pose: Matrix
    others: list[Matrix] = field(default_factory=list[Matrix])
    elsewhere: list[Matrix] = field(default_factory=list[Matrix])
    asked: Matrix | None = None
    count: int = 0

    def run(self, *, replaceable: bool) -> Check:
        """Search until the answer is settled or all searches are spent."""
        self._ask_elsewhere(1)
        for check in self._steps(replaceable=replaceable):
            if check.settled:
                return check
        return self._judged()

    def _steps(self, *, replaceable: bool) -> Iterator[Check]:
        """What is known after each step."""
        check = self._judged()
        yield check
        if check.fit >= POOR or not replaceable:
            self._ask_nearby()
            check = self._judged()
            yield check
        for found in self._by_first(agreed=check.agreed) if replaceable else ():
            self._take(found)
            check = self._judged()
            if check.fit >= POOR and self._ask_nearby():
                check = self._judged()
            yield check
        self._ask_elsewhere(2)
        self._ask_nearby()

    def _judged(self) -> Check:
        """What is known of the best pose; it renders."""
        problem, pose, other = self.problem, self.pose, _best(self.problem, self.similarity, self.others)
        return Check(
            similarity=self.similarity,
            searches=self.count,
            repeated=sum(agree(problem, pose, each) for each in self.elsewhere),
            fit=float(weighed(problem, FIRST, [pose])[0]),
            agreed=agree(problem, pose, other),
            apart=apart(problem, pose, other),
            pose=pose,
            other_pose=other,
        )

    def _ask_elsewhere(self, number: int) -> None:
        """Search by the second similarity from another start."""
        found = searched(_moved(self.problem, number), self.similarity, ROUGH).pose
        self.others.append(found)
        self.elsewhere.append(found)
        self.count += 1

    def _by_first(self, *, agreed: bool) -> Iterator[Matrix]:
        """What searches by ``FIRST`` find, the likeliest to succeed first.

        Near the other similarity's pose where it is another one, from elsewhere, near single views' poses.
        """
        if not agreed:
            yield searched_near(self.problem, FIRST, self.others[0], ROUGH).pose
        for number in range(_TRIALS // len(self.problem.views)):
            self.elsewhere.append(searched(_moved(self.problem, 3 + number), FIRST, ROUGH).pose)
            yield self.elsewhere[-1]
        if len(self.problem.views) > 1:
            for view in self.problem.views:
                alone = searched(replace(self.problem, views=(view,)), FIRST, ROUGH).pose
                yield searched_near(self.problem, FIRST, alone, ROUGH, mm=_ALONE_MM).pose

    def _take(self, found: Matrix) -> None:
        """Take what a search found, refined, where it is better."""
        self.count += 1
        if _best(self.problem, FIRST, [self.pose, found]) is found:
            self.pose = _best(self.problem, FIRST, [found, searched_near(self.problem, FIRST, found).pose])

    def _ask_nearby(self) -> bool:
        """Search by the second similarity about the best pose; returns False where it has done so."""
        if self.asked is not None and agree(self.problem, self.asked, self.pose):
            return False
        self.asked = self.pose
        self.others.append(searched_near(self.problem, self.similarity, self.pose, ROUGH).pose)
        self.count += 1
        return True


def _best(problem: Problem, similarity: str, poses: Sequence[Matrix]) -> Matrix:
    """The pose of the highest similarity; the first of equal ones."""
    return poses[int(np.nan_to_num(weighed(problem, similarity, poses), nan=-np.inf).argmax())]


def _moved(problem: Problem, number: int) -> Problem:
    """The problem with another start and seed."""
    theta = np.random.default_rng([problem.seed, number]).uniform(-_SPREAD, _SPREAD, 6) * problem.search
    return replace(problem, start=frame_of(problem, problem.start).pose(theta), seed=problem.seed + 1000 * number)
