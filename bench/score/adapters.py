"""The functions we take from scipy.stats and statsmodels that have no types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, mstats
from statsmodels.stats import multitest, proportion  # pyright: ignore[reportMissingTypeStubs]

_multitest: Any = multitest
_proportion: Any = proportion
_mstats: Any = mstats


def wilson(successes: float, trials: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share, both ends in [0, 1]."""
    low, high = _proportion.proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    # Its closed form leaves rounding errors at the ends.
    return 0.0 if successes <= 0 else float(low), 1.0 if successes >= trials else float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for multiple tests (Holm 1979), in the same order."""
    if not p_values:
        return []
    adjusted = _multitest.multipletests(np.asarray(p_values), method="holm")[1]
    return [float(value) for value in adjusted]


def median_interval_cihs(sample: NDArray[np.float64], confidence: float, most: float) -> tuple[float, float]:
    """Interval of a median: between order statistics that cover ``confidence`` to ``most``, else interpolated.

    The sample must be large enough for its whole range to cover ``confidence``.
    """
    exact = 1 - 2 * float(binom.cdf(binom.ppf((1 - confidence) / 2, sample.size, 0.5) - 1, sample.size, 0.5))
    coverage = exact if exact <= most else confidence
    # A little more than the exact alpha: at it, rounding decides whether scipy takes the next order statistic.
    low, high = _mstats.median_cihs(sample, alpha=1 - coverage + 1e-9)
    return float(low), float(high)
