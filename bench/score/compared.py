"""Two runs of the same cases: what each method gained, lost and took, paired case by case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.cases.records import ProblemRecord
from bench.errors import FluorobenchError
from bench.registry import unknown
from bench.run.journal import Journal
from bench.score.finished import ScoredRun
from bench.score.paired import PairedDifference, paired_differences
from bench.score.statistics import CONFIDENCE, Floats, of_label, text_column, values

FAILED = "failed_strict"
METRICS = (FAILED, "mtre_mm", "rotation_error_deg", "translation_error_mm", "processor_seconds")
"""What is compared, smaller being better."""
TIMES = ("processor_seconds",)
# Labels in the joined rows; no label of a run holds a line break.
_FIRST, _SECOND = "\nfirst", "\nsecond"
_FEW = 3


class ComparisonError(FluorobenchError):
    """Runs that cannot be compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A method of the first run and one of the second, by their labels."""

    first: str
    second: str

    @property
    def name(self) -> str:
        """For tables."""
        return self.first if self.first == self.second else f"{self.first} - {self.second}"


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one pair.

    Attributes:
        pair: The methods.
        metric: Of ``METRICS``.
        first: Median over all cases in the first run, a missing pose being infinitely far; of failures the share.
        second: The same of the second run.
        found: First - second.
    """

    pair: Pair
    metric: str
    first: float
    second: float
    found: PairedDifference

    @property
    def verdict(self) -> str:
        """By the adjusted p at 5 %: better, worse, faster, slower or open; or not tested (too few patients)."""
        if self.found.p_holm is None:
            return "not tested"
        if self.found.p_holm >= 1 - CONFIDENCE:
            return "open"
        words = ("faster", "slower") if self.metric in TIMES else ("better", "worse")
        return words[0] if self.found.mean > 0 else words[1]


@dataclass(frozen=True, slots=True)
class PatientChange:
    """One patient of one pair: cases, strict successes and mean mTRE (mm; NaN without a pose) in both runs."""

    pair: Pair
    patient_id: str
    cases: int
    successes: tuple[int, int]
    mtre_mm: tuple[float, float]
    seconds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CaseChange:
    """One case of one pair: outcome, whether it is a strict success, mTRE (mm; NaN without a pose) in both runs."""

    pair: Pair
    case_id: str
    outcomes: tuple[str, str]
    successes: tuple[bool, bool]
    mtre_mm: tuple[float, float]
    seconds: tuple[float, float]

    @property
    def what(self) -> str:
        """Gained or lost a strict success, better or worse by mTRE, or same."""
        if self.successes[0] != self.successes[1]:
            return "gained" if self.successes[1] else "lost"
        return "same" if self.gain_mm == 0 else "better" if self.gain_mm > 0 else "worse"

    @property
    def gain_mm(self) -> float:
        """By how much mTRE shrank; infinite where only one of both has a pose, 0 where neither has."""
        one, two = (np.inf if np.isnan(each) else each for each in self.mtre_mm)
        return 0.0 if one == two else float(one - two)


def chosen_pairs(first: ScoredRun, second: ScoredRun, stated: Sequence[tuple[str, str]] = ()) -> list[Pair]:
    """The methods to compare: those that both runs have, or the stated ones.

    Args:
        first: A run.
        second: A run.
        stated: Label of the first run, label of the second.

    Raises:
        UnknownNameError: A stated label that its run lacks.
        ComparisonError: No label is in both.
    """
    for label, run in (*((one, first) for one, _ in stated), *((two, second) for _, two in stated)):
        if label not in run.labels:
            raise unknown(f"method label of {run.folder}", label, run.labels)
    if stated:
        return [Pair(one, two) for one, two in dict.fromkeys(stated)]
    shared = [label for label in first.labels if label in second.labels]
    if not shared:
        raise ComparisonError(
            f"no label is in both runs: {first.folder} has {', '.join(first.labels)}; {second.folder} has "
            f"{', '.join(second.labels)}; state which belong together with --pair"
        )
    return [Pair(label, label) for label in shared]


def require_same_cases(first: Journal, second: Journal) -> None:
    """Refuse runs whose cases differ.

    Raises:
        ComparisonError: Names the cases, and how they differ.
    """
    one, two = ({each.case_id: each for each in journal.each_problem()} for journal in (first, second))
    told = [*_alone(one, two, first), *_alone(two, one, second)]
    differing = [name for name, case in one.items() if name in two and _fields(case, two[name])]
    if differing:
        shown = "; ".join(f"{name}: {', '.join(_fields(one[name], two[name]))}" for name in differing[:_FEW])
        told.append(f"{len(differing)} cases differ ({shown}{_more(len(differing))})")
    if told:
        raise ComparisonError(
            f"{first.folder} and {second.folder} are not of the same cases: {'; '.join(told)}; expected two runs of "
            "one protocol, profile and data"
        )


def compared(first: ScoredRun, second: ScoredRun, pairs: Sequence[Pair]) -> list[Change]:
    """Every metric of every pair that has other values in the second run; all p-values are adjusted together."""
    rows = pd.concat([_side(first.scores, pairs, 0), _side(second.scores, pairs, 1)], ignore_index=True)
    wanted = [(pair, metric) for pair in pairs for metric in METRICS if _differs(rows, pair, metric)]
    found = paired_differences(rows, [(metric, f"{p.name}{_FIRST}", f"{p.name}{_SECOND}") for p, metric in wanted])
    return [_change(rows, pair, metric, each) for (pair, metric), each in zip(wanted, found, strict=True)]


def patient_changes(first: ScoredRun, second: ScoredRun, pairs: Sequence[Pair]) -> list[PatientChange]:
    """Every patient of every pair."""
    found = list[PatientChange]()
    for pair in pairs:
        one, two = of_label(first.scores, pair.first), of_label(second.scores, pair.second)
        patients = np.array(text_column(one, "patient_id"))
        for patient in dict.fromkeys(patients.tolist()):
            places = np.flatnonzero(patients == patient)
            a, b = one.iloc[places], two.iloc[places]
            successes = _successes(a), _successes(b)
            mtre, seconds = ((_mean(values(a, name)), _mean(values(b, name))) for name in ("mtre_mm", "seconds"))
            found.append(PatientChange(pair, str(patient), places.size, successes, mtre, seconds))
    return found


def case_changes(first: ScoredRun, second: ScoredRun, pairs: Sequence[Pair]) -> Iterator[CaseChange]:
    """Every case of every pair, in the order of the cases."""
    for pair in pairs:
        sides = of_label(first.scores, pair.first), of_label(second.scores, pair.second)
        of_cases = zip(
            text_column(sides[0], "case_id"),
            zip(*(text_column(rows, "outcome") for rows in sides), strict=True),
            zip(*(np.asarray(rows["success_strict"], dtype=bool).tolist() for rows in sides), strict=True),
            zip(*(values(rows, "mtre_mm").tolist() for rows in sides), strict=True),
            zip(*(values(rows, "seconds").tolist() for rows in sides), strict=True),
            strict=True,
        )
        yield from (CaseChange(pair, *each) for each in of_cases)


def _alone(mine: dict[str, ProblemRecord], theirs: dict[str, ProblemRecord], journal: Journal) -> list[str]:
    alone = [name for name in mine if name not in theirs]
    shown = f"{', '.join(alone[:_FEW])}{_more(len(alone))}"
    return [f"{len(alone)} are in {journal.folder.name} alone ({shown})"] if alone else []


def _more(count: int) -> str:
    return f" and {count - _FEW} more" if count > _FEW else ""


def _fields(one: ProblemRecord, two: ProblemRecord) -> list[str]:
    names = (name for name in ProblemRecord.model_fields if name != "perturbation_hash")
    return [name for name in names if getattr(one, name) != getattr(two, name)]


def _side(scores: pd.DataFrame, pairs: Sequence[Pair], side: int) -> pd.DataFrame:
    kept = [name for name in ("case_id", "patient_id", "success_strict", *METRICS) if name in scores.columns]
    found = list[pd.DataFrame]()
    for pair in pairs:
        rows = of_label(scores, (pair.first, pair.second)[side])[kept].copy()
        rows["case_id"], rows["patient_id"] = text_column(rows, "case_id"), text_column(rows, "patient_id")
        rows["label"] = f"{pair.name}{(_FIRST, _SECOND)[side]}"
        rows[FAILED] = 1.0 - np.asarray(rows["success_strict"], dtype=np.float64)
        found.append(rows)
    return pd.concat(found, ignore_index=True)


def _differs(rows: pd.DataFrame, pair: Pair, metric: str) -> bool:
    """Whether both runs have values, which answers of other programs may not, and other ones."""
    if metric not in rows.columns:
        return False
    one, two = (values(of_label(rows, f"{pair.name}{side}"), metric) for side in (_FIRST, _SECOND))
    return bool(np.isfinite(one).any() and np.isfinite(two).any()) and not np.array_equal(one, two, equal_nan=True)


def _change(rows: pd.DataFrame, pair: Pair, metric: str, found: PairedDifference) -> Change:
    one, two = (values(of_label(rows, f"{pair.name}{side}"), metric) for side in (_FIRST, _SECOND))
    return Change(pair, metric, _typical(one, metric), _typical(two, metric), found)


def _typical(sample: Floats, metric: str) -> float:
    if metric == FAILED:
        return float(sample.mean())
    return float(np.percentile(np.where(np.isnan(sample), np.inf, sample), 50, method="inverted_cdf"))


def _mean(sample: Floats) -> float:
    return float(np.nanmean(sample)) if np.isfinite(sample).any() else float("nan")


def _successes(rows: pd.DataFrame) -> int:
    return int(np.asarray(rows["success_strict"], dtype=bool).sum())
