"""Opt-GC: gradient correlation maximised by CMA-ES, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import CMA_ES


@dataclass(frozen=True, kw_only=True)
class OptGc(Search):
    """``Search`` by gradient correlation."""

    similarity: str = "gc"


plugin = OptGc
presets = {"paper": {**CMA_ES, "similarity_settings": {"pseudo": True}}}
card = Card(
    title="Opt-GC (gradient correlation, CMA-ES)",
    source="SOPI Table 1, LGFF Table 4",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "The defaults are ours: CMA-ES on three resolutions, restarted until two searches agree.",
        "The papers state no optimiser settings; the preset 'paper' holds customary ones.",
        "The default correlation is the true one; the preset takes the pseudo-NCC of SOPI's code.",
    ),
    uses_start=True,
)
