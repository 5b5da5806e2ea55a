"""What a run found, in sentences: who is first, by how much, and who is better than a constant pose."""

from collections.abc import Sequence

import pandas as pd

from bench.protocol import Protocol
from bench.report.page.data import name
from bench.report.summary import PERCENT, MethodRow
from bench.score.column import Value
from bench.score.statistics import Rate, of_label
from bench.score.wins import Wins

# The plug-in whose answer is the protocol's nominal pose, without any image.
_CONSTANT = "nominal"


def headline(scores: pd.DataFrame, ranked: Sequence[Wins]) -> str:
    """One sentence on the first of the ranking."""
    first = ranked[0]
    row = MethodRow(first.label, of_label(scores, first.label))
    if row.no_pose == row.cases and all(_poseless(scores, each.label) for each in ranked):
        return "No method gave a pose in any case."
    error = f"its median mTRE is {_short(row.median('mtre_mm'))} mm and it failed in {_rate(row.failure_rate())}"
    if len(ranked) == 1:
        return f"{name(first.label)}: {error}."
    others = f"{len(ranked) - 1} other methods" if len(ranked) > 2 else "other method"
    return (
        f"{name(first.label)} ranks first: it has the smaller error in {PERCENT * first.mean:.0f} % of the comparisons "
        f"with the {others}; {error}."
    )


def beside_constant(protocol: Protocol, ranked: Sequence[Wins]) -> str | None:
    """How many methods are nearer to the truth than the constant pose in more than half of the cases.

    None where the run has no constant pose, or nothing else.
    """
    constant = [method.label for method in protocol.methods if method.plugin == _CONSTANT]
    if len(constant) != 1 or len(ranked) < 2:
        return None
    others = [each for each in ranked if each.label != constant[0]]
    better = [each for each in others if each.over[constant[0]] > 0.5]
    return (
        f"{len(better)} of {len(others)} other methods have a smaller error than {name(constant[0])}, the protocol's "
        "nominal pose without any image, in more than half of the cases."
    )


def facts(scores: pd.DataFrame, labels: Sequence[str]) -> list[tuple[str, str]]:
    """How large the run is, as names and numbers."""
    lost = int((scores["failure"] == "no_pose").sum())
    return [
        ("Methods", f"{len(labels):,}"),
        ("Patients", f"{scores['patient_id'].nunique():,}"),
        ("Cases", f"{scores['case_id'].nunique():,}"),
        ("Registrations", f"{len(scores):,}"),
        ("Without a pose", f"{lost:,}"),
    ]


def _poseless(scores: pd.DataFrame, label: str) -> bool:
    row = MethodRow(label, of_label(scores, label))
    return row.no_pose == row.cases


def _rate(found: Rate) -> str:
    """In words, with its interval where there is one."""
    ends = found.interval
    cases = "case" if found.total == 1 else "cases"
    between = "" if ends is None else f" (95 % interval {PERCENT * ends.low:.0f} to {PERCENT * ends.high:.0f} %)"
    return f"{PERCENT * found.share:.0f} % of {found.total:,} {cases}{between}"


def _short(value: Value) -> str:
    return "∞" if value == float("inf") else f"{value:.3g}"
