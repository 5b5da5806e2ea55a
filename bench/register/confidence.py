"""Confidence and covariance of an answer, by a model of how well it fits that was calibrated on phantoms.

The probability is logistic in what is left of the image at one level. The covariance is that of independent residuals,
its deviations multiplied by one factor a parameter.
``python -m studies.confidence`` writes the files in ``calibration``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.contract import Estimate
from bench.geometry import Matrix
from bench.register.least_squares import Refined
from bench.text import read_toml

CALIBRATION = Path(__file__).parent / "calibration"
# Costs below it are rounding.
_PERFECT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """An answer, and what tells how far it can be trusted.

    Attributes:
        estimate: Without confidence.
        features: Numbers by name, those of the method's calibration.
        inverse: See ``bench.register.least_squares.Refined``.
    """

    estimate: Estimate
    features: Mapping[str, float]
    inverse: Matrix | None


def of_refined(refined: Refined, size: int, views: int) -> Fitted:
    """The answer of a least-squares registration, and the logarithm of its cost a view at one level.

    Args:
        refined: The registration.
        size: Of the level.
        views: How many there were.
    """
    cost = max(refined.costs.get(size, np.inf) / views, _PERFECT)
    return Fitted(refined.estimate, {f"log_cost_{size}": float(np.log(cost))}, refined.inverse)


class Feature(BaseModel):
    """One number: its mean and deviation in the calibration, and its weight."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean: float
    deviation: float = Field(gt=0)
    weight: float


class Calibration(BaseModel):
    """Of one method.

    Attributes:
        intercept: Of the logistic model.
        highest: Probability that is never exceeded: (n + 1) / (n + 2) of n right answers and no wrong one.
        features: By name.
        factors: By which the deviations of theta (degrees, mm) exceed those of independent residuals.
        made_of: What it was calibrated on, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intercept: float
    highest: float = Field(gt=0, lt=1)
    features: dict[str, Feature]
    factors: tuple[float, float, float, float, float, float]
    made_of: str

    def probability(self, features: Mapping[str, float]) -> float:
        """That a pose with these features is in the right basin; 0 where one of them is not finite."""
        score = self.intercept
        for name, each in self.features.items():
            score += each.weight * (features[name] - each.mean) / each.deviation
        if not np.isfinite(score):
            return 0.0
        return float(min(1 / (1 + np.exp(-np.clip(score, -50.0, 50.0))), self.highest))

    def covariance(self, inverse: Matrix) -> Matrix:
        """Of theta, (6, 6), degrees and mm."""
        factors = np.asarray(self.factors)
        return np.asarray(inverse * factors[:, None] * factors, dtype=np.float64)


@cache
def calibration(name: str) -> Calibration:
    """The calibration of a method.

    Raises:
        FluorobenchError: There is none, or its file is damaged.
    """
    return Calibration.model_validate(read_toml(CALIBRATION / f"{name}.toml"))


def stated(fitted: Fitted, name: str) -> Estimate:
    """The answer with its confidence and covariance, as the calibration of that name has them."""
    known = calibration(name)
    covariance = None if fitted.inverse is None else known.covariance(fitted.inverse)
    return replace(fitted.estimate, confidence=known.probability(fitted.features), covariance=covariance)
