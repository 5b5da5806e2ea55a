"""From the lines of a run's files to one row a registration with every column of ``bench.score.columns``.

Records come in batches and leave as columns: of a run of 10^6 rows neither the records nor the errors are in memory at
once. What is the same for all registrations of a case is computed once a case.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cases.hashes import truth_hash
from bench.cases.records import EstimateRecord, MatrixList, PatientRecord, ProblemRecord, TruthRecord, ViewRecord
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, PoseFrame
from bench.score.column import Column
from bench.score.columnar import TextColumn, ValueColumn, batches, table_of
from bench.score.columns import COLUMNS, KEY_COLUMNS, ORIGIN_TYPES
from bench.score.measure import PosedCase, RecordedCase, measure, scored_cases
from bench.score.provenance import PROVENANCE_TYPES
from bench.score.registration import CaseColumn, Registration

_BATCH = 4096
_ROW_COLUMNS = (*KEY_COLUMNS, *COLUMNS)
_TYPES = PROVENANCE_TYPES | ORIGIN_TYPES
# Absent throughout they are objects; a metric is NaN.
_KEYS = {each.name for each in KEY_COLUMNS} - set(_TYPES)
Made = TypeVar("Made")


class ScoreError(FluorobenchError):
    """Records that do not belong together."""


def score_rows(
    patients: Iterable[PatientRecord],
    problems: Iterable[ProblemRecord],
    estimates: Iterable[EstimateRecord],
    truths: Iterable[TruthRecord],
) -> pd.DataFrame:
    """One row per estimate, sorted by label and case; the columns of ``bench.score.columns`` in their order.

    A registration without a pose keeps its row: NaN errors, no success, failure ``no_pose``. Columns of texts are
    categorical.

    Raises:
        ScoreError: Different perturbations, a truth that is not the one sealed before the run, a method that lacks
            cases or answers one twice, or records of unknown patients or cases.
    """
    cases = _Cases(patients, truths)
    for some in batches(problems, _BATCH):
        cases.add(some)
    answers = _Answers(cases)
    for some in batches(estimates, _BATCH):
        answers.add(some)
    return answers.rows()


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """A truth as arrays, 4x4 and 6x6, with its hash."""

    truth: Matrix
    bound: Matrix | None
    other: Matrix | None
    sealed: str


class _Growing:
    """Columns by name that grow by batches of their context."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self._declared = columns
        self._grown: dict[str, TextColumn | ValueColumn] = {}
        self._rows = 0

    def add(self, contexts: Sequence[Any]) -> None:
        """Append a row each."""
        for declared in self._declared:
            values = [declared.value(each) for each in contexts]
            column = self._grown.get(declared.name) or self._begun(declared.name, values)
            if column is not None:
                column.add(values)
        self._rows += len(contexts)

    def taken(self, name: str) -> Any:
        """All values of a column, which is given up here."""
        return self._grown.pop(name).taken() if name in self._grown else np.full(self._rows, None, dtype=object)

    def _begun(self, name: str, values: Sequence[Any]) -> TextColumn | ValueColumn | None:
        """A column of the kind of its first value; None of a key as long as it has none."""
        first = next((each for each in values if each is not None), None)
        if first is None and name in _KEYS:
            return None
        column = TextColumn() if isinstance(first, str) and name not in _TYPES else ValueColumn(_TYPES.get(name))
        if self._rows:
            column.add([None] * self._rows)
        self._grown[name] = column
        return column


class _Cases:
    """The cases of a run: their columns, one row a case, and what answers are measured with."""

    def __init__(self, patients: Iterable[PatientRecord], truths: Iterable[TruthRecord]) -> None:
        self.numbers: dict[str, int] = {}
        self.posed: dict[str, PosedCase] = {}
        self.hashes: set[str] = set()
        self.columns = _Growing([each for each in _ROW_COLUMNS if isinstance(each, CaseColumn)])
        self._patients = {patient.patient_hash: (patient, _points(patient)) for patient in patients}
        self._truths = {record.case_id: _truth(record) for record in truths}
        self._shared: dict[object, Any] = {}

    def add(self, problems: Sequence[ProblemRecord]) -> None:
        """Measure what can be measured without an answer."""
        recorded = [self._recorded(each) for each in problems]
        self.columns.add(scored_cases(recorded))
        for each in recorded:
            self.numbers[each.problem.case_id] = len(self.numbers)
            self.posed[each.problem.case_id] = each.posed
            self.hashes.add(each.problem.perturbation_hash)

    def _recorded(self, problem: ProblemRecord) -> RecordedCase:
        case_id = problem.case_id
        if problem.patient_hash not in self._patients:
            raise ScoreError(
                f"case {case_id!r}: expected a record of its patient {problem.patient_id!r} with the same hash; got "
                "none: take the run's own files"
            )
        if case_id not in self._truths:
            raise ScoreError(f"expected a truth for case {case_id!r}; got none: let the run finish")
        found, (patient, points) = self._truths.pop(case_id), self._patients[problem.patient_hash]
        if found.sealed != problem.truth_hash:
            raise ScoreError(
                f"the truth of case {case_id!r} is not the one sealed before the run; take the run's own file"
            )
        view = problem.views[0]
        posed = PosedCase(
            truth=found.truth,
            points=points,
            frame=self._frame(problem),
            camera=self._camera(view),
            camera_from_rig=self._matrix(view.camera_from_rig),
            other_reference=found.other,
        )
        return RecordedCase(problem, patient, posed, found.bound)

    def _frame(self, problem: ProblemRecord) -> PoseFrame:
        key = "frame", _key(problem.nominal), tuple(problem.centre)
        return self._once(key, lambda: PoseFrame(np.array(problem.nominal), np.array(problem.centre)))

    def _camera(self, view: ViewRecord) -> Camera:
        key = "camera", _key(view.K), view.height, view.width, view.sdd_mm
        return self._once(key, lambda: view.camera)

    def _matrix(self, matrix: MatrixList) -> Matrix:
        return self._once(("matrix", _key(matrix)), lambda: np.array(matrix))

    def _once(self, key: object, make: Callable[[], Made]) -> Made:
        """One object for all cases that have an equal one."""
        if key not in self._shared:
            self._shared[key] = make()
        found: Made = self._shared[key]
        return found


class _Answers:
    """The estimates of a run as columns."""

    def __init__(self, cases: _Cases) -> None:
        self._cases, self._hashes = cases, set(cases.hashes)
        self._columns = _Growing([each for each in _ROW_COLUMNS if not isinstance(each, CaseColumn)])
        self._labels: dict[str, int] = {}
        self._label_numbers = list[NDArray[np.int32]]()
        self._case_numbers = list[NDArray[np.int32]]()

    def add(self, estimates: Sequence[EstimateRecord]) -> None:
        """Measure some."""
        self._hashes |= {record.perturbation_hash for record in estimates}
        self._require_one_perturbation()
        for record in estimates:
            if record.case_id not in self._cases.numbers:
                raise ScoreError(
                    f"{record.label!r} answers case {record.case_id!r}, which is not among the run's cases"
                )
        registrations: list[Registration] = measure(self._cases.posed, estimates)
        self._columns.add(registrations)
        labels = [self._labels.setdefault(each.label, len(self._labels)) for each in estimates]
        self._label_numbers.append(np.array(labels, dtype=np.int32))
        self._case_numbers.append(np.array([self._cases.numbers[each.case_id] for each in estimates], dtype=np.int32))

    def rows(self) -> pd.DataFrame:
        """All columns, sorted by label and case."""
        self._require_one_perturbation()
        numbers = self._label_numbers, self._case_numbers
        labels, cases = (np.concatenate([np.empty(0, np.int32), *each]) for each in numbers)
        _require_same_cases([*self._labels], labels, cases, len(self._cases.numbers))
        order = np.lexsort((_ranks([*self._cases.numbers])[cases], _ranks([*self._labels])[labels]))
        of_case, columns = cases[order], dict[str, Any]()
        for declared in _ROW_COLUMNS:
            is_case = isinstance(declared, CaseColumn)
            whole = (self._cases.columns if is_case else self._columns).taken(declared.name)
            columns[declared.name] = whole[of_case if is_case else order]
        return table_of(columns)

    def _require_one_perturbation(self) -> None:
        if len(self._hashes) > 1:
            raise ScoreError(
                f"expected one set of perturbations; got hashes {sorted(self._hashes)}: score each run by itself"
            )


def _ranks(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the sorted ones."""
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks


def _require_same_cases(names: Sequence[str], labels: NDArray[np.int32], cases: NDArray[np.int32], count: int) -> None:
    """Methods are only compared on identical cases, each answered once."""
    for number, label in enumerate(names):
        own = cases[labels == number]
        different = np.unique(own).size
        if own.size != different:
            raise ScoreError(f"expected one answer of {label!r} a case; got {own.size} to {different} cases")
        if own.size != count:
            raise ScoreError(f"{label!r} answered {own.size} of {count} cases; resume the run")


def _truth(record: TruthRecord) -> _Truth:
    bound, other = (None if each is None else np.array(each, dtype=np.float64) for each in (record.bound, record.other))
    return _Truth(np.array(record.truth, dtype=np.float64), bound, other, truth_hash(record))


def _key(matrix: MatrixList) -> tuple[float, ...]:
    return tuple(number for row in matrix for number in row)


def _points(patient: PatientRecord) -> Matrix:
    if not patient.landmarks:
        raise ScoreError(f"expected a landmark set for patient {patient.patient_id!r}; got none")
    return np.array(patient.landmarks[0].points, dtype=np.float64)
