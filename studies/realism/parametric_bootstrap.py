"""Parametric bootstrap with a phantom in place of the CT: how often it passes, and the ratios that chance alone gives.

The bootstrap over the cases of one CT gives the uncertainty of that patient's 50 % point. It does not contain the
difference between one patient and the mean of many. Here the CT is drawn as one more phantom: every patient has a
logistic curve with the population's slope and an intercept from a normal distribution (logistic model with random
intercepts, likelihood integrated by Gauss-Hermite quadrature), fitted to the phantoms' cases. A ratio within the range
of these draws does not show that phantoms are too easy or too hard.

The spread is estimated from few patients, and from phantoms: real patients may differ more or less.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bench.score.capture_range import SuccessCurve, fit_logistic, half_point
from bench.score.statistics import CONFIDENCE, Floats, Interval
from studies.realism.criterion import NEAR_ENOUGH

_NODES = 21
# Standard deviation between patients, of the logit: first guess and upper limit of the fit.
_FIRST_SPREAD, _WIDEST = 0.7, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametricBootstrap:
    """Distribution of the comparison's outcome with a phantom in place of the CT.

    Attributes:
        label: Of the method.
        spread: Standard deviation between patients, of the logit of success.
        passes: Share of the draws in which the 50 % points lie within 25 %.
        ratios: Population's 50 % point over the drawn patient's, 95 % range of the draws; infinite where it has none.
    """

    label: str
    spread: float
    passes: float
    ratios: Interval


def parametric_bootstrap(
    population: SuccessCurve, real: SuccessCurve, *, seed: int = 0, draws: int = 400
) -> ParametricBootstrap | None:
    """Draw the population and one more patient in place of the CT, ``draws`` times.

    Args:
        population: Success of the phantoms.
        real: Success of the CT; only its initial errors are used.
        seed: Of the random numbers.
        draws: Number of draws.

    Returns:
        None for a population of fewer than three patients or without a 50 % point.
    """
    names = sorted(set(population.patients))
    if len(names) < 3 or not population.reached:
        return None
    owner = np.searchsorted(names, list(population.patients))
    x, theirs = population.initial_mm / population.limit_mm, real.initial_mm / real.limit_mm
    intercept, slope, spread = fit_patients(x, population.success.astype(np.float64), owner)
    random = np.random.default_rng(seed)

    def half(at: Floats, own: Floats) -> float:
        success = random.uniform(size=at.size) < expit(intercept + spread * own + slope * at)
        return half_point(fit_logistic(at, success), population.limit_mm)

    drawn = [
        (half(x, random.normal(size=len(names))[owner]), half(theirs, random.normal(size=1))) for _ in range(draws)
    ]
    # At an end of the range there is no 50 % point to compare with.
    passed = [max(a, b) < population.limit_mm and b > 0 and abs(a / b - 1) <= NEAR_ENOUGH for a, b in drawn]
    ratios = [a / b if b > 0 else np.inf for a, b in drawn if max(a, b) > 0]
    low, high = np.percentile(ratios, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)], method="nearest")
    return ParametricBootstrap(
        label=population.label,
        spread=spread,
        passes=float(np.mean(passed)),
        ratios=Interval(float(low), float(high)),
    )


def fit_patients(x: Floats, success: Floats, owner: NDArray[np.intp]) -> tuple[float, float, float]:
    """Intercept, slope and standard deviation of the intercept between patients, by maximum likelihood.

    Args:
        x: Initial errors as shares of the largest.
        success: 0 or 1, one a case.
        owner: Number of the patient, one a case, from 0 on.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    shares = np.log(weights / weights.sum())
    sign = 2 * success - 1

    def cost(parameters: Floats) -> float:
        intercept, log_slope, log_spread = parameters
        spread = min(np.exp(log_spread), _WIDEST)
        logit = intercept - np.exp(log_slope) * x + spread * nodes[:, None]
        cases = -np.logaddexp(0, -sign * logit)
        patients = np.stack([np.bincount(owner, weights=each) for each in cases])
        return -float(np.logaddexp.reduce(patients + shares[:, None], axis=0).sum())

    pooled = fit_logistic(x, success > 0)
    begin = [pooled[0], np.log(max(-pooled[1], 0.5)), np.log(_FIRST_SPREAD)]
    found = minimize(cost, begin, method="Nelder-Mead", options={"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-4})
    intercept, log_slope, log_spread = (float(each) for each in found.x)
    return intercept, -float(np.exp(log_slope)), float(min(np.exp(log_spread), _WIDEST))
