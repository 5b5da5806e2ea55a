"""Two methods on the same cases: who is better how often, by how much, and whether that is more than chance.

A missing or infinite error is no reason to leave a case out: it loses against every finite one, and counts as twice the
largest finite error of the two methods where differences are averaged. Cases of a patient are averaged first; what is
inferred is inferred from patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.score.adapters import holm
from bench.score.exact import median_interval, sign_flip_p
from bench.score.statistics import CONFIDENCE, Floats, Interval, StatisticsError, of_label, text_column, values


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """First - second over the cases of two methods.

    Attributes:
        first: Label.
        second: Label.
        mean: Over all cases, in the metric's unit; NaN where neither method has a finite error.
        median: Of the patients' mean differences; with one patient of the cases' differences. NaN likewise.
        interval: 95 %, of the median (``bench.score.exact``); None below 6 patients. With one patient over its cases,
            None below 6: it refers to other poses of this patient, and to no other patient.
        wins: Share of the cases in which the second has the smaller error; a tie is half a win.
        cases: All that both were given.
        missing: Cases in which an error is missing or infinite.
        patients: Whose cases these are.
        p: Of no difference, two-sided: exact sign-flip test on the patients' mean differences; None below 6 patients.
        p_holm: The same, adjusted for all comparisons that were made together.
    """

    first: str
    second: str
    mean: float
    median: float
    interval: Interval | None
    wins: float
    cases: int
    missing: int
    patients: int
    p: float | None
    p_holm: float | None

    @property
    def verdict(self) -> str:
        """Whether the first is ``larger``, ``smaller``, or it is ``open``: by the adjusted p, at 5 %."""
        if self.p_holm is None or self.p_holm >= 1 - CONFIDENCE:
            return "open"
        return "larger" if self.mean > 0 else "smaller"


def paired_differences(
    rows: pd.DataFrame, comparisons: Sequence[tuple[str, str, str]], *, seed: int = 0
) -> list[PairedDifference]:
    """Compare many pairs, and adjust for their number (Holm 1979, by statsmodels): one table is one family.

    Args:
        rows: Of a run.
        comparisons: (metric, first label, second label).
        seed: Of the random sign changes with many patients.

    Raises:
        StatisticsError: Two methods were run on different cases.
    """
    found = [paired_difference(rows, name, first=a, second=b, seed=seed) for name, a, b in comparisons]
    adjusted = iter(holm([each.p for each in found if each.p is not None]))
    return [each if each.p is None else replace(each, p_holm=next(adjusted)) for each in found]


def paired_difference(rows: pd.DataFrame, name: str, *, first: str, second: str, seed: int = 0) -> PairedDifference:
    """Compare two methods case by case; where more are compared, see ``paired_differences``.

    Args:
        rows: Of a run.
        name: Metric, smaller being better.
        first: Label.
        second: Label.
        seed: Of the random sign changes with many patients.

    Raises:
        StatisticsError: They were run on different cases.
    """
    ours, theirs = of_label(rows, first), of_label(rows, second)
    if text_column(ours, "case_id") != text_column(theirs, "case_id"):
        raise StatisticsError(f"expected {first} and {second} on the same cases; let the run finish")
    one, two = values(ours, name), values(theirs, name)
    difference, patients = differences(one, two), text_column(ours, "patient_id")
    means = by_patient(difference, patients)
    units = difference if means.size == 1 else means
    p = sign_flip_p(means, seed=seed) if np.isfinite(means).all() else None
    return PairedDifference(
        first=first,
        second=second,
        mean=float(difference.mean()),
        median=float(np.median(units)),
        interval=None if np.isnan(units).any() else median_interval(units),
        wins=wins(two, one),
        cases=difference.size,
        missing=int((~(np.isfinite(one) & np.isfinite(two))).sum()),
        patients=means.size,
        p=p,
        p_holm=p,
    )


def differences(first: Floats, second: Floats) -> Floats:
    """First - second, case by case; a missing or infinite error counts as twice the largest finite one of the two.

    What is counted is the same whichever of the two comes first, as the sign-flip test needs. NaN throughout where
    neither has a finite error.
    """
    both = np.concatenate([first, second])
    finite = np.abs(both[np.isfinite(both)])
    if not finite.size:
        return np.full(first.size, np.nan)
    worst = 2 * float(finite.max()) or 1.0
    return np.where(np.isfinite(first), first, worst) - np.where(np.isfinite(second), second, worst)


def by_patient(sample: Floats, patients: Sequence[str]) -> Floats:
    """The mean of each patient's cases, patients sorted."""
    owner = np.unique(np.array(patients), return_inverse=True)[1]
    return np.asarray(np.bincount(owner, sample) / np.bincount(owner))


def wins(first: Floats, second: Floats) -> float:
    """Share of the cases in which the first error is the smaller one, a tie counting half; missing errors are last."""
    one, two = (np.where(np.isfinite(each), each, np.inf) for each in (first, second))
    return float(np.mean(np.less(one, two))) + float(np.mean(np.equal(one, two))) / 2
