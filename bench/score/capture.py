"""Capture range: how far a start may be for a registration still to succeed (van de Kraats 2005, per bin of mTRE)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.score.statistics import values

BIN_MM = 1.0
SHARE = 0.95
FEWEST_STARTS = 40
SUCCESS_MM = 2.0


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
        """Whether every bin holds ``FEWEST_STARTS``; with fewer, 95 % cannot be told from less."""
        return bool((self.starts >= FEWEST_STARTS).all())


def capture_curve(rows: pd.DataFrame, *, bin_mm: float = BIN_MM, success_mm: float = SUCCESS_MM) -> CaptureCurve:
    """Count one method's successes (mTRE below ``success_mm``) by bins of its starts' mTRE; no pose is no success."""
    initial, final = values(rows, "initial_mtre_mm"), values(rows, "mtre_mm")
    count = max(1, int(np.ceil(initial.max() / bin_mm)))
    edges = np.asarray(bin_mm * np.arange(count + 1), dtype=np.float64)
    starts = np.histogram(initial, edges)[0]
    successes = np.histogram(initial[final < success_mm], edges)[0]
    return CaptureCurve(edges, starts.astype(np.int64), successes.astype(np.int64))
