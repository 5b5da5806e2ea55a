"""From the lines of a run's files to one row a registration with every column of ``bench.score.columns``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.cases.hashes import truth_hash
from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord, TruthRecord
from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.score.columns import COLUMNS, KEY_COLUMNS, ORIGIN_TYPES
from bench.score.measure import PosedCase, measure
from bench.score.provenance import PROVENANCE_TYPES
from bench.score.registration import Registration


class ScoreError(FluorobenchError):
    """Records that do not belong together."""


def score_rows(
    patients: Sequence[PatientRecord],
    problems: Sequence[ProblemRecord],
    estimates: Sequence[EstimateRecord],
    truths: Sequence[TruthRecord],
) -> pd.DataFrame:
    """One row per estimate, sorted by label and case; the columns of ``bench.score.columns`` in their order.

    A registration without a pose keeps its row: NaN errors, no success, failure ``no_pose``.

    Raises:
        ScoreError: Different perturbations, a truth that is not the one sealed before the run, a method that lacks
            cases or answers one twice, or records of unknown patients or cases.
    """
    _require_one_perturbation(problems, estimates)
    cases = _cases(patients, problems, truths)
    _require_same_cases(estimates, cases)
    registrations = measure(cases, sorted(estimates, key=lambda record: (record.label, record.case_id)))
    return pd.DataFrame(dict(_columns(registrations)))


def _columns(registrations: Sequence[Registration]) -> Iterator[tuple[str, Any]]:
    """Every column by name; a metric that is absent is NaN, a key that is absent None."""
    types = PROVENANCE_TYPES | ORIGIN_TYPES
    for declared in KEY_COLUMNS:
        values = [declared.value(each) for each in registrations]
        yield declared.name, pd.array(values, dtype=types[declared.name]) if declared.name in types else values
    for declared in COLUMNS:
        values = [declared.value(each) for each in registrations]
        yield declared.name, [np.nan if value is None else value for value in values]


def _cases(
    patients: Iterable[PatientRecord], problems: Iterable[ProblemRecord], truths: Iterable[TruthRecord]
) -> dict[str, PosedCase]:
    known = {patient.patient_hash: (patient, _points(patient)) for patient in patients}
    answers = {record.case_id: record for record in truths}
    return {problem.case_id: _case(problem, known, answers) for problem in problems}


def _case(
    problem: ProblemRecord, known: Mapping[str, tuple[PatientRecord, Matrix]], answers: Mapping[str, TruthRecord]
) -> PosedCase:
    case_id = problem.case_id
    if problem.patient_hash not in known:
        raise ScoreError(
            f"case {case_id!r}: expected a record of its patient {problem.patient_id!r} with the same hash; got none: "
            "take the run's own files"
        )
    if case_id not in answers:
        raise ScoreError(f"expected a truth for case {case_id!r}; got none: let the run finish")
    record = answers[case_id]
    if truth_hash(record) != problem.truth_hash:
        raise ScoreError(f"the truth of case {case_id!r} is not the one sealed before the run; take the run's own file")
    bound = None if record.bound is None else np.array(record.bound, dtype=np.float64)
    other = None if record.other is None else np.array(record.other, dtype=np.float64)
    truth = np.array(record.truth, dtype=np.float64)
    patient, points = known[problem.patient_hash]
    return PosedCase(problem, patient, truth, points, bound, other)


def _points(patient: PatientRecord) -> Matrix:
    if not patient.landmarks:
        raise ScoreError(f"expected a landmark set for patient {patient.patient_id!r}; got none")
    return np.array(patient.landmarks[0].points, dtype=np.float64)


def _require_one_perturbation(problems: Iterable[ProblemRecord], estimates: Iterable[EstimateRecord]) -> None:
    hashes = {record.perturbation_hash for record in problems} | {record.perturbation_hash for record in estimates}
    if len(hashes) > 1:
        raise ScoreError(f"expected one set of perturbations; got hashes {sorted(hashes)}: score each run by itself")


def _require_same_cases(estimates: Iterable[EstimateRecord], cases: Mapping[str, PosedCase]) -> None:
    """Methods are only compared on identical cases, each answered once."""
    answered: dict[str, list[str]] = {}
    for record in estimates:
        if record.case_id not in cases:
            raise ScoreError(f"{record.label!r} answers case {record.case_id!r}, which is not among the run's cases")
        answered.setdefault(record.label, []).append(record.case_id)
    for label, names in answered.items():
        if len(names) != len(set(names)):
            raise ScoreError(f"expected one answer of {label!r} a case; got {len(names)} to {len(set(names))} cases")
        if len(names) != len(cases):
            raise ScoreError(f"{label!r} answered {len(names)} of {len(cases)} cases; resume the run")
