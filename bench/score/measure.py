"""Measure the errors of all answers of a run at once: one by one, most of the time is spent outside the arithmetic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.cases.records import EstimateRecord, MatrixList, PatientRecord, ProblemRecord
from bench.geometry import Camera, Matrix, PoseFrame
from bench.metrics import LandmarkPair, PosePair, all_landmark_errors, all_pose_errors
from bench.score.bound import ExpectedErrors, NormalEstimate, expected_errors, of_twist
from bench.score.registration import Errors, Registration, ScoredCase

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, eq=False)
class PosedCase:
    """What errors of answers to a case are measured with; cases share what is equal.

    Attributes:
        truth: rig_from_world, 4x4, mm.
        points: Landmarks, (n, 3), world mm.
        frame: Nominal pose and rotation centre.
        camera: Of the first view.
        camera_from_rig: Of the first view, 4x4, mm, whose axes separate in-plane from depth.
        other_reference: Second reference pose, rig_from_world, 4x4, mm; None where there is one alone.
    """

    truth: Matrix
    points: Matrix
    frame: PoseFrame
    camera: Camera
    camera_from_rig: Matrix
    other_reference: Matrix | None = None

    def normal(self, covariance: Matrix, pose: Matrix) -> NormalEstimate:
        """Normal estimates about a pose (4x4, mm), with a covariance (6, 6) in degrees and mm."""
        return NormalEstimate(covariance, pose, self.frame, self.points, self.camera_from_rig)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedCase:
    """A case as a run recorded it.

    Attributes:
        problem: Without its answer.
        patient: Whose case it is.
        posed: With its answer.
        bound_covariance: Cramer-Rao bound of the twist, (6, 6), degrees and mm; None where the case has none.
    """

    problem: ProblemRecord
    patient: PatientRecord
    posed: PosedCase
    bound_covariance: Matrix | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A pose of a case and the one that it is held against; both rig_from_world, 4x4, mm."""

    case: PosedCase
    pose: Matrix
    reference: Matrix


def measure(cases: Mapping[str, PosedCase], estimates: Sequence[EstimateRecord]) -> list[Registration]:
    """Every estimate with its errors, in order.

    Args:
        cases: By case id.
        estimates: Of these cases.
    """
    answers = [_answer(cases[each.case_id], each) for each in estimates]
    errors, others = _where_given(_errors, answers), _where_given(_errors, _to_other(answers))
    stated = _stated(answers, [each.covariance for each in estimates])
    return [Registration(*each) for each in zip(estimates, errors, others, stated, strict=True)]


def scored_cases(cases: Sequence[RecordedCase]) -> list[ScoredCase]:
    """What is measured of cases without any answer, in order."""
    posed = [each.posed for each in cases]
    starts = _errors(
        [_Pair(one, np.array(each.problem.start), one.truth) for one, each in zip(posed, cases, strict=True)]
    )
    between = _where_given(_errors, _to_other([_Pair(each, each.truth, each.truth) for each in posed]))
    bounds = _where_given(
        expected_errors,
        [
            None if (bound := each.bound_covariance) is None else one.normal(bound, one.truth)
            for one, each in zip(posed, cases, strict=True)
        ],
    )
    return [
        ScoredCase(case.problem, case.patient, start, apart, bound)
        for case, start, apart, bound in zip(cases, starts, between, bounds, strict=True)
    ]


def _answer(case: PosedCase, estimate: EstimateRecord) -> _Pair | None:
    """An estimate's pose beside the truth; None where the registration failed."""
    if estimate.pose is None or estimate.outcome.failed:
        return None
    return _Pair(case, np.array(estimate.pose), case.truth)


def _to_other(pairs: Sequence[_Pair | None]) -> list[_Pair | None]:
    """The same poses beside the second reference; None where there is none."""
    return [
        None if pair is None or (other := pair.case.other_reference) is None else _Pair(pair.case, pair.pose, other)
        for pair in pairs
    ]


def _errors(pairs: Sequence[_Pair]) -> list[Errors]:
    """As the first view of each case sees them."""
    of_poses = all_pose_errors(
        [
            PosePair(pair.pose, pair.reference, pair.case.frame, pair.case.camera_from_rig, pair.case.camera.sdd_mm)
            for pair in pairs
        ]
    )
    of_landmarks = all_landmark_errors(
        [
            LandmarkPair(pair.pose, pair.reference, pair.case.points, pair.case.camera, pair.case.camera_from_rig)
            for pair in pairs
        ]
    )
    return [Errors(*both) for both in zip(of_poses, of_landmarks, strict=True)]


def _stated(answers: Sequence[_Pair | None], covariances: Sequence[MatrixList | None]) -> list[ExpectedErrors | None]:
    """Mean errors by the methods' own covariances of theta."""
    given = [
        None if answer is None or covariance is None else answer.case.normal(np.array(covariance), answer.pose)
        for answer, covariance in zip(answers, covariances, strict=True)
    ]
    return _where_given(lambda normals: expected_errors(of_twist(normals)), given)


def _where_given(compute: Callable[[list[Given]], list[Found]], given: Sequence[Given | None]) -> list[Found | None]:
    """What is computed of those that are there, all at once, each in its place."""
    there = [each for each in given if each is not None]
    if not there:
        return [None] * len(given)
    found = iter(compute(there))
    return [None if each is None else next(found) for each in given]
