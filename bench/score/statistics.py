"""From rows to statistics, with patients respected and nothing dropped.

Starts of one patient are not independent, so intervals resample patients. A row without a pose has NaN errors: it
counts as a failure, ranks above every percentile, and is counted beside every mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.score.adapters import wilson

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], float]

CONFIDENCE = 0.95
MIN_PATIENTS = 6
LEAST_CORRELATION = 0.1


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
    return [str(value) for value in rows[name]]


def of_label(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    """The rows of one method, in the order of their cases."""
    chosen = rows[np.array([found == label for found in text_column(rows, "label")], dtype=bool)]
    if len(chosen) == 0:
        raise StatisticsError(f"expected rows of {label!r}; the run has {sorted(set(text_column(rows, 'label')))}")
    return chosen.sort_values("case_id")


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


def clustered_draws(
    sample: Floats, patients: Sequence[str], statistic: Statistic, *, seed: int = 0, draws: int = 2000
) -> Floats | None:
    """A statistic of resamples that draw patients with replacement, each with all its cases.

    Args:
        sample: One number a row; NaN is passed on to the statistic.
        patients: The patient of each row.
        statistic: From numbers to a number.
        seed: Of the draws; the same seed gives the same resamples, whatever the order of the rows.
        draws: Resamples.

    Returns:
        (draws,), or None below 6 patients: so few draws differ that they would be falsely alike.
    """
    groups = _by_patient(sample, patients)
    if len(groups) < MIN_PATIENTS:
        return None
    generator = np.random.default_rng(seed)
    chosen: list[list[int]] = generator.integers(len(groups), size=(draws, len(groups))).tolist()
    return np.array([statistic(np.concatenate([groups[index] for index in row])) for row in chosen])


def percentile_interval(drawn: Floats) -> Interval:
    """The middle 95 % of resampled statistics."""
    low, high = np.percentile(drawn, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Interval(float(low), float(high))


def clustered_interval(
    sample: Floats, patients: Sequence[str], statistic: Statistic, *, seed: int = 0, draws: int = 2000
) -> Interval | None:
    """The 95 % percentile interval of ``clustered_draws``, whose arguments it takes; None below 6 patients."""
    drawn = clustered_draws(sample, patients, statistic, seed=seed, draws=draws)
    return None if drawn is None else percentile_interval(drawn)


def rate(happened: NDArray[np.bool_], patients: Sequence[str], *, seed: int = 0, draws: int = 2000) -> Rate:
    """A share with its interval.

    One case a patient: Wilson. Several: the union of the bootstrap over patients and of Wilson's interval with as many
    trials as the cases are worth (see ``_effective_trials``). The bootstrap alone is blind where it never or hardly
    ever happened. Fewer than ``MIN_PATIENTS`` patients are too few for an interval.
    """
    count, total, n_patients = int(happened.sum()), happened.size, len(set(patients))
    if total == 0:
        raise StatisticsError("expected at least one row to take a share of; got none")
    if n_patients < MIN_PATIENTS:
        return Rate(count=count, total=total, interval=None)
    sample = happened.astype(np.float64)
    trials = _effective_trials(sample, patients)
    low, high = wilson(count / total * trials, trials, CONFIDENCE)
    resampled = clustered_interval(sample, patients, lambda x: float(x.mean()), seed=seed, draws=draws)
    if resampled is not None and n_patients < total:
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
    reasons = [str(each) for each in own["error"] if not pd.isna(each)]
    first = " ".join(reasons[0].split()) if reasons else "no reason was given"
    return f"{label}: no pose in {len(own)} of {len(own)} cases; the first reason: {first}"


def failure_rate(rows: pd.DataFrame, success: str = "success_strict", *, seed: int = 0) -> Rate:
    """Share of rows that are no success; rows without a pose are among them."""
    return rate(~np.asarray(rows[success], dtype=bool), text_column(rows, "patient_id"), seed=seed)


def _by_patient(sample: Floats, patients: Sequence[str]) -> list[Floats]:
    """The numbers of each patient; patients and numbers sorted, so that the order of rows changes nothing."""
    owner = np.array(patients)
    return [np.sort(sample[owner == patient]) for patient in sorted(set(patients))]
