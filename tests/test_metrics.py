"""Pose and landmark errors against closed forms."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose, parameters_of
from bench.geometry.rigid import NotRigidError
from bench.metrics import (
    LandmarkErrors,
    LandmarkPair,
    MetricError,
    PoseErrors,
    PosePair,
    all_landmark_errors,
    all_pose_errors,
    double_geodesic_mm,
    landmark_errors,
    pose_errors,
)

CENTRE = np.array([12.0, -30.0, 45.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700), CENTRE)
CAMERA = Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)
TRUTH_THETA = np.array([3.0, -4, 5, 6, -7, 20])
TRUTH = FRAME.pose(TRUTH_THETA)
ONE_VIEW = np.eye(4)
# Quarter turn about y: the second camera's axis is the rig's x.
SIDE_VIEW = compose([[0, 0, -1], [0, 1, 0], [1, 0, 0]], [700, 0, 700])
POINTS = CENTRE + np.random.default_rng(0).uniform(-40, 40, (7, 3))


def shifted(tx: float, ty: float, tz: float) -> Matrix:
    return FRAME.pose(TRUTH_THETA + np.array([0, 0, 0, tx, ty, tz]))


def turned(degrees: float, axis: tuple[float, float, float]) -> Matrix:
    """The truth turned about the rotation centre, about an axis of the rig."""
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array(axis)).as_matrix()
    pivot = TRUTH[:3, :3] @ CENTRE + TRUTH[:3, 3]
    return compose(turn, pivot - turn @ pivot) @ TRUTH


def errors(estimate: Matrix, view: Matrix = ONE_VIEW, sdd_mm: float | None = None) -> PoseErrors:
    return pose_errors(estimate, TRUTH, FRAME, view, sdd_mm=sdd_mm)


@pytest.mark.parametrize("view", [ONE_VIEW, SIDE_VIEW], ids=["front", "side"])
def test_the_truth_scores_exactly_zero(view: Matrix) -> None:
    assert set(asdict(errors(TRUTH.copy(), view, 1011.7)).values()) == {0.0}
    assert set(asdict(landmark_errors(TRUTH.copy(), TRUTH, POINTS, CAMERA, view)).values()) == {0.0}


def test_pure_translation() -> None:
    found = errors(shifted(3, -4, 12), sdd_mm=1000)
    assert found.rotation_error_deg == pytest.approx(0, abs=1e-10)
    assert found.translation_error_mm == pytest.approx(13)
    assert found.in_plane_error_mm == pytest.approx(5)
    assert found.depth_error_mm == pytest.approx(12)
    assert found.double_geodesic_mm == pytest.approx(13)
    assert (found.tx_error_mm, found.ty_error_mm, found.tz_error_mm) == pytest.approx((3, 4, 12))
    assert found.rotation_axis_mean_deg == pytest.approx(0, abs=1e-10)
    assert found.translation_axis_mean_mm == pytest.approx(19 / 3)


def test_another_view_sees_other_parts() -> None:
    found = errors(shifted(3, -4, 12), SIDE_VIEW)
    assert found.translation_error_mm == pytest.approx(13)
    assert found.in_plane_error_mm == pytest.approx(np.hypot(4, 12))
    assert found.depth_error_mm == pytest.approx(3)


@pytest.mark.parametrize("degrees", [1e-5, 0.5, 10, 120, 180])
def test_rotation_about_the_centre_does_not_move_it(degrees: float) -> None:
    found = errors(turned(degrees, (0.6, 0, 0.8)), sdd_mm=1000)
    assert found.rotation_error_deg == pytest.approx(degrees, rel=1e-6)
    assert found.translation_error_mm == pytest.approx(0, abs=1e-10)
    assert found.double_geodesic_mm == pytest.approx(500 * np.radians(degrees), rel=1e-6)


def test_differences_by_axis_in_both_namings() -> None:
    found = errors(FRAME.pose(TRUTH_THETA + np.array([1, -2, 3, -10, 20, 30])))
    ours = (found.rx_error_deg, found.ry_error_deg, found.rz_error_deg)
    assert ours == pytest.approx((1, 2, 3))
    assert (found.tx_error_mm, found.ty_error_mm, found.tz_error_mm) == pytest.approx((10, 20, 30))
    assert (found.sopi_rx_error_deg, found.sopi_ry_error_deg, found.sopi_rz_error_deg) == pytest.approx((2, 1, 3))
    assert (found.sopi_tx_error_mm, found.sopi_ty_error_mm, found.sopi_tz_error_mm) == pytest.approx((30, 10, 20))
    assert found.rotation_axis_mean_deg == pytest.approx(2)
    assert found.translation_axis_mean_mm == pytest.approx(20)
    assert found.lgff_mae == pytest.approx((np.radians(6) + 0.6) / 6)


def test_angles_differ_the_shorter_way_round() -> None:
    found = pose_errors(FRAME.pose([0, 0, 179, 0, 0, 0]), FRAME.pose([0, 0, -179, 0, 0, 0]), FRAME, ONE_VIEW)
    assert found.rz_error_deg == pytest.approx(2)
    assert found.rotation_error_deg == pytest.approx(2)
    assert found.double_geodesic_mm is None


def test_double_geodesic() -> None:
    assert double_geodesic_mm(np.degrees(0.006), 4, sdd_mm=1000) == pytest.approx(5)


def test_landmarks_under_a_pure_translation() -> None:
    found = landmark_errors(shifted(3, -4, 12), TRUTH, POINTS, CAMERA, ONE_VIEW)
    assert found.mtre_mm == pytest.approx(13)
    assert found.mtre_in_plane_mm == pytest.approx(5)
    assert found.mtre_depth_mm == pytest.approx(12)
    side = landmark_errors(shifted(3, -4, 12), TRUTH, POINTS, CAMERA, SIDE_VIEW)
    assert (side.mtre_mm, side.mtre_depth_mm) == pytest.approx((13, 3))


def test_landmarks_under_a_rotation_about_the_centre() -> None:
    """A turn in the plane moves a point at distance r from the axis by the chord 2 r sin(angle / 2)."""
    ring = CENTRE + 30 * np.array([[np.cos(a), 0, np.sin(a)] for a in (0.1, 1.7, 4)])
    nominal = FRAME.pose(np.zeros(6))
    found = landmark_errors(FRAME.pose([0, 0, 10, 0, 0, 0]), nominal, ring, CAMERA, ONE_VIEW)
    chord = 60 * np.sin(np.radians(5))
    assert found.mtre_mm == pytest.approx(chord)
    assert found.mtre_in_plane_mm == pytest.approx(chord)
    assert found.mtre_depth_mm == pytest.approx(0, abs=1e-10)
    # All points lie 700 mm deep, so the detector shows the chord magnified.
    assert found.mpd_mm == pytest.approx(chord * 1011.7 / 700)
    assert found.mpd_isocentre_mm == pytest.approx(chord)
    assert found.mrpd_mm == pytest.approx(landmark_ray_distance(ring, nominal, 10), rel=1e-9)


def landmark_ray_distance(ring: Matrix, nominal: Matrix, degrees: float) -> float:
    """The distance written with an angle at the source: |found| sin(angle between found and true)."""
    true = ring @ nominal[:3, :3].T + nominal[:3, 3]
    found = Rotation.from_euler("z", degrees, degrees=True).apply(true)
    cosines = (found * true).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(true, axis=1)
    return float((np.linalg.norm(found, axis=1) * np.sin(np.arccos(cosines))).mean())


def test_a_point_on_the_axis_moved_along_it_has_no_projection_error() -> None:
    nominal = FRAME.pose(np.zeros(6))
    found = landmark_errors(FRAME.pose([0, 0, 0, 0, 0, 15]), nominal, [CENTRE], CAMERA, ONE_VIEW)
    assert found.mtre_mm == pytest.approx(15)
    assert found.mpd_mm == pytest.approx(0, abs=1e-9)
    assert found.mrpd_mm == pytest.approx(0, abs=1e-9)


def test_a_point_on_the_axis_moved_sideways() -> None:
    nominal = FRAME.pose(np.zeros(6))
    found = landmark_errors(FRAME.pose([0, 0, 0, 3, 4, 0]), nominal, [CENTRE], CAMERA, ONE_VIEW)
    assert found.mrpd_mm == pytest.approx(5)
    assert found.mpd_mm == pytest.approx(5 * 1011.7 / 700)
    assert found.mpd_isocentre_mm == pytest.approx(5)


def test_without_an_sdd_the_isocentre_remains() -> None:
    camera = replace(CAMERA, sdd_mm=None)
    estimate = shifted(3, -4, 12)
    found = landmark_errors(estimate, TRUTH, POINTS, camera, ONE_VIEW)
    assert found.mpd_mm is None
    assert found.mpd_isocentre_mm == landmark_errors(estimate, TRUTH, POINTS, CAMERA, ONE_VIEW).mpd_isocentre_mm


def test_oblong_pixels() -> None:
    K = CAMERA.K.copy()
    K[0] *= 2
    estimate = shifted(3, -4, 12)
    oblong = landmark_errors(estimate, TRUTH, POINTS, replace(CAMERA, K=K), ONE_VIEW)
    square = landmark_errors(estimate, TRUTH, POINTS, CAMERA, ONE_VIEW)
    assert list(asdict(oblong).values()) == pytest.approx(list(asdict(square).values()))


def test_a_landmark_behind_the_source_is_infinitely_wrong_on_the_detector() -> None:
    found = landmark_errors(shifted(0, 0, -900), TRUTH, POINTS, CAMERA, ONE_VIEW)
    assert (found.mpd_mm, found.mpd_isocentre_mm) == (np.inf, np.inf)
    assert found.mtre_mm == pytest.approx(900)


def numbers(found: PoseErrors | LandmarkErrors) -> list[float]:
    return [np.nan if value is None else value for value in asdict(found).values()]


def test_many_pairs_are_measured_as_each_by_itself() -> None:
    """Frames, cameras and numbers of landmarks differ between the cases of a run."""
    random = np.random.default_rng(3)
    other = PoseFrame(nominal_pose(StandardView.LATERAL, CENTRE + 20, 650), CENTRE + 20)
    cameras = (CAMERA, replace(CAMERA, sdd_mm=None), CAMERA.binned(4))
    poses, marks = list[PosePair](), list[LandmarkPair]()
    for index in range(40):
        frame, camera = (FRAME, other)[index % 2], cameras[index % 3]
        truth, found = frame.pose(random.normal(0, 8, (2, 6)))
        poses.append(PosePair(found, truth, frame, (ONE_VIEW, SIDE_VIEW)[index % 4 == 3], camera.sdd_mm))
        marks.append(LandmarkPair(found, truth, POINTS[: 2 + index % 5], camera, ONE_VIEW))
    for one, found_pose in zip(poses, all_pose_errors(poses), strict=True):
        alone = pose_errors(one.estimate, one.truth, one.frame, one.camera_from_rig, sdd_mm=one.sdd_mm)
        np.testing.assert_allclose(numbers(found_pose), numbers(alone), rtol=1e-12)
    for each, found_marks in zip(marks, all_landmark_errors(marks), strict=True):
        alone_marks = landmark_errors(each.estimate, each.truth, each.points, each.camera, each.camera_from_rig)
        np.testing.assert_allclose(numbers(found_marks), numbers(alone_marks), rtol=1e-12)
    assert all_pose_errors([]) == []
    assert all_landmark_errors([]) == []


def test_parameters_of_many_are_those_of_each_to_the_bit() -> None:
    """Searches start from them: another last digit would end elsewhere."""
    frames = [FRAME, PoseFrame(nominal_pose(StandardView.LATERAL, CENTRE + 20, 650), CENTRE + 20)] * 20
    thetas = np.random.default_rng(4).uniform(-170, 170, (40, 6))
    thetas[:8, 1] = 90
    poses = np.stack([frame.pose(theta) for frame, theta in zip(frames, thetas, strict=True)])
    assert np.array_equal(
        parameters_of(frames, poses), [frame.parameters(pose) for frame, pose in zip(frames, poses, strict=True)]
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(MetricError, match="at least one landmark"):
        landmark_errors(TRUTH, TRUTH, np.empty((0, 3)), CAMERA, ONE_VIEW)
    with pytest.raises(MetricError, match="in front of the source"):
        landmark_errors(TRUTH, shifted(0, 0, -900), POINTS, CAMERA, ONE_VIEW)
    for bad in (np.full((4, 4), np.nan), np.diag([2.0, 1, 1, 1]), np.eye(3)):
        with pytest.raises(NotRigidError, match="estimate"):
            errors(bad)
