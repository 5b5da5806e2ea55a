"""A reference pose by registration: several starts, two independent similarities, uncertainty by their spread."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Outcome, Problem
from bench.files import write_text
from bench.geometry import Matrix, rotation_angle_deg
from bench.single.answer import answer, distance, frame_of
from bench.single.problem import SingleError

# Gradients within the silhouette, and intensities in small windows: neither sees what the other one weighs.
SIMILARITIES = ("sgc", "lncc")
METHOD = "opt_sgc"
# A start is one trial: the starts are the repetitions, compared by their similarity.
_ONE_TRIAL = {"trials": 1, "confirmations": 1}
AGREEMENT_MM = 2.0
CONFIRMATIONS = 3
# Of the starts, uniform, as a share of the search half-widths.
_SPREAD = 0.5
_LINE_BEGINS = '{"key": '


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
        agreeing: Those that ended within ``AGREEMENT_MM`` mTRE of it, itself included.
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
        uncertainty: Key by key, the greatest of that and either spread.
        confirmed: Whether each similarity found its answer from two starts or more, and the two agree.
    """

    first: Found
    second: Found
    between: dict[str, float]
    uncertainty: dict[str, float]
    confirmed: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    pose: Matrix
    value: float


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
    best answer was found from ``CONFIRMATIONS`` starts, or all starts are spent.

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
    random = np.random.default_rng(problem.seed)
    thetas = random.uniform(-_SPREAD, _SPREAD, (starts, 6)) * problem.search
    kept = _Journal(journal, problem)
    found = list[Found]()
    for turn, name in enumerate(similarities):
        answers = list[_Answer]()
        for number, theta in enumerate(thetas):
            tell(Step(turn * starts + number, 2 * starts, f"{name}, start {number + 1}"))
            answers.append(kept.answer(name, number, theta))
            if number > 0 and _agreeing(problem, answers) >= CONFIRMATIONS:
                break
        found.append(_found(problem, name, answers))
    return _judged(problem, found[0], found[1])


def apart(problem: Problem, first: Matrix, second: Matrix) -> dict[str, float]:
    """How far two poses are apart: mTRE over the content's surface and its parts (mm), and the angle (deg)."""
    return {**distance(problem, first, second), "rotation_deg": float(rotation_angle_deg(first, second))}


class _Journal:
    """Registrations of one problem, run once and kept."""

    def __init__(self, path: Path | None, problem: Problem) -> None:
        self._path, self._problem, self._key = path, problem, _fingerprint(problem)
        self._known = dict[tuple[str, int], _Answer]()
        for line in _whole_lines(path) if path is not None and path.is_file() else []:
            self._remember(line)

    def answer(self, name: str, number: int, theta: Matrix) -> _Answer:
        """Of one similarity from one start."""
        if (name, number) in self._known:
            return self._known[name, number]
        problem = self._problem
        moved = replace(problem, start=frame_of(problem, problem.start).pose(theta), seed=problem.seed + number)
        estimate = answer(moved, METHOD, {"similarity": name, **_ONE_TRIAL})
        value = estimate.trace.best_value[-1] if estimate.trace and estimate.trace.best_value else np.nan
        usable = estimate.outcome not in (Outcome.DIVERGED, Outcome.LEFT_VIEW) and np.isfinite(value)
        found = _Answer(estimate.pose, float(value) if usable else -np.inf)
        self._write({"key": self._key, "similarity": name, "start": number}, found)
        return found

    def _write(self, head: dict[str, Any], found: _Answer) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**head, "value": found.value, "rig_from_world": found.pose.tolist()}) + "\n")

    def _remember(self, line: str) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
            if entry["key"] == self._key:
                known = _Answer(np.array(entry["rig_from_world"], dtype=np.float64), float(entry["value"]))
                self._known[str(entry["similarity"]), int(entry["start"])] = known
        except (ValueError, KeyError, TypeError):
            raise SingleError(
                f"{self._path}: not a journal of this command: delete it, or give another --out"
            ) from None


def _whole_lines(path: Path) -> list[str]:
    """The lines of a journal; one that was cut short in writing is removed, or the next one would be appended to it."""
    *lines, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    # Nothing is taken out of a file that is no journal.
    if not rest.startswith(_LINE_BEGINS[: len(rest)]):
        return [*lines, rest]
    if rest:
        write_text(path, "".join(f"{line}\n" for line in lines))
    return lines


def _fingerprint(problem: Problem) -> str:
    digest = hashlib.sha256(problem.patient_hash.encode())
    for view in problem.views:
        for part in (view.image, view.valid, view.camera.K, view.camera_from_rig):
            digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    for part in (problem.start, problem.nominal, problem.centre, problem.search):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    digest.update(str(problem.seed).encode())
    return digest.hexdigest()[:16]


def _best(answers: Sequence[_Answer]) -> _Answer:
    return max(answers, key=lambda each: each.value)


def _agreeing(problem: Problem, answers: Sequence[_Answer]) -> int:
    return len(_distances(problem, answers, within=AGREEMENT_MM))


def _distances(problem: Problem, answers: Sequence[_Answer], *, within: float) -> list[dict[str, float]]:
    best = _best(answers)
    found = [apart(problem, each.pose, best.pose) for each in answers if np.isfinite(each.value)]
    return [each for each in found if each["mtre_mm"] <= within]


def _found(problem: Problem, name: str, answers: Sequence[_Answer]) -> Found:
    best = _best(answers)
    if not np.isfinite(best.value):
        raise SingleError(f"no start gave an answer with {name}; give a --start nearer to the pose")
    near = _distances(problem, answers, within=AGREEMENT_MM)
    counted = near if len(near) > 1 else _distances(problem, answers, within=np.inf)
    return Found(name, best.pose, len(answers), len(near), _greatest(counted))


def _judged(problem: Problem, first: Found, second: Found) -> ReferencePose:
    between = apart(problem, first.pose, second.pose)
    repeated = first.agreeing > 1 and second.agreeing > 1
    confirmed = repeated and between["mtre_mm"] <= AGREEMENT_MM
    return ReferencePose(first, second, between, _greatest([between, first.spread, second.spread]), confirmed)


def _greatest(distances: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: max(each[key] for each in distances) for key in distances[0]}
