"""Opt-GO: gradient orientation maximised by CMA-ES, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import CMA_ES


@dataclass(frozen=True, kw_only=True)
class OptGo(Search):
    """``Search`` by gradient orientation."""

    similarity: str = "go"


plugin = OptGo
presets = {"paper": {**CMA_ES}}
card = Card(
    title="Opt-GO (gradient orientation, CMA-ES)",
    source="LGFF Table 4; measure of De Silva et al., Phys. Med. Biol. 61 (2016)",
    citation="X. Yang et al. (LGFF-Reg), J. Image and Graphics 30(8), 2025",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "The defaults are ours: CMA-ES on three resolutions, restarted until two searches agree.",
        "The papers state no optimiser settings; the preset 'paper' holds customary ones.",
    ),
    uses_start=True,
)
