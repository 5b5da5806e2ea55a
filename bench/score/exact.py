"""Inference that holds for few patients and skewed errors: the sign-flip test and the interval of a median.

Intervals of a mean do not: of 6 to 10 patients with log-normal errors, t and bootstrap-t cover 83 to 91 % at 95 %, the
percentile bootstrap less (tests/test_paired.py simulates them).
"""

import numpy as np

from bench.score.adapters import median_interval_cihs
from bench.score.statistics import CONFIDENCE, MIN_PATIENTS, Floats, Interval

EXACT_PATIENTS = 20
# The largest coverage that an interval between two order statistics may have before it is interpolated to 95 %.
MOST_COVERAGE = 0.97
# Sums that differ by rounding alone are ties.
_ROUNDING = 1e-9


def sign_flip_p(sample: Floats, *, seed: int = 0, draws: int = 9999) -> float | None:
    """Two-sided p that the patients' differences are as often and as far above zero as below.

    The null hypothesis: exchanging the two methods in a patient changes nothing. All sign changes up to
    ``EXACT_PATIENTS``, above that ``draws`` random ones, of which the observed is one.

    Args:
        sample: (n,), one finite difference a patient.
        seed: Of the random sign changes.
        draws: How many of them.

    Returns:
        None below 6 patients: no p could be below 0.05.
    """
    if sample.size < MIN_PATIENTS:
        return None
    least = abs(float(sample.sum())) - _ROUNDING * float(np.abs(sample).sum())
    if sample.size <= EXACT_PATIENTS:
        return float(np.mean(np.abs(_all_sums(sample)) >= least))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, sample.size))
    return (1 + int((np.abs(signs @ sample) >= least).sum())) / (1 + draws)


def _all_sums(sample: Floats) -> Floats:
    """Sums under every change of signs but that of the first, which mirrors them all."""
    sums = sample[:1]
    for value in sample[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def median_interval(sample: Floats) -> Interval | None:
    """The 95 % interval of the median of the distribution of a sample, for any distribution.

    Between two order statistics where their exact coverage is 95 to 97 %; else interpolated to 95 % (Hettmansperger and
    Sheather 1986, by scipy).

    Returns:
        None below 6 values: even the whole range covers less.
    """
    if sample.size < MIN_PATIENTS:
        return None
    low, high = median_interval_cihs(sample, CONFIDENCE, MOST_COVERAGE)
    return Interval(low, high)
