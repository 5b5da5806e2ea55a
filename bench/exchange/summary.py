"""What the terminal shows of scored answers: one line a label."""

import numpy as np
import pandas as pd

from bench.score.finished import ScoredRun
from bench.score.statistics import of_label, spread, values

HEADINGS = ("method", "cases", "failed %", "angle deg", "shift mm", "mTRE mm", "seconds")
_NONE = "–"


def summary_lines(run: ScoredRun) -> list[tuple[str, ...]]:
    """Cells of every label: cases, strict failures, and medians over all cases, a missing pose being infinitely far."""
    return [_line(label, of_label(run.scores, label)) for label in run.labels]


def _line(label: str, rows: pd.DataFrame) -> tuple[str, ...]:
    failed = 100 * (1 - rows["success_strict"].astype(float).mean())
    errors = (spread(values(rows, name)).median for name in ("rotation_error_deg", "translation_error_mm", "mtre_mm"))
    seconds = values(rows, "seconds")
    told = float(np.nanmedian(seconds)) if not np.isnan(seconds).all() else np.nan
    return (label, str(len(rows)), f"{failed:.0f}", *map(_cell, errors), _cell(told))


def _cell(number: float) -> str:
    return _NONE if np.isnan(number) else "∞" if np.isinf(number) else f"{number:.3g}"
