"""Two methods on the same cases: difference of their mean errors, its interval over patients, and a test of many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.score.adapters import holm
from bench.score.statistics import (
    CONFIDENCE,
    Floats,
    Interval,
    StatisticsError,
    clustered_draws,
    of_label,
    percentile_interval,
    text_column,
    values,
)

MIN_CASES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Mean of (first - second) over the cases that both answered.

    Attributes:
        first: Label.
        second: Label.
        mean: In the metric's unit; NaN where no case is left.
        interval: 95 %, percentile bootstrap over patients, each with all its cases; None below 6 patients. With one
            patient over the cases, and None below ``MIN_CASES``: it refers to other poses of this patient, and to
            no other patient.
        cases: How many both answered.
        missing: Cases that one of them did not.
        p: Of no difference, two-sided, from the same resamples; None where there is no interval.
        p_holm: The same, adjusted for all comparisons that were made together.
    """

    first: str
    second: str
    mean: float
    interval: Interval | None
    cases: int
    missing: int
    p: float | None
    p_holm: float | None

    @property
    def verdict(self) -> str:
        """Whether the first is ``larger``, ``smaller``, or it is ``open``: by the adjusted p, at 5 %."""
        if self.p_holm is None or self.p_holm >= 1 - CONFIDENCE:
            return "open"
        return "larger" if self.mean > 0 else "smaller"


def paired_differences(
    rows: pd.DataFrame, comparisons: Sequence[tuple[str, str, str]], *, seed: int = 0, draws: int = 4000
) -> list[PairedDifference]:
    """Compare many pairs, and adjust for their number (Holm 1979, by statsmodels): one table is one family.

    Args:
        rows: Of a run.
        comparisons: (metric, first label, second label).
        seed: Of the resampling.
        draws: Resamples of each.

    Raises:
        StatisticsError: Two methods were run on different cases.
    """
    found = [paired_difference(rows, name, first=a, second=b, seed=seed, draws=draws) for name, a, b in comparisons]
    adjusted = iter(holm([each.p for each in found if each.p is not None]))
    return [each if each.p is None else replace(each, p_holm=next(adjusted)) for each in found]


def paired_difference(
    rows: pd.DataFrame, name: str, *, first: str, second: str, seed: int = 0, draws: int = 4000
) -> PairedDifference:
    """Compare two methods case by case; where more are compared, see ``paired_differences``.

    Args:
        rows: Of a run.
        name: Metric.
        first: Label.
        second: Label.
        seed: Of the resampling.
        draws: Resamples.

    Raises:
        StatisticsError: They were run on different cases.
    """
    ours, theirs = of_label(rows, first), of_label(rows, second)
    if text_column(ours, "case_id") != text_column(theirs, "case_id"):
        raise StatisticsError(f"expected {first} and {second} on the same cases; let the run finish")
    difference = values(ours, name) - values(theirs, name)
    there = np.isfinite(difference)
    found = difference[there]
    mean = float(found.mean()) if found.size else float("nan")
    patients = np.array(text_column(ours, "patient_id"))
    if len(set(patients.tolist())) == 1:
        drawn = _drawn(found, seed=seed, draws=draws) if found.size >= MIN_CASES else None
    else:
        drawn = clustered_draws(found, patients[there].tolist(), _mean, seed=seed, draws=draws)
    p = None if drawn is None else _two_sided(drawn)
    return PairedDifference(
        first=first,
        second=second,
        mean=mean,
        interval=None if drawn is None else percentile_interval(drawn),
        cases=found.size,
        missing=difference.size - found.size,
        p=p,
        p_holm=p,
    )


def _mean(found: Floats) -> float:
    return float(found.mean())


def _drawn(found: Floats, *, seed: int, draws: int) -> Floats:
    chosen = np.random.default_rng(seed).integers(found.size, size=(draws, found.size))
    return np.asarray(found[chosen].mean(axis=1))


def _two_sided(drawn: Floats) -> float:
    """Twice the share of resamples on the rarer side of zero; above zero, since the original counts as one of them."""
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (drawn.size + 1))
