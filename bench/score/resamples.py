"""Resamples of patients: all that are possible of few patients with their probabilities, else random ones."""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from bench.score.statistics import Floats, Interval, middle

# Random resamples. The shares below an interval's ends, 2.5 and 97.5 %, then have a standard error of 0.16 %.
DRAWS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """Draws of as many patients as there are, with replacement.

    Attributes:
        counts: (R, patients), how often each is drawn.
        probability: (R,), of each resample; they sum to one.
        exact: Whether these are all.
    """

    counts: NDArray[np.int64]
    probability: Floats
    exact: bool

    def interval(self, statistic: Floats) -> Interval | None:
        """The middle 95 % of a statistic (R,), which may be infinite; by nearest rank.

        Resamples in which it is not defined (NaN) are left out; None where all are.
        """
        known = ~np.isnan(statistic)
        return middle(statistic[known], self.probability[known]) if known.any() else None


def resamples(patients: int, *, seed: int, draws: int = DRAWS) -> Resamples:
    """All resamples where these are no more than ``draws`` (up to 8 patients of 10,000), else so many random ones.

    Args:
        patients: How many there are.
        seed: Of random ones.
        draws: How many of them.
    """
    if comb(2 * patients - 1, patients) > draws:
        drawn = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=draws)
        return Resamples(drawn.astype(np.int64), np.full(draws, 1 / draws), exact=False)
    chosen = np.array(list(combinations_with_replacement(range(patients), patients)))
    counts = (chosen[:, :, None] == np.arange(patients)).sum(axis=1)
    factorials = np.array([float(factorial(count)) for count in range(patients + 1)])
    orders = factorials[patients] / factorials[counts].prod(axis=1)
    return Resamples(counts.astype(np.int64), orders / float(patients) ** patients, exact=True)
