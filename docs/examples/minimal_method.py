"""A registration method: go half of the way from the start to the nominal pose."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.volume import Volume

card = Card(title="Halfway", source="own", citation="none", licence="Apache-2.0", uses_start=True)


@dataclass(frozen=True)
class MinimalMethod:
    """Scale the six parameters of the start, which are measured from the nominal pose."""

    share: float = 0.5

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Compute what depends on the patient alone; here nothing does."""

    def register(self, problem: Problem, prepared: None) -> Estimate:
        """Estimate the pose; only this call is timed."""
        theta = problem.frame.parameters(problem.start)
        return Estimate(problem.frame.pose(theta * self.share), Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Return the reason why a problem cannot be taken, or None."""
        return None


plugin = MinimalMethod
