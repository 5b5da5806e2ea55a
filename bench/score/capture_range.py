"""Capture range: how far a start may be for a registration still to succeed (van de Kraats 2005, per bin of mTRE)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.score.statistics import values

BIN_MM = 1.0
SHARE = 0.95
MIN_STARTS = 40
SUCCESS_MM = 2.0
# Bins are widened in these steps (mm) until they hold ``MIN_SHOWN`` starts: a share of fewer shows nothing.
WIDTHS_MM = (1.0, 2.0, 5.0, 10.0)
MIN_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class CaptureCurve:
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
        """Whether every bin holds ``MIN_STARTS``; with fewer, 95 % cannot be told from less."""
        return bool((self.starts >= MIN_STARTS).all())


def capture_curve(
    rows: pd.DataFrame, *, bin_mm: float = BIN_MM, success_mm: float = SUCCESS_MM, error: str = "mtre_mm"
) -> CaptureCurve:
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
    return CaptureCurve(edges, starts.astype(np.int64), successes.astype(np.int64))


def bin_width_mm(rows: pd.DataFrame) -> float:
    """The narrowest of ``WIDTHS_MM`` whose every bin holds ``MIN_SHOWN`` of one method's starts; else the widest.

    Bins that hold none because no start was drawn there, at either end, ask for no wider ones.
    """
    for width in WIDTHS_MM:
        starts = np.trim_zeros(capture_curve(rows, bin_mm=width).starts)
        # The last bin may be cut by the end of the law.
        if starts.size and (starts[:-1] if starts.size > 1 else starts).min() >= MIN_SHOWN:
            return width
    return WIDTHS_MM[-1]
