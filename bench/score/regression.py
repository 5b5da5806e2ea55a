"""The regression gate: a run against frozen rows, case by case.

An error is worse where it grew by more than the share ``RELATIVE`` of itself, three times the spread of clean repeats
and the size below which nobody would notice it, ``FLOORS``, together allow. On one kind of processor, clean repeats are
equal to the bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.score.baseline import METRICS, Baseline, BaselineError, FrozenRow, same_start

RELATIVE = 0.05
FLOORS: Mapping[str, float] = {"rotation_error_deg": 1e-3, "in_plane_error_mm": 1e-3, "mtre_mm": 5e-3}
# Between two kinds of processor with equal code and equal renderings: a search amplifies other rounding, along depth to
# 0.3 mm, and a learnt descent to more.
ELSEWHERE: Mapping[str, float] = {"rotation_error_deg": 0.1, "in_plane_error_mm": 0.15, "mtre_mm": 0.5}
SPREADS = 3.0
TIME_RATIO = 1.5
PROJECTOR_RATIO = 1.2


@dataclass(frozen=True, slots=True)
class Worse:
    """One quantity that became worse."""

    label: str
    case_id: str
    what: str
    before: str
    now: str


def compare(now: Baseline, before: Baseline, *, time_ratio: float = TIME_RATIO) -> list[Worse]:
    """Everything that became worse; empty where nothing did. Rows that the baseline lacks are not compared.

    Args:
        now: The run, frozen.
        before: What it is held against. Rendering counts are compared where it is of the same kind of processor:
            another one rounds otherwise, and a search that stops by tolerance then stops elsewhere.
        time_ratio: A method is slower when its processor time in reference kernels grew by more than this factor, in
            the median of its cases.

    Raises:
        BaselineError: The two were not made on the same cases.
    """
    if now.protocol != before.protocol:
        raise BaselineError(f"the baseline is of {before.protocol}, the run of {now.protocol}; run the same protocol")
    rows = {(row.label, row.case_id): row for row in now.rows}
    found = [
        worse for row in before.rows for worse in _compare_row(rows.get((row.label, row.case_id)), row, now, before)
    ]
    return found + list(_compare_times(now, before, time_ratio)) + list(_compare_projector(now, before))


def compare_all(now: Baseline, baselines: Sequence[Baseline], *, time_ratio: float = TIME_RATIO) -> list[Worse]:
    """Everything that became worse than in the baseline of the same protocol and processor.

    Where none is of that processor: everything that is worse than in each of them.

    Raises:
        BaselineError: None is of that protocol.
    """
    known = [each for each in baselines if each.protocol == now.protocol]
    if not known:
        names = ", ".join(sorted({each.protocol for each in baselines}))
        raise BaselineError(f"no baseline of {now.protocol} among those of {names}; write one with --update")
    same = [each for each in known if each.processor == now.processor] or known
    found = [
        {(each.label, each.case_id, each.what): each for each in compare(now, one, time_ratio=time_ratio)}
        for one in same
    ]
    return [worse for key, worse in found[0].items() if all(key in each for each in found)]


def not_compared(now: Baseline, baselines: Sequence[Baseline]) -> list[str]:
    """Labels of the run that no baseline of its protocol and processor has."""
    known = {
        row.label
        for each in baselines
        if (each.protocol, each.processor) == (now.protocol, now.processor)
        for row in each.rows
    }
    return sorted({row.label for row in now.rows} - known)


def allowed(metric: str, row: FrozenRow, now: Baseline, before: Baseline) -> float:
    """How much an error of a frozen row may grow, in its unit."""
    old = row.error(metric) or 0.0
    spread = before.spread.get(row.label, {}).get(metric, 0.0)
    floor = FLOORS[metric] if now.processor == before.processor else ELSEWHERE[metric]
    return max(floor, RELATIVE * old, SPREADS * spread)


def _compare_row(now: FrozenRow | None, row: FrozenRow, run: Baseline, before: Baseline) -> Iterator[Worse]:
    if now is None:
        yield Worse(row.label, row.case_id, "row", "there", "missing")
        return
    if not same_start(now, row):
        raise BaselineError(f"case {row.case_id} starts elsewhere than in the baseline; write a new one with --update")
    if row.success and not now.success:
        yield Worse(row.label, row.case_id, "strict success", "yes", "no")
    if run.processor == before.processor and now.drr_evaluations != row.drr_evaluations:
        both = str(row.drr_evaluations), str(now.drr_evaluations)
        yield Worse(row.label, row.case_id, "DRR evaluations (must be equal)", *both)
    for metric in METRICS:
        old, new = row.error(metric), now.error(metric)
        if old is not None and (new is None or not new <= old + allowed(metric, row, run, before)):
            yield Worse(row.label, row.case_id, metric, f"{old:.4f}", "none" if new is None else f"{new:.4f}")


def time_ratios(now: Baseline, before: Baseline) -> dict[str, float]:
    """By label, the median over cases of how many times slower a method became, in reference kernels."""
    rows = {(row.label, row.case_id): row.processor_ratio for row in now.rows}
    found: dict[str, list[float]] = {}
    for row in before.rows:
        new = rows.get((row.label, row.case_id))
        if row.processor_ratio is not None and new is not None:
            found.setdefault(row.label, []).append(new / row.processor_ratio)
    return {label: float(np.median(ratios)) for label, ratios in found.items()}


def _compare_times(now: Baseline, before: Baseline, limit: float) -> Iterator[Worse]:
    for label, ratio in time_ratios(now, before).items():
        if ratio > limit:
            yield Worse(label, "median", "processor time in reference kernels", "1", f"{ratio:.2f} times")


def _compare_projector(now: Baseline, before: Baseline) -> Iterator[Worse]:
    for case_id, old in before.projector_error.items():
        new = now.projector_error.get(case_id, float("inf"))
        if not new <= PROJECTOR_RATIO * old:
            yield Worse("projector", case_id, "relative difference from Siddon", f"{old:.2e}", f"{new:.2e}")
