"""The regression gate: a run against frozen rows, case by case (tolerances: ``bench.score.tolerances``).

On one kind of processor with one number of threads clean repeats are equal to the bit. Elsewhere a search amplifies
other rounding: what counts there is how far two known processors lie apart, and a method that is known on one alone is
not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.score.baseline import (
    Baseline,
    BaselineError,
    FrozenRow,
    FrozenRun,
    Spread,
    same_start,
    spread_of,
    time_ratios,
)
from bench.score.tolerances import METRICS, Tolerances

SUCCESS, ROW, PROJECTOR, MEDIAN = "strict success", "row", "projector", "median"
YES, NO, MISSING = "yes", "no", "missing"


@dataclass(frozen=True, slots=True)
class Change:
    """One quantity that a run has otherwise than its baseline."""

    label: str
    case_id: str
    what: str
    before: str
    now: str


def compare(now: FrozenRun, before: Baseline, *, time_ratio: float | None = None) -> list[Change]:
    """Everything that became worse; empty where nothing did. Rows that the baseline lacks are not compared.

    Args:
        now: The run, frozen.
        before: What it is held against, of the same kind of processor.
        time_ratio: Instead of the baseline's tolerance of times.

    Raises:
        BaselineError: The two were not made on the same cases.
    """
    times = _compare_times(now, before, time_ratio)
    return [*_compare_rows(now, before, before.spread, counts=True), *times, *_compare_projector(now, before)]


def compare_all(now: FrozenRun, baselines: Sequence[Baseline], *, time_ratio: float | None = None) -> list[Change]:
    """Everything that became worse than in the baseline of the same protocol, processor and number of threads.

    Where there is none: what is worse than on each of at least two processors, by more than these differ.

    Raises:
        BaselineError: None is of that protocol.
    """
    own = baseline_of(now, baselines)
    if own is not None:
        return compare(now, own, time_ratio=time_ratio)
    known = of_protocol(now, baselines)
    apart = spread_of(known)
    found = [{(each.label, each.case_id, each.what): each for each in (*_elsewhere(now, one, apart),)} for one in known]
    return [worse for key, worse in found[0].items() if all(key in each for each in found)]


def of_protocol(now: FrozenRun, baselines: Sequence[Baseline]) -> list[Baseline]:
    """The baselines of the run's protocol, of any processor.

    Raises:
        BaselineError: There is none.
    """
    known = [each for each in baselines if each.protocol == now.protocol]
    if not known:
        names = ", ".join(sorted({each.protocol for each in baselines}))
        raise BaselineError(f"no baseline of {now.protocol} among those of {names}; write one with --update")
    return known


def baseline_of(now: FrozenRun, baselines: Sequence[Baseline]) -> Baseline | None:
    """The baseline of the run's protocol, kind of processor and number of threads, where there is one."""
    return next((each for each in of_protocol(now, baselines) if _same_machine(now, each)), None)


def not_compared(now: FrozenRun, baselines: Sequence[Baseline]) -> list[str]:
    """Labels of the run that are unknown on this kind of processor and not known on two others."""
    if baseline_of(now, baselines) is not None:
        return []
    return sorted({row.label for row in now.rows} - set(spread_of(of_protocol(now, baselines))))


def improved(now: FrozenRow, before: FrozenRow, tolerances: Tolerances, spread: Mapping[str, float]) -> list[Change]:
    """What became better by more than the tolerance: what would be worse the other way round."""
    return [
        Change(each.label, each.case_id, each.what, each.now, each.before)
        for each in _compare_errors(before, now, tolerances, spread)
    ]


def time_limit(before: Baseline, label: str, time_ratio: float | None) -> float:
    """The factor by which the time of a method may grow."""
    return before.tolerances.slower(before.time_spread.get(label, 1.0)) if time_ratio is None else time_ratio


def time_change(label: str, ratio: float) -> Change:
    """A time that changed."""
    return Change(label, MEDIAN, "processor time in reference kernels", "1", f"{ratio:.2f} times")


def _same_machine(now: FrozenRun, before: FrozenRun) -> bool:
    """Whether equal code must give equal bits; an earlier version's baseline states no threads."""
    return now.processor == before.processor and before.threads in (None, now.threads)


def _elsewhere(now: FrozenRun, before: Baseline, apart: Spread) -> Iterator[Change]:
    known = before.model_copy(update={"rows": [row for row in before.rows if row.label in apart]})
    yield from _compare_rows(now, known, apart, counts=False)
    yield from _compare_projector(now, before)


def _compare_rows(now: FrozenRun, before: Baseline, spread: Spread, *, counts: bool) -> Iterator[Change]:
    if now.protocol != before.protocol:
        raise BaselineError(f"the baseline is of {before.protocol}, the run of {now.protocol}; run the same protocol")
    rows = {(row.label, row.case_id): row for row in now.rows}
    for row in before.rows:
        new = rows.get((row.label, row.case_id))
        if new is None:
            yield Change(row.label, row.case_id, ROW, "there", MISSING)
            continue
        if not same_start(new, row):
            raise BaselineError(f"case {row.case_id} starts elsewhere than in the baseline; write one with --update")
        if counts and new.drr_evaluations != row.drr_evaluations:
            both = str(row.drr_evaluations), str(new.drr_evaluations)
            yield Change(row.label, row.case_id, "DRR evaluations (must be equal)", *both)
        yield from _compare_errors(new, row, before.tolerances, spread.get(row.label, {}))


def _compare_errors(
    now: FrozenRow, row: FrozenRow, tolerances: Tolerances, spread: Mapping[str, float]
) -> Iterator[Change]:
    if row.success and not now.success:
        yield Change(row.label, row.case_id, SUCCESS, YES, NO)
    for metric in METRICS:
        old, new = row.error_of(metric), now.error_of(metric)
        if old is None:
            continue
        if new is None or not new <= old + tolerances.allowed(metric, old, spread):
            yield Change(row.label, row.case_id, metric, f"{old:.4f}", "none" if new is None else f"{new:.4f}")


def _compare_times(now: FrozenRun, before: Baseline, time_ratio: float | None) -> Iterator[Change]:
    for label, ratio in time_ratios(now, before).items():
        if ratio > time_limit(before, label, time_ratio):
            yield time_change(label, ratio)


def _compare_projector(now: FrozenRun, before: Baseline) -> Iterator[Change]:
    for case_id, old in before.projector_error.items():
        new = now.projector_error.get(case_id, float("inf"))
        if not new <= before.tolerances.projector_ratio * old:
            yield Change(PROJECTOR, case_id, "relative difference from Siddon", f"{old:.2e}", f"{new:.2e}")
