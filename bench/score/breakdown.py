"""Where success breaks down: the strength of a factor at which half of the successes at its own one are lost."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from bench.score.resamples import resamples
from bench.score.statistics import MIN_PATIENTS

Floats = NDArray[np.float64]
Scale = Literal["linear", "log"]

# Share of the successes at the own strength that is lost where success breaks down.
LOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Where success breaks down, in strengths, in the order in which they lead away from the own one.

    Attributes:
        strength: NaN where nothing succeeded at the own strength; infinite where more than half of it outlasts all
            strengths.
        earliest: Of the 95 % interval by patient; NaN below ``MIN_PATIENTS`` patients.
        latest: Of the same; infinite beyond the strengths.
    """

    strength: float
    earliest: float
    latest: float


def breakdown(success: Floats, strengths: Floats, scale: Scale, *, seed: int = 0) -> Breakdown:
    """The breakdown point with the percentile interval of a bootstrap over patients.

    Args:
        success: (patients, strengths), share of each patient's cases that succeeded.
        strengths: The own one first, then those that lead away from it.
        scale: Of the axis along which success is interpolated.
        seed: Of the bootstrap, where not all resamples are taken (``bench.score.resamples``); those without any success
            at the own strength are left out.
    """
    strength = breakdown_point(success.mean(axis=0), strengths, scale)
    nothing = Breakdown(strength=strength, earliest=float("nan"), latest=float("nan"))
    if len(success) < MIN_PATIENTS:
        return nothing
    drawn = resamples(len(success), seed=seed)
    # Many resamples have the same mean. What rounding makes of equal ones is equal again.
    means, which = np.unique(np.round(drawn.counts @ success / len(success), 12), axis=0, return_inverse=True)
    found = np.array([breakdown_point(mean, strengths, scale) for mean in means])[which.ravel()]
    interval = drawn.interval(np.where(np.isinf(found), np.inf, np.abs(found - strengths[0])))
    if interval is None:
        return nothing
    sign = float(np.sign(strengths[-1] - strengths[0]))
    ends = (interval.low, interval.high)
    earliest, latest = (end if np.isinf(end) else float(strengths[0] + sign * end) for end in ends)
    return Breakdown(strength=strength, earliest=earliest, latest=latest)


def breakdown_point(success: Floats, strengths: Floats, scale: Scale) -> float:
    """The strength at which success falls to half of that at the own strength.

    Success is first made to fall with the strength (isotonic regression, all strengths of equal weight; the estimator
    of a median effective dose of Stylianou and Flournoy, Biometrics 58, 2002), then interpolated linearly.

    Args:
        success: (strengths,), shares.
        strengths: (strengths,), the own one first.
        scale: Of the axis.

    Returns:
        NaN where nothing succeeded at the own strength; infinite where the last strength keeps more than half.
    """
    falling = np.asarray(isotonic_regression(success, increasing=False).x)
    level = (1 - LOST) * falling[0]
    below = np.flatnonzero(falling <= level)
    if success[0] <= 0 or not below.size:
        return float("nan") if success[0] <= 0 else float("inf")
    axis = np.log(strengths) if scale == "log" else strengths
    last, first = below[0] - 1, below[0]
    share = (falling[last] - level) / (falling[last] - falling[first])
    at = axis[last] + share * (axis[first] - axis[last])
    return float(np.exp(at) if scale == "log" else at)
