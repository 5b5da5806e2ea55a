"""A reference pose by registration: several starts, two independent similarities, and the spread as uncertainty."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import Estimate, Outcome, Problem
from bench.geometry import Matrix
from bench.run.single import SingleError, answer, distance, frame_of

# Similarities that share neither derivative nor weighting: gradients in the silhouette, intensities in windows.
SIMILARITIES = ("sgc", "lncc")
METHOD = "opt_sgc"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one similarity found from several starts.

    Attributes:
        similarity: Its name.
        pose: The best of all starts, rig_from_world, 4x4, mm.
        spread_mm: Median mTRE of the starts' answers to it; answers of lower similarity included.
        agreeing: Starts whose answer lies within 2 mm mTRE of it.
        starts: How many there were.
    """

    similarity: str
    pose: Matrix
    spread_mm: float
    agreeing: int
    starts: int


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Two answers and what they are good for.

    Attributes:
        first: By gradients; the reference.
        second: By intensities.
        between_mm: mTRE between the two, its in-plane part and its depth, in the first view.
        uncertainty_mm: The greatest of the mTRE between them and either spread.
    """

    first: Found
    second: Found
    between_mm: dict[str, float]
    uncertainty_mm: float


def find_reference(problem: Problem, *, starts: int, spread: float = 0.5) -> Iterator[str | Reference]:
    """Search; yields a line for every registration that begins, and the reference last.

    Args:
        problem: Its start is the centre of the starts.
        starts: For each similarity.
        spread: Of the starts, uniform, as a share of the search half-widths.

    Raises:
        SingleError: Fewer than two starts, or no usable answer.
    """
    if starts < 2:
        raise SingleError(f"a spread needs at least 2 starts; got {starts}: raise --starts")
    random = np.random.default_rng(problem.seed)
    thetas = random.uniform(-spread, spread, (starts, 6)) * problem.search
    both = list[Found]()
    for name in SIMILARITIES:
        estimates = list[Estimate]()
        for number, theta in enumerate(thetas):
            yield f"{name}, start {number + 1} of {starts}"
            posed = replace(problem, start=frame_of(problem, problem.start).pose(theta), seed=problem.seed + number)
            estimates.append(answer(posed, METHOD, {"similarity": name}))
        both.append(_best(problem, name, estimates))
    between = distance(problem, both[0].pose, both[1].pose)
    uncertainty = max(between["mtre_mm"], *(each.spread_mm for each in both))
    yield Reference(both[0], both[1], between, uncertainty)


def _best(problem: Problem, name: str, estimates: list[Estimate]) -> Found:
    usable = [each for each in estimates if each.outcome is not Outcome.DIVERGED and each.trace is not None]
    if not usable:
        raise SingleError(f"no start gave an answer with {name}; say a --start nearer to the pose")
    best = max(usable, key=lambda each: each.trace.best_value[-1] if each.trace else -np.inf)
    apart = np.array([distance(problem, each.pose, best.pose)["mtre_mm"] for each in usable])
    return Found(name, best.pose, float(np.median(apart)), int((apart < 2).sum()), len(estimates))
