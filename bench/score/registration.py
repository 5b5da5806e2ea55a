"""One scored registration: the context from which every column of the score rows computes its value."""

from dataclasses import dataclass
from typing import TypeAlias

from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord
from bench.metrics import LandmarkErrors, PoseErrors
from bench.score.bound import ExpectedErrors
from bench.score.column import Column

STRICT_DEG = 3.0
STRICT_MM = 3.0
FAILURES = ("success", "depth_only", "wrong_basin", "no_pose")


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of one pose against the reference pose of its case."""

    pose: PoseErrors
    landmarks: LandmarkErrors


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCase:
    """A case as it was posed, and what is measured of it without any answer.

    Attributes:
        problem: Without its answer.
        patient: Whose case it is.
        start: Errors of the start.
        between_references: Errors of the truth against the second reference; None where there is one alone.
        bound: Mean errors at the Cramer-Rao bound; None where the case has none.
    """

    problem: ProblemRecord
    patient: PatientRecord
    start: Errors
    between_references: Errors | None
    bound: ExpectedErrors | None


class CaseColumn(Column[ScoredCase]):
    """A column that is the same for all registrations of a case: computed once a case."""


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """One estimate of one case.

    Attributes:
        estimate: As the run recorded it.
        errors: Of the estimate; None without a pose.
        errors_to_other: Against the second reference; None without a pose or without that reference.
        stated: Mean errors that the method's own covariance predicts; None where it gave none.
    """

    estimate: EstimateRecord
    errors: Errors | None
    errors_to_other: Errors | None
    stated: ExpectedErrors | None

    @property
    def success_strict(self) -> bool:
        """Rotation below ``STRICT_DEG`` and displacement below ``STRICT_MM``."""
        if self.errors is None:
            return False
        of_pose = self.errors.pose
        return of_pose.rotation_error_deg < STRICT_DEG and of_pose.translation_error_mm < STRICT_MM

    @property
    def success_lenient(self) -> bool:
        """Axis-mean rotation below ``STRICT_DEG`` or axis-mean translation below ``STRICT_MM``."""
        if self.errors is None:
            return False
        of_pose = self.errors.pose
        return of_pose.rotation_axis_mean_deg < STRICT_DEG or of_pose.translation_axis_mean_mm < STRICT_MM

    @property
    def failure(self) -> str:
        """One of ``FAILURES``."""
        if self.errors is None:
            return "no_pose"
        if self.success_strict:
            return "success"
        of_pose = self.errors.pose
        in_basin = of_pose.rotation_error_deg < STRICT_DEG and of_pose.in_plane_error_mm < STRICT_MM
        return "depth_only" if in_basin else "wrong_basin"


# A column of the score rows.
RowColumn: TypeAlias = Column[Registration] | CaseColumn
