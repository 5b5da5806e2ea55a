"""The protocol's nominal pose: the error of knowing the set-up without an image."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Nominal:
    """Return the nominal pose."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Nothing to prepare."""

    def register(self, problem: Problem, prepared: None) -> Estimate:
        """Return ``problem.nominal``."""
        return Estimate(pose=problem.nominal.copy(), outcome=Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Every problem has a nominal pose."""
        return None


plugin = Nominal
card = Card(
    title="Nominal (no image seen)",
    source="ours",
    citation="none",
    licence="Apache-2.0",
    uses_start=False,
)
