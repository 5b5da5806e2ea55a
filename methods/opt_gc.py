"""Opt-GC (gradient correlation): CMA-ES, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search


@dataclass(frozen=True, kw_only=True)
class OptGc(Search):
    """Coarse-to-fine search; see ``Search`` for the settings."""

    similarity: str = "gc"


plugin = OptGc
card = Card(
    title="Opt-GC (gradient correlation)",
    source="Chen et al. 2024 (SOPI), Opt-GC",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    uses_start=True,
)
