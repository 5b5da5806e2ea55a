"""The regression gate: a run against frozen rows, case by case.

An error is worse where it grew by more than the share ``RELATIVE`` of itself, three times the spread of clean repeats,
and the size below which nobody would notice it (``FLOORS``). On one kind of processor with one number of threads clean
repeats are equal to the bit. Elsewhere a search amplifies other rounding: what counts there is how far two known
processors lie apart, and a method that is known on one alone is not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.score.baseline import METRICS, Baseline, BaselineError, FrozenRow, Spread, same_start, spread_of

RELATIVE = 0.05
FLOORS: Mapping[str, float] = {"rotation_error_deg": 1e-3, "in_plane_error_mm": 1e-3, "mtre_mm": 5e-3}
SPREADS = 3.0
TIME_RATIO = 1.5
# In reference kernels of some 10 ms: of a shorter case the processor's caches decide, as much as the code.
SHORTEST = 10.0
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
        before: What it is held against, of the same kind of processor.
        time_ratio: A method is slower when its processor time in reference kernels grew by more than this factor, in
            the median of its cases.

    Raises:
        BaselineError: The two were not made on the same cases.
    """
    times = _compare_times(now, before, time_ratio)
    return [*_compare_rows(now, before, before.spread, counts=True), *times, *_compare_projector(now, before)]


def compare_all(now: Baseline, baselines: Sequence[Baseline], *, time_ratio: float = TIME_RATIO) -> list[Worse]:
    """Everything that became worse than in the baseline of the same protocol, processor and number of threads.

    Where there is none: what is worse than on each of at least two processors, by more than these differ.

    Raises:
        BaselineError: None is of that protocol.
    """
    known = [each for each in baselines if each.protocol == now.protocol]
    if not known:
        names = ", ".join(sorted({each.protocol for each in baselines}))
        raise BaselineError(f"no baseline of {now.protocol} among those of {names}; write one with --update")
    for own in known:
        if _same_machine(now, own):
            return compare(now, own, time_ratio=time_ratio)
    apart = spread_of(known)
    found = [{(each.label, each.case_id, each.what): each for each in (*_elsewhere(now, one, apart),)} for one in known]
    return [worse for key, worse in found[0].items() if all(key in each for each in found)]


def not_compared(now: Baseline, baselines: Sequence[Baseline]) -> list[str]:
    """Labels of the run that ``compare_all`` leaves out: unknown on this processor, and on two others."""
    known = [each for each in baselines if each.protocol == now.protocol]
    own = [each for each in known if _same_machine(now, each)]
    labels = {row.label for each in own for row in each.rows} if own else set(spread_of(known))
    return sorted({row.label for row in now.rows} - labels)


def _same_machine(now: Baseline, before: Baseline) -> bool:
    """Whether equal code must give equal bits; an earlier version's baseline states no threads."""
    return now.processor == before.processor and before.threads in (None, now.threads)


def _elsewhere(now: Baseline, before: Baseline, apart: Spread) -> Iterator[Worse]:
    known = before.model_copy(update={"rows": [row for row in before.rows if row.label in apart]})
    yield from _compare_rows(now, known, apart, counts=False)
    yield from _compare_projector(now, before)


def _compare_rows(now: Baseline, before: Baseline, spread: Spread, *, counts: bool) -> Iterator[Worse]:
    if now.protocol != before.protocol:
        raise BaselineError(f"the baseline is of {before.protocol}, the run of {now.protocol}; run the same protocol")
    rows = {(row.label, row.case_id): row for row in now.rows}
    for row in before.rows:
        yield from _compare_row(rows.get((row.label, row.case_id)), row, spread.get(row.label, {}), counts)


def _compare_row(now: FrozenRow | None, row: FrozenRow, spread: Mapping[str, float], counts: bool) -> Iterator[Worse]:
    if now is None:
        yield Worse(row.label, row.case_id, "row", "there", "missing")
        return
    if not same_start(now, row):
        raise BaselineError(f"case {row.case_id} starts elsewhere than in the baseline; write a new one with --update")
    if row.success and not now.success:
        yield Worse(row.label, row.case_id, "strict success", "yes", "no")
    if counts and now.drr_evaluations != row.drr_evaluations:
        both = str(row.drr_evaluations), str(now.drr_evaluations)
        yield Worse(row.label, row.case_id, "DRR evaluations (must be equal)", *both)
    for metric in METRICS:
        old, new = row.error(metric), now.error(metric)
        if old is None:
            continue
        allowed = max(FLOORS[metric], RELATIVE * old, SPREADS * spread.get(metric, 0.0))
        if new is None or not new <= old + allowed:
            yield Worse(row.label, row.case_id, metric, f"{old:.4f}", "none" if new is None else f"{new:.4f}")


def time_ratios(now: Baseline, before: Baseline) -> dict[str, float]:
    """By label, the median over cases of how many times slower a method became; cases below ``SHORTEST`` left out."""
    rows = {(row.label, row.case_id): row.processor_ratio for row in now.rows}
    found: dict[str, list[float]] = {}
    for row in before.rows:
        new = rows.get((row.label, row.case_id))
        if row.processor_ratio is not None and new is not None and row.processor_ratio >= SHORTEST:
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
