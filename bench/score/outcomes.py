"""How registrations ended, counted by method, outcome and reason."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.contract import Outcome
from bench.score.statistics import of_label, text_column

# Reasons of one outcome of a method that are told apart.
_MOST = 5
OTHERS = "other reasons"
_NUMBER = re.compile(r"\d[\d.,e+-]*")
_FAULTS = {each.value for each in Outcome if each.failed and each is not Outcome.SKIPPED}
_NO_POSE = {each.value for each in Outcome if each.failed}


@dataclass(frozen=True, slots=True)
class Ending:
    """Registrations of one method that ended alike.

    Attributes:
        label: Of the method.
        outcome: The value of an ``Outcome``.
        reason: In the words of the first of them, those that differ in numbers alone being one; empty with a pose.
        cases: How many they are.
        total: All registrations of the method.
    """

    label: str
    outcome: str
    reason: str
    cases: int
    total: int

    @property
    def no_pose(self) -> bool:
        """Whether they have no pose."""
        return self.outcome in _NO_POSE

    @property
    def fault(self) -> bool:
        """Whether they failed: no pose, and not because the method skipped the case."""
        return self.outcome in _FAULTS


def endings(scores: pd.DataFrame, labels: Sequence[str]) -> list[Ending]:
    """How the registrations of methods ended, method by method, the most frequent first."""
    return [each for label in labels for each in _endings(of_label(scores, label), label)]


def _endings(rows: pd.DataFrame, label: str) -> list[Ending]:
    outcomes = text_column(rows, "outcome")
    errors = text_column(rows, "error") if "error" in rows.columns else [""] * len(outcomes)
    said = [error if outcome in _NO_POSE else "" for outcome, error in zip(outcomes, errors, strict=True)]
    first = dict[tuple[str, str], str]()
    for outcome, reason in zip(outcomes, said, strict=True):
        first.setdefault((outcome, _NUMBER.sub("#", reason)), reason)
    counts = Counter((outcome, _NUMBER.sub("#", reason)) for outcome, reason in zip(outcomes, said, strict=True))
    shown = Counter[tuple[str, str]]()
    seen = Counter[str]()
    for (outcome, key), count in counts.most_common():
        seen[outcome] += 1
        shown[outcome, first[outcome, key] if seen[outcome] <= _MOST else OTHERS] += count
    return [Ending(label, outcome, reason, count, len(outcomes)) for (outcome, reason), count in shown.items()]
