"""A reference pose by registration: several starts, two similarities, turned restarts, uncertainty by their spread."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix
from bench.single.answer import at_bounds, frame_of
from bench.single.depth import depth_half_width, leaves_depth_open, measure
from bench.single.journal import Journal
from bench.single.opinion import Answer, apart, best_of, searched, searched_near, weighed
from bench.single.problem import SingleError
from bench.single.turned import COUNT as TURNS
from bench.single.turned import turned

# Gradients within the silhouette, and intensities in small windows: neither sees what the other one weighs.
SIMILARITIES = ("sgc", "lncc")
AGREEMENT_MM = 2.0
CONFIRMATIONS = 3
# Searches about a new centre, where an answer lies at the bounds or a turned restart is better.
_ROUNDS = 3
# Share of the best similarity: a turned restart that ends so near to it is a rival.
_TIE = 0.03
# A restart that ends nearer to the best pose has turned back to it.
_TURNED_DEG = 5.0
# Of the starts, uniform, as a share of the search half-widths.
_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """Where the search stands: ``what`` is being done, ``done`` of at most ``total`` registrations are over."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one similarity found from several starts.

    Attributes:
        similarity: Its name.
        pose: The answer of the highest similarity, rig_from_world, 4x4, mm.
        starts: Registrations that were run.
        agreeing: Those that ended within ``AGREEMENT_MM`` of it, by the ``measure`` of ``bench.single.depth``.
        spread: Greatest distance of the agreeing ones to it; all starts' greatest where none agrees.
    """

    similarity: str
    pose: Matrix
    starts: int
    agreeing: int
    spread: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePose:
    """Two answers and their uncertainty.

    Attributes:
        first: By the first similarity; the reference.
        second: By the second one.
        between: How far they are apart: mTRE (mm), its in-plane and depth parts in the first view, rotation (deg).
        uncertainty: Key by key, the greatest of that, either spread and the distance of rivals; where the views leave
            depth open, it is uncertain by ``depth_half_width`` at least.
        doubts: Why the pose is not confirmed, one phrase each.
    """

    first: Found
    second: Found
    between: dict[str, float]
    uncertainty: dict[str, float]
    doubts: tuple[str, ...]

    @property
    def confirmed(self) -> bool:
        """Whether there is no doubt about the reference."""
        return not self.doubts


def _silent(_: Step) -> None:
    """No progress is shown."""


def find_reference(
    problem: Problem,
    *,
    starts: int,
    similarities: Sequence[str] = SIMILARITIES,
    journal: Path | None = None,
    tell: Callable[[Step], None] = _silent,
) -> ReferencePose:
    """Search.

    Starts are uniform within half of the search half-widths about the problem's start. A similarity is done when its
    best answer was found from ``CONFIRMATIONS`` starts, or all starts are spent. The first one's answer is then turned
    about the principal axes of the content and searched again. Where an answer lies at the bounds of the search, or a
    turned restart is better, all of it is repeated about that pose, in ``_ROUNDS`` rounds at most.

    Args:
        problem: Its start is the centre of the starts.
        starts: At most, for each similarity.
        similarities: Two names.
        journal: File of finished registrations (JSON lines): those of the same problem are not run again.
        tell: Called before every registration.

    Raises:
        SingleError: Fewer than two starts, not two similarities, or no usable answer.
    """
    if starts < 2:
        raise SingleError(f"a spread needs at least 2 starts; got {starts}: raise --starts")
    if len(set(similarities)) != 2:
        raise SingleError(f"expected two different similarities; got {', '.join(similarities)}")
    done = _Round(problem, starts, similarities, journal, tell)
    for number in range(2, _ROUNDS + 1):
        if done.better is None:
            break
        about = replace(problem, start=done.better, nominal=done.better)
        done = _Round(about, starts, similarities, journal, tell, f"round {number}, ")
    return done.judged()


class _Round:
    """Searches about one centre."""

    def __init__(
        self,
        problem: Problem,
        starts: int,
        similarities: Sequence[str],
        journal: Path | None,
        tell: Callable[[Step], None],
        name: str = "",
    ) -> None:
        self._problem, self._journal, self._tell, self._name = problem, Journal(journal, problem), tell, name
        self._total = 2 * starts + TURNS
        thetas = np.random.default_rng(problem.seed).uniform(-_SPREAD, _SPREAD, (starts, 6)) * problem.search
        self._first, self._second = (
            self._repeated(name, thetas, done=turn * starts) for turn, name in enumerate(similarities)
        )
        self._rivals = self._found_turned(done=2 * starts)

    @property
    def better(self) -> Matrix | None:
        """Where to search again: a better pose than the best one, or one at the bounds; None where there is neither."""
        best = best_of([Answer(self._first.pose, 0.0), *self._rivals])
        if best.value > 0:
            return best.pose
        return next((pose for pose in (self._first.pose, self._second.pose) if at_bounds(self._problem, pose)), None)

    def judged(self) -> ReferencePose:
        """The verdict on this round."""
        problem, first, second = self._problem, self._first, self._second
        between = apart(problem, first.pose, second.pose)
        rivals = [apart(problem, first.pose, rival.pose) for rival in self._rivals]
        uncertainty = _greatest([between, first.spread, second.spread, *rivals])
        if leaves_depth_open(problem):
            depth = depth_half_width(problem, first.pose)
            for key in ("mtre_mm", "mtre_depth_mm"):
                uncertainty[key] = max(uncertainty[key], depth)
        return ReferencePose(first, second, between, uncertainty, tuple(self._doubts(between)))

    def _doubts(self, between: dict[str, float]) -> Iterator[str]:
        for found in (self._first, self._second):
            if found.agreeing < 2:
                yield f"{found.similarity} found its best pose from one start only"
            if at := at_bounds(self._problem, found.pose):
                yield f"{', '.join(at)} by {found.similarity} lie at the bounds of the search"
        if (distance := between[measure(self._problem)]) > AGREEMENT_MM:
            yield f"the two similarities are {distance:.1f} mm apart"
        if self._rivals:
            turns = max(apart(self._problem, self._first.pose, each.pose)["rotation_deg"] for each in self._rivals)
            yield f"a pose turned by {turns:.0f} degrees fits as well"

    def _repeated(self, similarity: str, thetas: Matrix, *, done: int) -> Found:
        """What a similarity finds from several starts."""
        problem, answers = self._problem, list[Answer]()
        for number, theta in enumerate(thetas):
            self._say(done + number, f"{similarity}, start {number + 1}")
            start = frame_of(problem, problem.start).pose(theta)
            moved = replace(problem, start=start, seed=problem.seed + number)
            answers.append(self._journal.kept(similarity, number, partial(searched, moved, similarity)))
            if number > 0 and len(_distances(problem, answers, within=AGREEMENT_MM)) >= CONFIRMATIONS:
                break
        return _found(problem, similarity, answers)

    def _found_turned(self, *, done: int) -> list[Answer]:
        """Poses that turned restarts found beside the best one, at least nearly as good; values are leads over it."""
        best, similarity, rivals = self._first.pose, self._first.similarity, list[Answer]()
        for number, (words, pose) in enumerate(turned(self._problem.volume, best)):
            self._say(done + number, f"{similarity}, {words}")
            found = self._journal.kept(
                f"{similarity}, {words}", 0, partial(searched_near, self._problem, similarity, pose)
            )
            distance = apart(self._problem, best, found.pose)
            another = distance[measure(self._problem)] > AGREEMENT_MM and distance["rotation_deg"] > _TURNED_DEG
            if np.isfinite(found.value) and another:
                first, other = weighed(self._problem, similarity, [best, found.pose])
                if other > first - _TIE * abs(first):
                    rivals.append(Answer(found.pose, float(other - first)))
        return rivals

    def _say(self, done: int, what: str) -> None:
        self._tell(Step(done, self._total, self._name + what))


def _distances(problem: Problem, answers: Sequence[Answer], *, within: float) -> list[dict[str, float]]:
    best = best_of(answers)
    found = [apart(problem, each.pose, best.pose) for each in answers if np.isfinite(each.value)]
    return [each for each in found if each[measure(problem)] <= within]


def _found(problem: Problem, name: str, answers: Sequence[Answer]) -> Found:
    best = best_of(answers)
    if not np.isfinite(best.value):
        raise SingleError(f"no start gave an answer with {name}; give a --start nearer to the pose")
    near = _distances(problem, answers, within=AGREEMENT_MM)
    counted = near if len(near) > 1 else _distances(problem, answers, within=np.inf)
    return Found(name, best.pose, len(answers), len(near), _greatest(counted))


def _greatest(distances: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: max(each[key] for each in distances) for key in distances[0]}
