"""Opt-Similarity: any similarity plug-in maximised by CMA-ES or Powell's method, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import CMA_ES, POWELL


@dataclass(frozen=True, kw_only=True)
class OptSimilarity(Search):
    """``Search`` by the similarity that ``similarity`` names."""

    similarity: str = "ncc"


plugin = OptSimilarity
presets = {"cmaes": {**CMA_ES}, "powell": {**POWELL}}
card = Card(
    title="Opt-Similarity (any similarity plug-in, CMA-ES or Powell)",
    source="ours; the search of Opt-GC with the similarity as a setting",
    citation="none",
    licence="Apache-2.0",
    deviations=(
        "Not tuned for any similarity: the defaults are those that were chosen for Opt-GC.",
        "The presets hold the settings that Opt-GC (cmaes) and Opt-NCCL (powell) have under 'paper'.",
    ),
    uses_start=True,
)
