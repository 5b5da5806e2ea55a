"""Opt-NGI: normalised gradient information maximised by CMA-ES, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import CMA_ES


@dataclass(frozen=True, kw_only=True)
class OptNgi(Search):
    """``Search`` by normalised gradient information."""

    similarity: str = "ngi"


plugin = OptNgi
presets = {"paper": {**CMA_ES}}
card = Card(
    title="Opt-NGI (normalised gradient information, CMA-ES)",
    source="SOPI Table 1, LGFF Table 4; measure of Otake et al., Phys. Med. Biol. 58 (2013)",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "The defaults are ours: CMA-ES on three resolutions, restarted until two searches agree.",
        "The papers state no optimiser settings; the preset 'paper' holds customary ones.",
        "SOPI's code calls another measure ngi (mutual information of raw gradients as labels); this is Otake's.",
    ),
    uses_start=True,
)
