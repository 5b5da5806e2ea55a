"""From the lines of a run's files to one row a registration, every metric in it (``bench.score.columns``)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from bench.cases.hashes import truth_hash
from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord, TruthRecord
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame
from bench.metrics import landmark_errors, pose_errors
from bench.score.bound import expected_errors, of_twist
from bench.score.columns import (
    APART,
    BOUND_PREFIX,
    COLUMNS,
    KEY_COLUMNS,
    OTHER_PREFIX,
    STATED_PREFIX,
    STRICT_DEG,
    STRICT_MM,
)
from bench.score.provenance import PROVENANCE_TYPES, provenance_cells

Row: TypeAlias = dict[str, Any]

# Columns that no row may fill: they stay numbers all the same.
_OFTEN_ABSENT = (BOUND_PREFIX, STATED_PREFIX, OTHER_PREFIX, APART)

FAILURES = ("success", "depth_only", "wrong_basin", "no_pose")


class ScoreError(FluorobenchError):
    """Records that do not belong together."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A case with its answer and the points to measure it at."""

    problem: ProblemRecord
    truth: Matrix
    points: Matrix
    bound: Matrix | None
    other: Matrix | None = None

    @property
    def frame(self) -> PoseFrame:
        return PoseFrame(np.array(self.problem.nominal), np.array(self.problem.centre))

    def errors(self, pose: Matrix) -> dict[str, float | None]:
        """All errors of a pose, as the first view sees them."""
        view = self.problem.views[0]
        camera_from_rig = np.array(view.camera_from_rig)
        of_pose = pose_errors(pose, self.truth, self.frame, camera_from_rig, sdd_mm=view.sdd_mm)
        of_landmarks = landmark_errors(pose, self.truth, self.points, view.camera, camera_from_rig)
        return {**asdict(of_pose), **asdict(of_landmarks), "lgff_mtre_mm": of_landmarks.mpd_isocentre_mm}

    def others(self, pose: Matrix) -> Row:
        """Errors of a pose to the second reference; nothing where there is none."""
        if self.other is None:
            return {}
        view = self.problem.views[0]
        errors = landmark_errors(pose, self.other, self.points, view.camera, np.array(view.camera_from_rig))
        return {f"{OTHER_PREFIX}{name}": value for name, value in asdict(errors).items()}

    def references_apart(self) -> Row:
        """How far the second reference is from the first; nothing where there is none."""
        return {APART: self.others(self.truth)[f"{OTHER_PREFIX}mtre_mm"]} if self.other is not None else {}

    def bounds(self) -> Row:
        """Mean errors at the bound; nothing where there is none."""
        return {} if self.bound is None else self._expected(BOUND_PREFIX, self.bound, self.truth)

    def stated(self, record: EstimateRecord) -> Row:
        """Mean errors as the method's own covariance states them; nothing where it gave none."""
        if record.covariance is None or record.pose is None:
            return {}
        pose = np.array(record.pose)
        return self._expected(STATED_PREFIX, of_twist(np.array(record.covariance), pose, self.frame), pose)

    def _expected(self, prefix: str, covariance: Matrix, pose: Matrix) -> Row:
        camera_from_rig = np.array(self.problem.views[0].camera_from_rig)
        expected = expected_errors(covariance, pose, self.frame, self.points, camera_from_rig)
        return {f"{prefix}{name}": value for name, value in expected.items()}


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
    questions = _questions(patients, problems, truths)
    _require_same_cases(estimates, questions)
    starts = {
        case_id: {**_start_errors(each), **each.bounds(), **each.references_apart()}
        for case_id, each in questions.items()
    }
    ordered = sorted(estimates, key=lambda record: (record.label, record.case_id))
    rows = [_row(questions[record.case_id], record, starts[record.case_id]) for record in ordered]
    table = pd.DataFrame(rows, columns=[*KEY_COLUMNS, *(column.name for column in COLUMNS)])
    bounds = [name for name in table.columns if str(name).startswith(_OFTEN_ABSENT)]
    return table.astype({**dict.fromkeys(bounds, np.float64), **PROVENANCE_TYPES})


def _row(question: _Question, record: EstimateRecord, start: Mapping[str, Any]) -> Row:
    problem = question.problem
    errors: dict[str, Any] = {}
    others: Row = {}
    if record.pose is not None and not record.outcome.failed:
        errors = {
            name: np.nan if value is None else value for name, value in question.errors(np.array(record.pose)).items()
        }
        others = question.others(np.array(record.pose))
    return {
        **{name: getattr(problem, name) for name in ("patient_id", "patient_hash", "start_distribution")},
        **provenance_cells(problem.images),
        **{name: getattr(record, name) for name in ("label", "case_id", "perturbation_hash", "error")},
        **{name: getattr(record, name) for name in ("seconds_prepare", "drr_evaluations")},
        "seconds": np.nan if record.seconds is None else record.seconds,
        **start,
        **errors,
        **others,
        **question.stated(record),
        **_verdicts(errors),
        "outcome": str(record.outcome.value),
    }


def _verdicts(errors: Mapping[str, float]) -> Row:
    """Success in both readings and the kind of failure; no errors, no success."""
    if not errors:
        return {"success_strict": False, "success_paper": False, "failure": "no_pose"}
    strict = errors["rotation_error_deg"] < STRICT_DEG and errors["translation_error_mm"] < STRICT_MM
    lenient = errors["rotation_axis_mean_deg"] < STRICT_DEG or errors["translation_axis_mean_mm"] < STRICT_MM
    basin = errors["rotation_error_deg"] < STRICT_DEG and errors["in_plane_error_mm"] < STRICT_MM
    kind = "success" if strict else "depth_only" if basin else "wrong_basin"
    return {"success_strict": strict, "success_paper": lenient, "failure": kind}


def _start_errors(question: _Question) -> Row:
    errors = question.errors(np.array(question.problem.start))
    names = [column.name for column in COLUMNS if column.name.startswith("initial_")]
    return {name: errors[name.removeprefix("initial_")] for name in names}


def _questions(
    patients: Iterable[PatientRecord], problems: Iterable[ProblemRecord], truths: Iterable[TruthRecord]
) -> dict[str, _Question]:
    points = {patient.patient_hash: _points(patient) for patient in patients}
    answers = {record.case_id: record for record in truths}
    return {problem.case_id: _question(problem, points, answers) for problem in problems}


def _question(problem: ProblemRecord, points: Mapping[str, Matrix], answers: Mapping[str, TruthRecord]) -> _Question:
    case_id = problem.case_id
    if problem.patient_hash not in points:
        raise ScoreError(f"case {case_id!r} is of patient {problem.patient_id!r}, of whom the run has no such record")
    if case_id not in answers:
        raise ScoreError(f"expected a truth for case {case_id!r}; got none: let the run finish")
    record = answers[case_id]
    truth = record.truth
    if truth_hash(record) != problem.truth_hash:
        raise ScoreError(f"the truth of case {case_id!r} is not the one sealed before the run; take the run's own file")
    bound = None if record.bound is None else np.array(record.bound, dtype=np.float64)
    other = None if record.other is None else np.array(record.other, dtype=np.float64)
    return _Question(problem, np.array(truth, dtype=np.float64), points[problem.patient_hash], bound, other)


def _points(patient: PatientRecord) -> Matrix:
    if not patient.landmarks:
        raise ScoreError(f"expected a landmark set for patient {patient.patient_id!r}; got none")
    return np.array(patient.landmarks[0].points, dtype=np.float64)


def _require_one_perturbation(problems: Iterable[ProblemRecord], estimates: Iterable[EstimateRecord]) -> None:
    hashes = {record.perturbation_hash for record in problems} | {record.perturbation_hash for record in estimates}
    if len(hashes) > 1:
        raise ScoreError(f"expected one set of perturbations; got hashes {sorted(hashes)}: score each run by itself")


def _require_same_cases(estimates: Iterable[EstimateRecord], questions: Mapping[str, _Question]) -> None:
    """Methods are only compared on identical cases, each answered once."""
    answered: dict[str, list[str]] = {}
    for record in estimates:
        if record.case_id not in questions:
            raise ScoreError(f"{record.label!r} answers case {record.case_id!r}, which is not among the run's cases")
        answered.setdefault(record.label, []).append(record.case_id)
    for label, cases in answered.items():
        if len(cases) != len(set(cases)):
            raise ScoreError(f"expected one answer of {label!r} a case; got {len(cases)} to {len(set(cases))} cases")
        if len(cases) != len(questions):
            raise ScoreError(f"{label!r} answered {len(cases)} of {len(questions)} cases; resume the run")
