"""The two functions we take from statsmodels, which has no types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from statsmodels.stats import multitest, proportion  # pyright: ignore[reportMissingTypeStubs]

_multitest: Any = multitest
_proportion: Any = proportion


def wilson(successes: float, trials: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share, both ends in [0, 1]."""
    low, high = _proportion.proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for multiple tests (Holm 1979), in the same order."""
    if not p_values:
        return []
    adjusted = _multitest.multipletests(np.asarray(p_values), method="holm")[1]
    return [float(value) for value in adjusted]
