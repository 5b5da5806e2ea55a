"""What the regression gate says of every registration of a run, and of the run as a whole."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bench.score.baseline import Baseline, BaselineError, FrozenRow, FrozenRun, rows_by_case, time_ratios
from bench.score.regression import (
    MEDIAN,
    MISSING,
    ROW,
    SUCCESS,
    Change,
    baseline_of,
    compare_all,
    improved,
    not_compared,
    of_protocol,
    time_change,
    time_limit,
)

EVERY_CASE = "every case"
Changes: TypeAlias = dict[tuple[str, str], list[Change]]


class Kind(StrEnum):
    """What became of a registration; the value is what reports print."""

    SAME = "same"
    BETTER = "better"
    KNOWN_FAILURE = "known failure"
    """Neither the baseline nor the run has a success."""
    NEW = "new"
    """The baseline has no such row."""
    NOT_COMPARED = "not compared"
    """The method is unknown on this kind of processor, and not known on two others."""
    WORSE = "worse"
    LOST_SUCCESS = "lost success"
    MISSING = "missing"
    NO_POSE = "no pose in any case"
    """Of a method; a row of its own beside those of its cases."""

    @property
    def fails(self) -> bool:
        """Whether the gate does not pass."""
        return self in (Kind.WORSE, Kind.LOST_SUCCESS, Kind.MISSING, Kind.NO_POSE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a registration, of a method's time or of the projector.

    Attributes:
        label: Of the method, or the projector.
        case_id: Or ``median`` of a time, or ``EVERY_CASE``.
        kind: What became of it.
        changes: What differs by more than the tolerance.
        reason: Why a registration has no pose; else empty.
    """

    label: str
    case_id: str
    kind: Kind
    changes: tuple[Change, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on one run.

    Attributes:
        protocol: Name and profile.
        processor: Of the run.
        threads: Of the run.
        repeats: That the baseline was frozen from; 0 where none is of this processor and number of threads.
        registrations: One a registration of the run or the baseline.
        others: Times, the projector, methods without any pose: those that became worse or better.
    """

    protocol: str
    processor: str
    threads: int | None
    repeats: int
    registrations: tuple[Verdict, ...]
    others: tuple[Verdict, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All."""
        return self.registrations + self.others


def judge(now: FrozenRun, baselines: Sequence[Baseline], *, time_ratio: float | None = None) -> Judgement:
    """Hold a run against the baselines of its protocol; see ``bench.score.regression.compare_all``.

    Raises:
        BaselineError: There is no baseline of its protocol, or it was made on other cases.
    """
    own = baseline_of(now, baselines)
    worse: Changes = {}
    for each in compare_all(now, baselines, time_ratio=time_ratio):
        worse.setdefault((each.label, each.case_id), []).append(each)
    known = of_protocol(now, baselines) if own is None else [own]
    strange = not_compared(now, baselines)
    before = rows_by_case(known)
    own_rows = (_verdict(row, before.get((row.label, row.case_id), []), worse, own, strange) for row in now.rows)
    registrations = (*own_rows, *_missing(worse))
    judged = {(each.label, each.case_id) for each in registrations}
    others = [Verdict(*key, Kind.WORSE, tuple(found)) for key, found in worse.items() if key not in judged]
    faster = [] if own is None else _faster(now, own, time_ratio)
    repeats = 0 if own is None else own.repeats
    return Judgement(
        now.protocol, now.processor, now.threads, repeats, registrations, (*others, *faster, *_without_pose(now))
    )


def summary(judged: Sequence[Judgement]) -> str:
    """One line: what was found, and whether the gate passes."""
    counts = Counter(each.kind for one in judged for each in one.registrations)
    found = ", ".join(f"{counts[kind]} {kind.value}" for kind in Kind if counts[kind])
    others = Counter(each.kind for one in judged for each in one.others)
    beside = ", ".join(f"{others[kind]} {kind.value}" for kind in Kind if others[kind])
    verdict = "nothing got worse" if passed(judged) else "FAILED"
    return (
        f"{verdict}: {counts.total()} registrations of {len(judged)} run(s): {found}"
        f"{f'; times, projector, methods: {beside}' if beside else ''}"
    )


def passed(judged: Sequence[Judgement]) -> bool:
    """Whether nothing got worse, is missing or failed everywhere."""
    return not any(each.kind.fails for one in judged for each in one.verdicts)


def require_comparison(judged: Sequence[Judgement]) -> None:
    """Refuse a gate that compared nothing, which would always pass.

    Raises:
        BaselineError: No registration of any run could be compared.
    """
    kinds = {each.kind for one in judged for each in one.registrations}
    if kinds <= {Kind.NOT_COMPARED}:
        first = judged[0]
        raise BaselineError(
            f"no registration could be compared: no baseline of {first.protocol} is of {first.processor} with "
            f"{first.threads} thread(s), and there are not two of other processors; write one here with --update"
        )


def _verdict(
    row: FrozenRow, old: Sequence[FrozenRow], worse: Changes, own: Baseline | None, strange: Sequence[str]
) -> Verdict:
    """On one registration of the run."""
    key = row.label, row.case_id
    reason = "" if row.posed else _reason(row)
    if row.label in strange:
        return Verdict(*key, Kind.NOT_COMPARED, (), reason)
    if key in worse:
        lost = any(each.what == SUCCESS for each in worse[key])
        return Verdict(*key, Kind.LOST_SUCCESS if lost else Kind.WORSE, tuple(worse[key]), reason)
    if not old:
        return Verdict(*key, Kind.NEW, (), reason)
    if own is not None and (better := _improved(row, own, old[0])):
        return Verdict(*key, Kind.BETTER, tuple(better), reason)
    success = row.success or any(each.success for each in old)
    return Verdict(*key, Kind.SAME if success else Kind.KNOWN_FAILURE, (), reason)


def _missing(worse: Changes) -> Iterator[Verdict]:
    """Registrations that the baseline has and the run has not."""
    for key, changes in worse.items():
        if any(each.what == ROW and each.now == MISSING for each in changes):
            yield Verdict(*key, Kind.MISSING, tuple(changes))


def _improved(row: FrozenRow, before: Baseline, old: FrozenRow) -> list[Change]:
    return improved(row, old, before.tolerances, before.spread.get(row.label, {}))


def _faster(now: FrozenRun, before: Baseline, time_ratio: float | None) -> list[Verdict]:
    return [
        Verdict(label, MEDIAN, Kind.BETTER, (time_change(label, ratio),))
        for label, ratio in time_ratios(now, before).items()
        if ratio < 1 / time_limit(before, label, time_ratio)
    ]


def _without_pose(now: FrozenRun) -> Iterator[Verdict]:
    posed = {row.label for row in now.rows if row.posed}
    first = {row.label: row for row in reversed(now.rows)}
    for label in dict.fromkeys(row.label for row in now.rows):
        if label not in posed:
            yield Verdict(label, EVERY_CASE, Kind.NO_POSE, (), _reason(first[label]))


def _reason(row: FrozenRow) -> str:
    return ": ".join(each for each in (row.outcome, row.error) if each) or "no reason was given"
