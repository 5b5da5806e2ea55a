"""One scored registration: the context from which every column of the score rows computes its value."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord
from bench.geometry import Matrix, PoseFrame
from bench.metrics import LandmarkErrors, PoseErrors, landmark_errors, pose_errors
from bench.score.bound import ExpectedErrors, expected_errors, of_twist

STRICT_DEG = 3.0
STRICT_MM = 3.0
FAILURES = ("success", "depth_only", "wrong_basin", "no_pose")


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of one pose against the reference pose of its case."""

    pose: PoseErrors
    landmarks: LandmarkErrors


@dataclass(frozen=True, eq=False)
class ScoredCase:
    """A case with its answer and the landmarks at which errors are measured.

    Attributes:
        problem: The case as it was posed.
        patient: Whose case it is.
        truth: rig_from_world, 4x4, mm.
        points: Landmarks, (n, 3), world mm.
        bound_covariance: Cramer-Rao bound of the twist, (6, 6), degrees and mm; None where the case has none.
        other_reference: Second reference pose, rig_from_world, 4x4, mm; None where there is one alone.
    """

    problem: ProblemRecord
    patient: PatientRecord
    truth: Matrix
    points: Matrix
    bound_covariance: Matrix | None = None
    other_reference: Matrix | None = None

    @cached_property
    def frame(self) -> PoseFrame:
        """Nominal pose and rotation centre."""
        return PoseFrame(np.array(self.problem.nominal), np.array(self.problem.centre))

    @cached_property
    def camera_from_rig(self) -> Matrix:
        """Of the first view, whose axes separate in-plane from depth."""
        return np.array(self.problem.views[0].camera_from_rig)

    def errors(self, pose: Matrix, reference: Matrix) -> Errors:
        """Errors of a pose against a reference pose, as the first view sees them; both rig_from_world, 4x4, mm."""
        view = self.problem.views[0]
        return Errors(
            pose_errors(pose, reference, self.frame, self.camera_from_rig, sdd_mm=view.sdd_mm),
            landmark_errors(pose, reference, self.points, view.camera, self.camera_from_rig),
        )

    @cached_property
    def start(self) -> Errors:
        """Errors of the start."""
        return self.errors(np.array(self.problem.start), self.truth)

    @cached_property
    def between_references(self) -> Errors | None:
        """Errors of the truth against the second reference; None where there is one alone."""
        return None if self.other_reference is None else self.errors(self.truth, self.other_reference)

    @cached_property
    def bound(self) -> ExpectedErrors | None:
        """Mean errors at the Cramer-Rao bound; None where the case has none."""
        return None if self.bound_covariance is None else self.expected(self.bound_covariance, self.truth)

    def expected(self, covariance: Matrix, pose: Matrix) -> ExpectedErrors:
        """Mean errors of normal estimates about a pose; ``covariance`` is of the twist, (6, 6), degrees and mm."""
        return expected_errors(covariance, pose, self.frame, self.points, self.camera_from_rig)


@dataclass(frozen=True, eq=False)
class Registration:
    """One estimate of one case."""

    case: ScoredCase
    estimate: EstimateRecord

    @cached_property
    def pose(self) -> Matrix | None:
        """rig_from_world, 4x4, mm; None where the registration failed."""
        estimate = self.estimate
        return None if estimate.pose is None or estimate.outcome.failed else np.array(estimate.pose)

    @cached_property
    def errors(self) -> Errors | None:
        """Errors of the estimate; None without a pose."""
        return None if self.pose is None else self.case.errors(self.pose, self.case.truth)

    @cached_property
    def errors_to_other(self) -> Errors | None:
        """Errors of the estimate against the second reference; None without a pose or without that reference."""
        other = self.case.other_reference
        return None if self.pose is None or other is None else self.case.errors(self.pose, other)

    @cached_property
    def stated(self) -> ExpectedErrors | None:
        """Mean errors that the method's own covariance predicts; None where it gave none."""
        if self.estimate.covariance is None or self.estimate.pose is None:
            return None
        pose = np.array(self.estimate.pose)
        return self.case.expected(of_twist(np.array(self.estimate.covariance), pose, self.case.frame), pose)

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
