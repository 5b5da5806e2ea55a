"""Opt-Gradient: any similarity climbed along its exact pose gradient, by L-BFGS or Adam."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register.gradient import GradientSearch


@dataclass(frozen=True, kw_only=True)
class OptGradient(GradientSearch):
    """``GradientSearch`` as it stands."""


plugin = OptGradient
presets = {
    "adam": {
        "optimiser": "adam",
        "levels": (
            {"size": 32, "iterations": 80, "rate": 0.05, "coarsening": 2},
            {"size": 64, "iterations": 60, "rate": 0.01},
            {"size": 128, "iterations": 60, "rate": 0.004},
        ),
    },
}
card = Card(
    title="Opt-Gradient (L-BFGS or Adam on the exact pose gradient of any similarity)",
    source="ours",
    citation="R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, L-BFGS-B, SIAM J. Sci. Comput. 16(5), 1995",
    licence="Apache-2.0",
    deviations=("Untuned: settings are the first ones tried.",),
    uses_start=True,
)
