"""The best estimate without an image: the mean of the true pose given the start and the distributions of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import truncnorm

from bench.contract import Card, Estimate, Outcome, PoseDistribution, Problem, View
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The posterior mean of theta, parameter by parameter, within the search's half-widths."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Nothing to prepare."""

    def register(self, problem: Problem, prepared: None) -> Estimate:
        """Weight the start against the nominal pose by the distributions of both."""
        start = problem.frame.parameters(problem.start)
        theta = [self._mean(problem, number, float(start[number])) for number in range(6)]
        return Estimate(pose=problem.frame.pose(theta), outcome=Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Why there is no such mean, or None."""
        if problem.truth_distribution is None or problem.start_distribution is None:
            return "the problem does not state the distributions of pose and start for each parameter"
        return None

    def _mean(self, problem: Problem, number: int, start: float) -> float:
        if problem.truth_distribution is None or problem.start_distribution is None:
            return 0.0
        end = float(problem.search[number])
        return posterior_mean(problem.truth_distribution, problem.start_distribution, number, start, end)


def posterior_mean(truth: PoseDistribution, begin: PoseDistribution, number: int, start: float, search: float) -> float:
    """Mean of a true parameter given the start's: Bayes' rule for normal and uniform distributions.

    Args:
        truth: Distribution of the truth, about the nominal pose (zero).
        begin: Distribution of the start.
        number: Index of the parameter.
        start: The start's parameter.
        search: Half-width about zero that holds the truth.
    """
    middle, precision, low, high = 0.0, 0.0, -search, search
    known = [(truth, 0.0), *([(begin, start)] if begin.about == "truth" else [])]
    for distribution, place in known:
        width = distribution.width[number]
        if distribution.kind == "uniform":
            low, high = max(low, place - width), min(high, place + width)
        elif width == 0:
            low = high = place
        else:
            weight = width**-2
            middle = (precision * middle + weight * place) / (precision + weight)
            precision += weight
    if high <= low:
        return (low + high) / 2
    return _truncated(middle, precision, low, high)


def _truncated(middle: float, precision: float, low: float, high: float) -> float:
    """Mean of a truncated normal distribution; without a precision the middle of the interval."""
    if precision == 0:
        return (low + high) / 2
    deviation = precision**-0.5
    ends = np.array([low - middle, high - middle]) / deviation
    return float(np.clip(truncnorm.mean(*ends, loc=middle, scale=deviation), low, high))


plugin = Prior
card = Card(
    title="Prior (no image seen; the mean of the pose's distribution given the start)",
    source="ours",
    citation="none",
    licence="Apache-2.0",
    deviations=(
        "Parameters are taken one by one, and on real X-rays start and truth as if measured in one frame.",
        "Redraws of poses that leave the detector are not accounted for.",
    ),
    uses_start=True,
)
