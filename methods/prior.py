"""The best estimate without an image: the mean of the true pose given the start and the distributions of both."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import Card, Estimate, Outcome, PoseDistribution, Problem, View
from bench.perturb import posterior_mean
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The posterior mean of theta, parameter by parameter, within the search's half-widths."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Nothing to prepare."""

    def register(self, problem: Problem, prepared: None) -> Estimate:
        """Weight the start against the nominal pose by the distributions of both."""
        theta = [posterior_mean(_known(problem, number), number, problem.search[number]) for number in range(6)]
        return Estimate(pose=problem.frame.pose(theta), outcome=Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Why there is no such mean, or None."""
        if problem.truth_distribution is None or problem.start_distribution is None:
            return "the problem does not state the distributions of pose and start for each parameter"
        return None


def _known(problem: Problem, number: int) -> list[tuple[PoseDistribution, float]]:
    """The nominal pose, and the start where it was drawn about the truth."""
    truth, begin = problem.truth_distribution, problem.start_distribution
    if truth is None or begin is None:
        return []
    start = float(problem.frame.parameters(problem.start)[number])
    return [(truth, 0.0), *([(begin, start)] if begin.about == "truth" else [])]


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
