"""From rows to statistics, with patients respected and nothing dropped.

Starts of one patient are not independent, so intervals resample patients. A row without a pose has NaN errors: it
counts as a failure, ranks above every percentile, and is counted beside every mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.score.adapters import wilson

Floats: TypeAlias = NDArray[np.float64]

CONFIDENCE = 0.95
MIN_PATIENTS = 6
LEAST_CORRELATION = 0.1
# What rounding leaves of probabilities that are zero.
_NEVER = 1e-12
# Of the exact distribution of a resampled share: 32 MiB.
_MOST_CELLS = 2**22
_DRAWS = 100_000


class StatisticsError(FluorobenchError):
    """Rows that a statistic cannot be computed from."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; both ends belong to it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How one metric is distributed over the cases of one method.

    Attributes:
        mean: Over the rows that have a value; NaN without any.
        std: Population standard deviation (divisor n) over the same rows.
        median: 50th percentile over all rows, those without a value standing at infinity.
        p75: 75th percentile, likewise.
        p95: 95th percentile, likewise.
        count: Rows.
        missing: Rows without a value.
    """

    mean: float
    std: float
    median: float
    p75: float
    p95: float
    count: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something happened.

    Attributes:
        count: Rows where it did.
        total: All rows.
        interval: Of the share, 95 %; None where there are too few patients.
    """

    count: int
    total: int
    interval: Interval | None

    @property
    def share(self) -> float:
        """Count by total."""
        return self.count / self.total


def values(rows: pd.DataFrame, name: str) -> Floats:
    """A column as float64; missing is NaN."""
    return np.asarray(rows[name], dtype=np.float64)


def text_column(rows: pd.DataFrame, name: str) -> list[str]:
    """A column as strings."""
    column = rows[name]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return [str(value) for value in column]
    # The last one is that of an absent text, whose code is -1.
    names = np.array([*map(str, column.cat.categories), str(np.nan)], dtype=object)
    found: list[str] = names[column.cat.codes].tolist()
    return found


def of_label(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    """The rows of one method, in the order of their cases; without a copy where they stand together in that order."""
    places = np.flatnonzero(np.asarray(rows["label"] == label, dtype=bool))
    if places.size == 0:
        raise StatisticsError(f"expected rows of {label!r}; the run has {sorted(set(text_column(rows, 'label')))}")
    first, last = int(places[0]), int(places[-1])
    together = last - first + 1 == places.size
    chosen = rows.iloc[first : last + 1] if together else rows.iloc[places]
    return chosen if chosen["case_id"].is_monotonic_increasing else chosen.sort_values("case_id")


def spread(sample: Floats) -> Spread:
    """Mean, standard deviation and percentiles of errors; NaN = no answer."""
    found = sample[~np.isnan(sample)]
    worst = np.where(np.isnan(sample), np.inf, sample)
    # Nearest rank: interpolating towards infinity is infinite, and a quoted error should be one that happened.
    median, p75, p95 = (float(np.percentile(worst, q, method="inverted_cdf")) for q in (50, 75, 95))
    mean, std = (float(found.mean()), float(found.std())) if found.size else (np.nan, np.nan)
    return Spread(
        mean=mean, std=std, median=median, p75=p75, p95=p95, count=sample.size, missing=sample.size - found.size
    )


def resampled_interval(counts: NDArray[np.int_], sizes: NDArray[np.int_]) -> Interval:
    """The middle 95 % of a share over resamples that draw patients with replacement, each with all its cases: exact.

    The bootstrap's distribution itself, without random draws: that of counts and sizes summed over as many patients as
    there are is the power of one patient's, taken in frequency space. Where patients have unequal numbers of so many
    cases that this would not fit into memory, a hundred thousand resamples drawn from a fixed seed stand for it.

    Args:
        counts: Cases of each patient in which it happened.
        sizes: All cases of each patient, at least 1.
    """
    cells = (counts.size * int(counts.max()) + 1) * (counts.size * int(sizes.max()) + 1)
    if cells <= _MOST_CELLS:
        share, weight = _shares(counts, sizes)
    elif np.unique(sizes).size == 1:
        share, weight = _shares(counts, np.zeros_like(sizes))
        share = share / (counts.size * float(sizes[0]))
    else:
        share, weight = _drawn_shares(counts, sizes)
    return middle(share, weight)


def middle(values: Floats, weights: Floats) -> Interval:
    """The middle 95 % of weighted values (n,), which may be infinite; by nearest rank."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    ends = np.searchsorted(below / below[-1], [(1 - CONFIDENCE) / 2 - _NEVER, (1 + CONFIDENCE) / 2 - _NEVER])
    low, high = values[order][ends]
    return Interval(float(low), float(high))


def _shares(counts: NDArray[np.int_], sizes: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Every share that resamples have, with its probability; of sizes of zero the counts alone."""
    shape = (counts.size * int(counts.max()) + 1, counts.size * int(sizes.max()) + 1)
    one = np.zeros(shape)
    np.add.at(one, (counts, sizes), 1 / counts.size)
    sums = np.fft.irfft2(np.fft.rfft2(one) ** counts.size, shape).clip(0)
    count, size = np.nonzero(sums > _NEVER)
    return count / np.maximum(size, 1), sums[count, size]


def _drawn_shares(counts: NDArray[np.int_], sizes: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Shares of resamples drawn at random, equally probable."""
    times = np.random.default_rng(0).multinomial(counts.size, np.full(counts.size, 1 / counts.size), _DRAWS)
    return (times @ counts) / (times @ sizes), np.ones(_DRAWS)


def rate(happened: NDArray[np.bool_], patients: Sequence[str]) -> Rate:
    """A share with its interval.

    One case a patient: Wilson. Several: the union of the exact bootstrap over patients and of Wilson's interval with as
    many trials as the cases are worth (see ``_effective_trials``). The bootstrap alone is blind where it never or
    hardly ever happened. Fewer than ``MIN_PATIENTS`` patients are too few for an interval.
    """
    count, total, n_patients = int(happened.sum()), happened.size, len(set(patients))
    if total == 0:
        raise StatisticsError("expected at least one row to take a share of; got none")
    if n_patients < MIN_PATIENTS:
        return Rate(count=count, total=total, interval=None)
    sample = happened.astype(np.float64)
    trials = _effective_trials(sample, patients)
    low, high = wilson(count / total * trials, trials, CONFIDENCE)
    if n_patients < total:
        groups = _by_patient(sample, patients)
        counts, sizes = (np.array([int(of(each)) for each in groups]) for of in (np.sum, np.size))
        resampled = resampled_interval(counts, sizes)
        low, high = min(low, resampled.low), max(high, resampled.high)
    return Rate(count=count, total=total, interval=Interval(low, high))


def _effective_trials(sample: Floats, patients: Sequence[str]) -> float:
    """Independent cases that the clustered ones are worth: n / design effect (Kish 1965).

    The design effect is the variance between patients over that of independent cases, and never below that of a
    correlation of ``LEAST_CORRELATION`` within patients, which the data cannot show where nothing failed.
    """
    groups = _by_patient(sample, patients)
    n, k, share = sample.size, len(groups), float(sample.mean())
    if k == n:
        return float(n)
    least = 1 + (n / k - 1) * LEAST_CORRELATION
    if share in (0.0, 1.0):
        return n / least
    between = k / (k - 1) * sum((float(group.sum()) - share * group.size) ** 2 for group in groups) / n**2
    return n / max(between / (share * (1 - share) / n), least)


def why_no_pose(rows: pd.DataFrame, label: str) -> str | None:
    """The first reason that a method gave no pose, in one line; None where it gave one in some case."""
    own = of_label(rows, label)
    if set(text_column(own, "failure")) != {"no_pose"}:
        return None
    reasons = own["error"].dropna()
    first = " ".join(str(reasons.iloc[0]).split()) if len(reasons) else "no reason was given"
    return f"{label}: no pose in {len(own)} of {len(own)} cases; the first reason: {first}"


def failure_rate(rows: pd.DataFrame, success: str = "success_strict") -> Rate:
    """Share of rows that are no success; rows without a pose are among them."""
    return rate(~np.asarray(rows[success], dtype=bool), text_column(rows, "patient_id"))


def _by_patient(sample: Floats, patients: Sequence[str]) -> list[Floats]:
    """The numbers of each patient; patients and numbers sorted, so that the order of rows changes nothing."""
    owner = np.array(patients)
    return [np.sort(sample[owner == patient]) for patient in sorted(set(patients))]
