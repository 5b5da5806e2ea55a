"""Opt-GC: gradient correlation maximised by CMA-ES, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import CMA_ES, UNSTATED, restarted, tuned


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
        restarted("three"),
        UNSTATED,
        "The default correlation is the true one; the preset takes the pseudo-NCC of SOPI's code.",
    ),
    uses_start=True,
    provenance=(
        tuned(
            7,
            (
                "Pyramids, populations and steps: 4 settings on 10 matched cases (none failed; 0.80 to 1.55 CPU "
                "s), 3 with the whole body as target on 8 (strict failures 7, 7, 7; medians 0.2 degrees and 4.1 "
                "mm throughout). 32-64-128 was kept: as good at half the time."
            ),
        ),
    ),
)
