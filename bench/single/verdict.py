"""How far an answer can be trusted: found again by a second similarity, within bounds, on the image."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.contract import Estimate, Outcome, Problem
from bench.geometry import Matrix
from bench.single.answer import METHOD, at_bounds
from bench.single.check import (
    AGREEMENT_MM,
    FIRST,
    POOR,
    REPETITIONS,
    SECOND,
    Check,
    check_answer,
    inverted_fits_better,
)
from bench.single.depth import depth_half_width, leaves_depth_open, measure
from bench.single.opinion import LEAN, ONE_TRIAL
from bench.single.plausible import seen
from bench.single.trust import Trust

_MOSTLY = 0.5
# Of the confidence that a method states of its own answer.
_SURE = 0.95
# Answers farther apart than this many times ``AGREEMENT_MM`` are different ones, nearer ones the same one, blurred.
_FAR = 2.0

# Of the default method where its answer is checked: the check is the second trial, and runs more where it disagrees.
CHECKED: dict[str, Any] = {**LEAN, **ONE_TRIAL}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far an answer can be trusted.

    Attributes:
        trust: The verdict.
        reasons: Why the answer is not trusted, one phrase each.
        depth_interval_mm: Ends of the interval that holds the depth of the content's centre (its distance from the
            first view's source along its axis), where the views leave it open (one view, or nearly the same beam).
    """

    trust: Trust
    reasons: tuple[str, ...]
    depth_interval_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """An answer with its check and verdict.

    Attributes:
        estimate: The method's, with the pose of the check where that is better.
        check: None where none was asked for.
        verdict: On the estimate.
    """

    estimate: Estimate
    check: Check | None
    verdict: Verdict

    def written(self) -> dict[str, Any]:
        """The verdict as ``register`` writes it."""
        return {
            "trust": str(self.verdict.trust),
            "reasons": list(self.verdict.reasons),
            "depth_interval_mm": self.verdict.depth_interval_mm,
            "check": None if self.check is None else self.check.written(),
            "confidence": self.estimate.confidence,
        }


def settings_for(plugin: str, settings: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Settings of a method whose answer is checked: one trial of the default one, since the check searches on."""
    return {**(CHECKED if check and plugin == METHOD else {}), **settings}


def assess(
    problem: Problem, estimate: Estimate, plugin: str, settings: Mapping[str, Any], *, check: bool = True
) -> Assessed:
    """Check an answer by a second similarity and judge it.

    Only the default method's answer gives way to a better one: other methods are judged as they are.

    Args:
        problem: As the method got it.
        estimate: Its answer.
        plugin: The method's name.
        settings: Its settings.
        check: Whether to search again; without it, outcome, bounds and image alone are judged.
    """
    if not check:
        return Assessed(estimate, None, judge(problem, estimate, None))
    similarity = FIRST if settings.get("similarity") == SECOND else SECOND
    default = plugin == METHOD and settings.get("similarity", FIRST) == FIRST
    checked = check_answer(problem, estimate.pose, similarity=similarity, replaceable=default)
    estimate = replace(estimate, pose=checked.pose)
    verdict = judge(problem, estimate, checked)
    if not (checked.agreed and checked.plain) and inverted_fits_better(problem, estimate.pose):
        reasons = (*verdict.reasons, "the inverted X-ray fits better: check --bright")
        verdict = replace(verdict, trust=Trust.NOT_TRUSTED, reasons=reasons)
    return Assessed(estimate, checked, verdict)


def judge(problem: Problem, estimate: Estimate, check: Check | None) -> Verdict:
    """The verdict on an answer.

    Args:
        problem: As the method got it.
        estimate: With the pose that ``check`` was made of.
        check: None where none was asked for.
    """
    against, doubts = list(_against(problem, estimate, check)), list(_doubts(problem, estimate, check))
    agreed = Trust.NOT_CHECKED if check is None else Trust.TRUSTED
    trust = Trust.NOT_TRUSTED if against else Trust.DOUBTFUL if doubts else agreed
    return Verdict(trust, (*against, *doubts), _depth_interval(problem, estimate.pose, check))


def _against(problem: Problem, estimate: Estimate, check: Check | None) -> Iterator[str]:
    """Why an answer is not to be trusted."""
    if estimate.outcome not in (Outcome.CONVERGED, Outcome.BUDGET, Outcome.SECONDS):
        yield f"the search ended as: {estimate.outcome}"
    if estimate.confidence is not None and estimate.confidence < _MOSTLY:
        yield _own(estimate.confidence)
    if at := at_bounds(problem, estimate.pose):
        yield (
            f"{', '.join(at)} ended at the bounds of the search, so that the true pose may lie beyond: start nearer "
            "(--start) or search wider (--search)"
        )
    if check is not None and not check.agreed and check.apart[measure(problem)] > _FAR * AGREEMENT_MM:
        yield _disagreement(problem, check)


def _doubts(problem: Problem, estimate: Estimate, check: Check | None) -> Iterator[str]:
    if check is not None and not check.agreed and check.apart[measure(problem)] <= _FAR * AGREEMENT_MM:
        yield _disagreement(problem, check)
    if check is not None and check.agreed and check.fit >= POOR and not check.settled:
        yield (
            f"X-ray and CT agree by {check.fit:.2f} only (1 at most); searches from elsewhere that ended here: "
            f"{check.repeated}, where {REPETITIONS} would do"
        )
    if check is not None and check.fit < POOR:
        yield (
            f"X-ray and CT agree little here: {check.fit:.2f} by {FIRST}, of at most 1, where {POOR:g} is "
            "the least of right answers; look at the overlay, and check --content, --bright and --flip"
        )
    if estimate.confidence is not None and _MOSTLY <= estimate.confidence < _SURE:
        yield _own(estimate.confidence)
    if estimate.outcome in (Outcome.BUDGET, Outcome.SECONDS):
        yield f"the search {estimate.outcome}, perhaps before the best pose"
    for number, share in enumerate(seen(problem, estimate.pose), start=1):
        if share < _MOSTLY:
            yield f"{100 * (1 - share):.0f} % of the content lie beyond the image of view {number} or its border"


def _own(confidence: float) -> str:
    return f"the method itself gives the pose {100 * confidence:.0f} % to be right but for its depth"


def _disagreement(problem: Problem, check: Check) -> str:
    apart_mm = check.apart[measure(problem)]
    return f"another pose, {apart_mm:.1f} mm away, is the best by {check.similarity}; {AGREEMENT_MM:g} mm would agree"


def _depth_interval(problem: Problem, pose: Matrix, check: Check | None) -> tuple[float, float] | None:
    """Of the depths by both similarities, widened by what the views leave open."""
    if not leaves_depth_open(problem):
        return None
    half = depth_half_width(problem, pose)
    poses = (pose, check.other_pose) if check is not None and check.agreed else (pose,)
    depths = [float((each @ [*problem.centre, 1.0])[2]) for each in poses]
    return min(depths) - half, max(depths) + half
