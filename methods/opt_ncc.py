"""Opt-NCC: NCC plus the correlation of Laplacians (or plain NCC) maximised, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Level, Search
from bench.register.presets import POWELL, restarted, tuned


@dataclass(frozen=True, kw_only=True)
class OptNcc(Search):
    """``Search`` by NCC and Laplacians (``nccl``), or by plain ``ncc``."""

    similarity: str = "nccl"
    levels: tuple[Level, ...] = (
        Level(size=64, population=30, generations=30, sigma=0.25, x_tolerance=0.01),
        Level(size=128, population=14, generations=24, sigma=0.01, x_tolerance=2e-4),
    )


plugin = OptNcc
presets = {"paper": {**POWELL, "similarity_settings": {"pseudo": True}}}
card = Card(
    title="Opt-NCCL (NCC and Laplacian, CMA-ES)",
    source="SOPI Table 1 (Opt-NCCL)",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        restarted("two"),
        "The preset's bounds are shares of the search box about each level's start; SOPI's are about a fixed pose.",
        "The preset's line searches are SciPy's; SOPI's code has golden sections and rounds positions to 0.1.",
    ),
    uses_start=True,
    provenance=(
        tuned(
            7,
            (
                "Pyramids, populations and steps: 4 settings on 10 matched cases (none failed; 0.63 to 1.32 CPU "
                "s), 3 with the whole body as target on 8 (all failed, but the median rotation error fell from "
                "16.6 degrees with 32-64-128 to 0.2 with 64-128, which was chosen)."
            ),
        ),
    ),
)
