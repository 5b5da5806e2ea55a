"""Two methods on the same cases: the difference of their mean errors, with its interval over patients."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.score.statistics import (
    CONFIDENCE,
    Floats,
    Interval,
    StatisticsError,
    clustered_interval,
    of_label,
    values,
    words,
)

FEWEST_CASES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Mean of (first - second) over the cases that both answered.

    Attributes:
        first: Label.
        second: Label.
        mean: In the metric's unit; NaN where no case is left.
        interval: 95 %, percentile bootstrap over patients, each with all its cases; None below 6 patients. With one
            patient over the cases, and None below ``FEWEST_CASES``: it speaks of other poses of this patient, and of no
            other patient.
        cases: How many both answered.
        missing: Cases that one of them did not.
    """

    first: str
    second: str
    mean: float
    interval: Interval | None
    cases: int
    missing: int

    @property
    def verdict(self) -> str:
        """Whether the first is ``larger``, ``smaller``, or it is ``open``: by the interval alone."""
        if self.interval is None or self.interval.low <= 0 <= self.interval.high:
            return "open"
        return "larger" if self.interval.low > 0 else "smaller"


def paired_difference(
    rows: pd.DataFrame, name: str, *, first: str, second: str, seed: int = 0, draws: int = 4000
) -> PairedDifference:
    """Compare two methods case by case.

    Args:
        rows: Of a run.
        name: Metric.
        first: Label.
        second: Label.
        seed: Of the resampling.
        draws: Resamples.

    Raises:
        StatisticsError: They met different cases.
    """
    ours, theirs = of_label(rows, first), of_label(rows, second)
    if words(ours, "case_id") != words(theirs, "case_id"):
        raise StatisticsError(f"expected {first} and {second} on the same cases; let the run finish")
    difference = values(ours, name) - values(theirs, name)
    there = np.isfinite(difference)
    found = difference[there]
    mean = float(found.mean()) if found.size else float("nan")
    patients = np.array(words(ours, "patient_id"))
    if len(set(patients.tolist())) == 1:
        interval = _interval(found, seed=seed, draws=draws) if found.size >= FEWEST_CASES else None
    else:
        interval = clustered_interval(found, patients[there].tolist(), _mean, seed=seed, draws=draws)
    missing = difference.size - found.size
    return PairedDifference(first=first, second=second, mean=mean, interval=interval, cases=found.size, missing=missing)


def _mean(found: Floats) -> float:
    return float(found.mean())


def _interval(found: Floats, *, seed: int, draws: int) -> Interval:
    chosen = np.random.default_rng(seed).integers(found.size, size=(draws, found.size))
    low, high = np.percentile(found[chosen].mean(axis=1), [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Interval(float(low), float(high))
