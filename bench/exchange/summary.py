"""What the terminal shows of scored answers: one line a label."""

import numpy as np
import pandas as pd

from bench.score.finished import ScoredRun
from bench.score.statistics import of_label

HEADINGS = ("method", "cases", "failed %", "angle deg", "shift mm", "mTRE mm", "seconds")
_NONE = "–"


def summary_lines(run: ScoredRun) -> list[tuple[str, ...]]:
    """Cells of every label: cases, strict failures, and medians of the poses."""
    return [_line(label, of_label(run.scores, label)) for label in run.labels]


def _line(label: str, rows: pd.DataFrame) -> tuple[str, ...]:
    failed = 100 * (1 - rows["success_strict"].astype(float).mean())
    medians = [_median(rows, name) for name in ("rotation_error_deg", "translation_error_mm", "mtre_mm", "seconds")]
    return (label, str(len(rows)), f"{failed:.0f}", *medians)


def _median(rows: pd.DataFrame, name: str) -> str:
    found = float(np.nanmedian(rows[name])) if rows[name].notna().any() else float("nan")
    return _NONE if np.isnan(found) else f"{found:.3g}"
