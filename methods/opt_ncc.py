"""Opt-NCC: NCC plus the correlation of Laplacians (or plain NCC) maximised, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register import Search
from bench.register.presets import POWELL


@dataclass(frozen=True, kw_only=True)
class OptNcc(Search):
    """``Search`` by NCC and Laplacians (``nccl``), or by plain ``ncc``."""

    similarity: str = "nccl"


plugin = OptNcc
presets = {"paper": {**POWELL, "similarity_settings": {"pseudo": True}}}
card = Card(
    title="Opt-NCCL (NCC and Laplacian, CMA-ES)",
    source="SOPI Table 1 (Opt-NCCL)",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "The defaults are ours: CMA-ES on three resolutions, restarted until two searches agree.",
        "The preset's bounds are shares of the search box about each level's start; SOPI's are about a fixed pose.",
        "The preset's line searches are SciPy's; SOPI's code has golden sections and rounds positions to 0.1.",
    ),
    uses_start=True,
)
