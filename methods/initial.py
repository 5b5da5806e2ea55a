"""The start itself, which a method must improve."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Initial:
    """Return the start."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Nothing to prepare."""

    def register(self, problem: Problem, prepared: None) -> Estimate:
        """Return ``problem.start``."""
        return Estimate(pose=problem.start.copy(), outcome=Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Every problem has a start."""
        return None


plugin = Initial
card = Card(
    title="Initial (the start)",
    source="ours; the first row of the papers' tables",
    citation="none",
    licence="Apache-2.0",
    uses_start=True,
)
