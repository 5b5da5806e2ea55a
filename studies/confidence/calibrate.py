"""A calibration from answers with a known truth."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.register.confidence import Calibration, Feature
from studies.rows import Row

# Ridge on weights of standardised features, a row: right and wrong answers are nearly separable, and weights would grow
# without end.
_RIDGE = 1e-3
_DIGITS = 4
# It has no types.
_models: Any = import_module("statsmodels.api")


def calibrated(rows: Sequence[Row], made_of: str) -> Calibration:
    """Fit the logistic model on all rows, and the factors of deviations on right answers to X-rays without stress.

    Args:
        rows: Of one method; see ``studies.confidence.answers``.
        made_of: In words.
    """
    names = list(rows[0]["features"])
    values = np.array([[row["features"][name] for name in names] for row in rows])
    right = np.array([row["right"] for row in rows])
    means, deviations = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    intercept, *weights = _logistic((values - means) / deviations, right)
    return Calibration(
        intercept=round(intercept, _DIGITS),
        highest=round((len(rows) + 1) / (len(rows) + 2), 6),
        features={
            name: Feature(mean=round(mean, _DIGITS), deviation=round(deviation, _DIGITS), weight=round(weight, _DIGITS))
            for name, mean, deviation, weight in zip(names, means.tolist(), deviations.tolist(), weights, strict=True)
        },
        factors=_factors([row for row in rows if row["right"] and row["protocol"] == "mismatch"]),
        made_of=made_of,
    )


def _logistic(values: NDArray[np.float64], right: NDArray[np.bool_]) -> list[float]:
    """Intercept and weights."""
    penalty = np.array([0.0, *[_RIDGE] * values.shape[1]])
    model = _models.GLM(right.astype(np.float64), _models.add_constant(values), family=_models.families.Binomial())
    return [float(each) for each in model.fit_regularized(alpha=penalty, L1_wt=0.0).params]


def _factors(rows: Sequence[Row]) -> tuple[float, float, float, float, float, float]:
    """Root mean squares of the errors in units of their deviations."""
    errors = np.array([row["errors"] for row in rows if row["errors"] is not None])
    a, b, c, d, e, f = (round(float(each), _DIGITS) for each in np.sqrt((errors**2).mean(axis=0)))
    return a, b, c, d, e, f
