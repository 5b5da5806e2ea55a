"""Opt-LM: least squares on normalised images by Levenberg-Marquardt on the derivative images, coarse to fine."""

from dataclasses import dataclass

from bench.contract import Card
from bench.register.least_squares import LeastSquares


@dataclass(frozen=True, kw_only=True)
class OptLm(LeastSquares):
    """``LeastSquares`` as it stands."""


plugin = OptLm
card = Card(
    title="Opt-LM (Levenberg-Marquardt on derivative images)",
    source="ours",
    citation="D. W. Marquardt, An algorithm for least-squares estimation of nonlinear parameters, SIAM J. 11(2), 1963",
    licence="Apache-2.0",
    uses_start=True,
)
