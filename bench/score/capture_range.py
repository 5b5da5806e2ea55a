"""Success against the initial error: the logistic success curve with its 50 % point, and the capture range.

The logistic curve (``fit_success_curve``) describes all cases of a method by two numbers; its 50 % point comes with a
bootstrap interval. The capture range (van de Kraats et al., IEEE Trans. Med. Imaging 24(9), 2005) is read from bins of
the initial mTRE (``success_by_bin``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from bench.score.resamples import DRAWS, resamples
from bench.score.statistics import Floats, Interval, StatisticsError, of_label, text_column, values

SUCCESS_MPD_MM = 5.0
# A weak pull of the slope towards -10 over the range keeps the curve finite where successes and failures do not mix.
_PRIOR_SLOPE, _PRIOR_WEIGHT = -10.0, 0.02
_NEWTON_STEPS = 40
# Fits times cases in one array.
_AT_ONCE = 2_000_000

BIN_MM = 1.0
SHARE = 0.95
MIN_STARTS = 40
SUCCESS_MM = 2.0
# Bins are widened in these steps (mm) until they hold ``MIN_SHOWN`` starts: a share of fewer shows nothing.
WIDTHS_MM = (1.0, 2.0, 5.0, 10.0)
MIN_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessCurve:
    """Probability of success against the initial error, fitted to one method's cases.

    Attributes:
        label: Of the method.
        initial_mm: Initial mTRE of each case.
        success: Whether it succeeded.
        patients: Patient of each case.
        limit_mm: Largest initial error drawn.
        half_mm: Where the fitted probability is one half, within 0 and ``limit_mm``; at an end: not reached within.
        coefficients: Intercept and slope per ``limit_mm`` of the logit.
        interval: Of ``half_mm``, 95 %, bootstrap.
        by_patient: Whether the bootstrap drew patients; else cases, because there are too few patients.
    """

    label: str
    initial_mm: Floats
    success: NDArray[np.bool_]
    patients: tuple[str, ...]
    limit_mm: float
    half_mm: float
    coefficients: tuple[float, float]
    interval: Interval
    by_patient: bool

    def probability(self, initial_mm: Floats) -> Floats:
        """The fitted probability of success."""
        intercept, slope = self.coefficients
        return np.asarray(expit(intercept + slope * initial_mm / self.limit_mm), dtype=np.float64)

    @property
    def reached(self) -> bool:
        """Whether the curve passes one half within the errors drawn."""
        return 0 < self.half_mm < self.limit_mm

    @property
    def text(self) -> str:
        """The 50 % point as text."""
        if self.half_mm <= 0:
            where = "half never reached"
        elif self.half_mm >= self.limit_mm:
            where = f"above half up to {self.limit_mm:g} mm"
        else:
            where = f"{self.half_mm:.1f} mm [{self.interval.low:.1f}, {self.interval.high:.1f}]"
        return f"{where}; {100 * self.success.mean():.0f} % of {self.success.size}"


def fit_success_curve(
    rows: pd.DataFrame, label: str, *, limit_mm: float, seed: int = 0, draws: int = DRAWS
) -> SuccessCurve:
    """Fit the curve of one method.

    Success is a mean projection distance below 5 mm on the detector (Otake et al., Phys. Med. Biol. 58, 2013): from one
    view the depth is hardly determined, so an error in space would measure the geometry and not the search.

    Args:
        rows: Scored rows.
        label: Of the method.
        limit_mm: Largest initial mTRE drawn.
        seed: Of the bootstrap.
        draws: Resamples at most: where fewer are possible, all are taken and the interval is exact.

    Raises:
        StatisticsError: No rows of that label, or initial errors without a spread.
    """
    own = of_label(rows, label)
    initial = values(own, "initial_mtre_mm")
    if not np.ptp(initial) > 0:
        raise StatisticsError(f"{label}: expected starts at different initial errors; all are {initial[0]:g} mm")
    success = np.asarray(values(own, "mpd_mm") < SUCCESS_MPD_MM)
    patients = text_column(own, "patient_id")
    by_patient = len(set(patients)) > 2
    interval = _half_interval(initial, success, patients if by_patient else None, limit_mm, seed=seed, draws=draws)
    coefficients = fit_logistic(initial / limit_mm, success)
    return SuccessCurve(
        label=label,
        initial_mm=initial,
        success=success,
        patients=tuple(patients),
        limit_mm=limit_mm,
        half_mm=half_point(coefficients, limit_mm),
        coefficients=coefficients,
        interval=interval,
        by_patient=by_patient,
    )


def fit_logistic(x: Floats, success: NDArray[np.bool_]) -> tuple[float, float]:
    """Intercept and slope of the logit by penalised maximum likelihood (Newton's method).

    Args:
        x: Initial errors as shares of the largest.
        success: One a case.
    """
    intercept, slope = _fitted(x, success, np.ones((1, x.size)))[0]
    return float(intercept), float(slope)


def _fitted(x: Floats, success: NDArray[np.bool_], weights: Floats) -> Floats:
    """Intercept and slope, (D, 2), of the fits under D sets of case weights (D, n)."""
    beta = np.tile([0.0, -1.0], (len(weights), 1))
    for _ in range(_NEWTON_STEPS):
        p = expit(beta[:, :1] + beta[:, 1:] * x)
        apart, spread = weights * (success - p), weights * p * (1 - p)
        a, b, d = spread.sum(axis=1) + _PRIOR_WEIGHT / 4, spread @ x, spread @ x**2 + _PRIOR_WEIGHT
        g = apart.sum(axis=1) - _PRIOR_WEIGHT / 4 * beta[:, 0]
        h = apart @ x - _PRIOR_WEIGHT * (beta[:, 1] - _PRIOR_SLOPE)
        step = np.stack([d * g - b * h, a * h - b * g], axis=1) / (a * d - b**2)[:, None]
        largest = np.abs(step).max(axis=1, keepdims=True)
        beta = beta + step * np.minimum(1.0, 5.0 / np.maximum(largest, 1e-12))
        if largest.max() < 1e-8:
            break
    return beta


def half_point(coefficients: tuple[float, float], limit_mm: float) -> float:
    """Where a fitted curve passes one half, mm; 0 or ``limit_mm`` where it lies below or above one half all along."""
    intercept, slope = coefficients
    if slope >= 0:
        return limit_mm if intercept + slope / 2 > 0 else 0.0
    return float(np.clip(-intercept / slope, 0, 1)) * limit_mm


def _half_interval(
    initial: Floats,
    success: NDArray[np.bool_],
    patients: Sequence[str] | None,
    limit_mm: float,
    *,
    seed: int,
    draws: int,
) -> Interval:
    """Of the 50 % point over resampled patients, each with all its cases; without patients, over resampled cases."""
    owner = np.arange(initial.size) if patients is None else np.unique(np.array(patients), return_inverse=True)[1]
    drawn, halves = resamples(int(owner.max()) + 1, seed=seed, draws=draws), list[float]()
    at_once = max(1, _AT_ONCE // initial.size)
    for first in range(0, len(drawn.counts), at_once):
        weights = drawn.counts[first : first + at_once, owner].astype(np.float64)
        found = _fitted(initial / limit_mm, success, weights)
        halves += [half_point((float(a), float(b)), limit_mm) for a, b in found]
    interval = drawn.interval(np.array(halves))
    assert interval is not None  # a 50 % point is always defined
    return interval


@dataclass(frozen=True, slots=True, eq=False)
class BinnedSuccess:
    """Success by bins of the initial mTRE.

    Attributes:
        edges_mm: (n + 1,), from zero.
        starts: (n,), cases in each bin.
        successes: (n,), of those.
    """

    edges_mm: NDArray[np.float64]
    starts: NDArray[np.int64]
    successes: NDArray[np.int64]

    @property
    def range_mm(self) -> float:
        """The largest edge b such that every bin up to b has at least ``SHARE`` success; an empty bin ends it."""
        good = (self.starts > 0) & (self.successes >= SHARE * self.starts)
        count = good.size if good.all() else int(np.argmin(good))
        return float(self.edges_mm[count])

    @property
    def enough(self) -> bool:
        """Whether every bin holds ``MIN_STARTS``; with fewer, 95 % cannot be distinguished from less."""
        return bool((self.starts >= MIN_STARTS).all())


def success_by_bin(
    rows: pd.DataFrame, *, bin_mm: float = BIN_MM, success_mm: float = SUCCESS_MM, error: str = "mtre_mm"
) -> BinnedSuccess:
    """Count one method's successes by bins of its starts' mTRE; no pose is no success.

    Args:
        rows: One method's.
        bin_mm: Width of a bin.
        success_mm: A registration succeeds below it.
        error: Column that is compared with it.
    """
    initial, final = values(rows, "initial_mtre_mm"), values(rows, error)
    count = max(1, int(np.ceil(initial.max() / bin_mm)))
    edges = np.asarray(bin_mm * np.arange(count + 1), dtype=np.float64)
    starts = np.histogram(initial, edges)[0]
    successes = np.histogram(initial[final < success_mm], edges)[0]
    return BinnedSuccess(edges, starts.astype(np.int64), successes.astype(np.int64))


def bin_width_mm(rows: pd.DataFrame) -> float:
    """The narrowest of ``WIDTHS_MM`` whose every bin holds ``MIN_SHOWN`` of one method's starts; else the widest.

    Bins that hold none because no start was drawn there, at either end, ask for no wider ones.
    """
    for width in WIDTHS_MM:
        starts = np.trim_zeros(success_by_bin(rows, bin_mm=width).starts)
        # The last bin may be cut by the end of the distribution of the starts.
        if starts.size and (starts[:-1] if starts.size > 1 else starts).min() >= MIN_SHOWN:
            return width
    return WIDTHS_MM[-1]
