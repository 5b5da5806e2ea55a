"""Opt-Hybrid: a population search for the basin, then second order, both on local correlation."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register.hybrid import Hybrid


@dataclass(frozen=True, kw_only=True)
class OptHybrid(Hybrid):
    """``Hybrid`` as it stands."""


plugin = OptHybrid
card = Card(
    title="Opt-Hybrid (CMA-ES, then Levenberg-Marquardt, on local NCC of bone against soft tissue)",
    source="ours",
    citation="N. Hansen, The CMA evolution strategy: a tutorial, arXiv:1604.00772, 2016",
    licence="Apache-2.0",
    uses_start=True,
)
