"""Geometry against closed forms, the golden values of the convention, and properties that must hold for any pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from bench.errors import FluorobenchError
from bench.geometry import (
    Camera,
    CameraError,
    Matrix,
    PoseFrame,
    Rig,
    RigCamera,
    RigError,
    StandardView,
    compose,
    invert,
    is_rigid,
    nominal_pose,
    require_rigid,
    rotation_angle_deg,
    transform_points,
)
from bench.geometry.rigid import NotRigidError, angles_from_rotation, rotation_from_angles

CENTRE = np.array([12.5, -140.0, 812.25])
DEPTH = 700.0
CAMERA = Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, DEPTH), CENTRE)

coordinates = st.floats(-500, 500)
vectors = st.tuples(coordinates, coordinates, coordinates).map(np.array)
full_turns = st.floats(-179.9, 179.9)
thetas = st.tuples(full_turns, st.floats(-89, 89), full_turns, coordinates, coordinates, coordinates).map(np.array)
any_angle = st.floats(-180, 180)
rotations = st.tuples(any_angle, any_angle, any_angle).map(lambda angles: rotation_from_angles(np.array(angles)))


def _pixel(theta: list[float], offset: list[float]) -> Matrix:
    return CAMERA.project(transform_points(FRAME.pose(theta), CENTRE + offset))


def _moved(theta: list[float], offset: list[float]) -> Matrix:
    """How far the parameters move a point, in the camera."""
    before, after = FRAME.pose(np.zeros(6)), FRAME.pose(theta)
    return transform_points(after, CENTRE + offset) - transform_points(before, CENTRE + offset)


def test_golden_focal_length_and_principal_point() -> None:
    expected = np.array([[1267.2228, 0, 127.5], [0, 1267.2228, 127.5], [0, 0, 1]])
    assert_allclose(CAMERA.K, expected, atol=5e-5)


@pytest.mark.parametrize(
    ("offset", "pixel"),
    [([0, 0, 0], [127.5, 127.5]), ([10, 0, 0], [145.6032, 127.5]), ([0, 0, 10], [127.5, 109.3968])],
)
def test_golden_pixels_at_the_nominal_pose(offset: list[float], pixel: list[float]) -> None:
    assert_allclose(_pixel([0] * 6, offset), pixel, atol=5e-5)


def test_golden_point_at_a_general_pose() -> None:
    theta: list[float] = [10, 20, -5, 3, -4, 25]
    point = CENTRE + np.array([30, 20, 50])
    assert_allclose(transform_points(FRAME.pose(theta), point), [33.8289, -57.3753, 725.8065], atol=5e-5)
    assert_allclose(_pixel(theta, [30, 20, 50]), [186.5637, 27.3254], atol=5e-5)


def test_rotations_are_active_and_ordered_x_y_z() -> None:
    sx, cx, sy, cy, sz, cz = (f(np.radians(a)) for a in (10, 20, 30) for f in (np.sin, np.cos))
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    assert_allclose(rotation_from_angles([10, 20, 30]), x @ y @ z, atol=1e-15)


@pytest.mark.parametrize(
    ("view", "source"),
    [
        (StandardView.AP, [0, -DEPTH, 0]),
        (StandardView.PA, [0, DEPTH, 0]),
        (StandardView.LATERAL, [DEPTH, 0, 0]),
    ],
)
def test_standard_views_put_the_source_where_their_names_say(view: StandardView, source: list[float]) -> None:
    pose = nominal_pose(view, CENTRE, DEPTH)
    assert is_rigid(pose)
    assert_allclose(invert(pose)[:3, 3], CENTRE + source, atol=1e-9)
    head = CAMERA.project(transform_points(pose, CENTRE + np.array([0, 0, 50])))
    assert head[1] < 127.5, "the head points up"


@pytest.mark.parametrize(
    ("theta", "offset", "axis", "sign"),
    [
        pytest.param([5, 0, 0, 0, 0, 0], [0, 0, 100], 2, -1, id="+rx tips the head towards the source"),
        pytest.param([0, 5, 0, 0, 0, 0], [100, 0, 0], 2, -1, id="+ry turns the patient's left towards the source"),
        pytest.param([0, 0, 5, 0, 0, 0], [100, 0, 0], 1, 1, id="+rz turns clockwise on the screen"),
        pytest.param([0, 0, 5, 0, 0, 0], [0, 0, 100], 0, 1, id="+rz turns the head to the right"),
        pytest.param([0, 0, 0, 5, 0, 0], [0, 0, 0], 0, 1, id="+tx moves right"),
        pytest.param([0, 0, 0, 0, 5, 0], [0, 0, 0], 1, 1, id="+ty moves down"),
        pytest.param([0, 0, 0, 0, 0, 5], [0, 0, 0], 2, 1, id="+tz moves away from the source"),
    ],
)
def test_parameters_mean_what_the_convention_says(
    theta: list[float], offset: list[float], axis: int, sign: int
) -> None:
    moved = _moved(theta, offset)
    assert sign * moved[axis] > 4
    assert abs(moved[axis]) == pytest.approx(np.abs(moved).max())


def test_rotations_keep_the_centre_in_place() -> None:
    assert_allclose(_moved([20, -30, 40, 0, 0, 0], [0, 0, 0]), np.zeros(3), atol=1e-9)


@given(theta=thetas)
def test_parameters_survive_the_pose(theta: Matrix) -> None:
    assert_allclose(FRAME.parameters(FRAME.pose(theta)), theta, rtol=0, atol=1e-9)


@given(rotation=rotations, translation=vectors, nominal=rotations, centre=vectors)
def test_any_pose_survives_its_parameters(
    rotation: Matrix, translation: Matrix, nominal: Matrix, centre: Matrix
) -> None:
    frame = PoseFrame(compose(nominal, [3.0, -2.0, 650.0]), centre)
    pose = compose(rotation, translation)
    assert_allclose(frame.pose(frame.parameters(pose)), pose, rtol=0, atol=1e-9)


@given(rx=any_angle, rz=any_angle, away=st.floats(-9, 0), side=st.sampled_from([-1, 1]))
def test_rotations_survive_their_angles_near_gimbal_lock(rx: float, rz: float, away: float, side: int) -> None:
    rotation = rotation_from_angles([rx, side * (90 - 10**away), rz])
    assert_allclose(rotation_from_angles(angles_from_rotation(rotation)), rotation, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ry", [90.0, -90.0])
def test_at_gimbal_lock_rz_is_zero(ry: float) -> None:
    rotation = np.round(rotation_from_angles([90, ry, 180]))
    angles = angles_from_rotation(rotation)
    assert angles[1] == pytest.approx(ry, abs=1e-12)
    assert angles[2] == pytest.approx(0, abs=1e-12)
    assert_allclose(rotation_from_angles(angles), rotation, atol=1e-12)


def test_a_batch_of_parameters_gives_a_batch_of_poses() -> None:
    batch = np.arange(24.0).reshape(2, 2, 6)
    poses = FRAME.pose(batch)
    assert poses.shape == (2, 2, 4, 4)
    assert_allclose(poses[1, 0], FRAME.pose(batch[1, 0]))


def test_centre_in_rig_is_on_the_axis() -> None:
    assert_allclose(FRAME.centre_in_rig, [0, 0, DEPTH], atol=1e-9)


@given(rotation=rotations, translation=vectors, point=vectors)
def test_inverse_brings_points_back(rotation: Matrix, translation: Matrix, point: Matrix) -> None:
    transform = compose(rotation, translation)
    assert_allclose(transform_points(invert(transform), transform_points(transform, point)), point, atol=1e-9)
    assert_allclose(invert(transform) @ transform, np.eye(4), atol=1e-9)


@given(axis=vectors.filter(lambda v: bool(np.linalg.norm(v) > 1)), exponent=st.floats(-6, 1))
def test_small_rotation_angles_are_exact(axis: Matrix, exponent: float) -> None:
    angle = 10**exponent
    turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle, degrees=True).as_matrix()
    assert rotation_angle_deg(turn @ np.eye(3), np.eye(3)) == pytest.approx(angle, abs=1e-12)


def test_rotation_angle_of_equal_opposite_and_4x4() -> None:
    half_turn = compose(np.diag([-1.0, -1.0, 1.0]), [1, 2, 3])
    assert rotation_angle_deg(half_turn, half_turn) == 0
    assert rotation_angle_deg(half_turn, np.eye(4)) == pytest.approx(180)
    assert rotation_angle_deg(rotation_from_angles([0, 0, 30]), rotation_from_angles([0, 0, -15])) == pytest.approx(45)


def test_project_any_shape_and_nothing_behind_the_source() -> None:
    points = np.array([[[0, 0, 100.0], [1, 2, 200.0]], [[5, 5, 0.0], [5, 5, -10.0]]])
    pixels = CAMERA.project(points)
    assert pixels.shape == (2, 2, 2)
    f = 1011.7 / 0.79836
    assert_allclose(pixels[0], [[127.5, 127.5], [127.5 + f / 200, 127.5 + 2 * f / 200]])
    assert np.isnan(pixels[1]).all()


def test_project_tells_rows_from_columns() -> None:
    camera = Camera(np.array([[100, 0, 7], [0, 300, 11.0], [0, 0, 1]]), 20, 10, None)
    assert_allclose(camera.project([1, 1, 100]), [8, 14])
    assert camera.spacing_mm is None


@given(
    factor=st.integers(1, 8),
    height=st.integers(8, 300),
    width=st.integers(8, 300),
    point=st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(300, 900)),
)
def test_binned_pixels_sit_at_the_means_of_their_blocks(
    factor: int, height: int, width: int, point: tuple[float, float, float]
) -> None:
    camera = Camera.centred(sdd_mm=1000, height=height, width=width, spacing_mm=0.5)
    binned = camera.binned(factor)
    assert (binned.height, binned.width) == (height // factor, width // factor)
    # Block k covers pixels factor k ... factor k + factor - 1; their mean is factor k + (factor - 1) / 2.
    assert_allclose(binned.project(point) * factor + (factor - 1) / 2, camera.project(point), rtol=0, atol=1e-9)
    assert binned.spacing_mm == pytest.approx((0.5 * factor, 0.5 * factor))


def test_binning_a_ramp_reads_the_same_position() -> None:
    ramp = np.arange(12.0)
    blocks = ramp.reshape(4, 3).mean(axis=1)
    camera = Camera.centred(sdd_mm=1000, height=12, width=12, spacing_mm=1)
    point = [2.0, 0.0, 800.0]
    at_full, at_binned = float(camera.project(point)[0]), float(camera.binned(3).project(point)[0])
    # Both pixels lie inside the ramp; block k reads the mean of its three steps, 3 k + 1.
    assert_allclose(blocks, 3 * np.arange(4) + 1)
    assert 3 * at_binned + 1 == pytest.approx(at_full)


@pytest.mark.parametrize(
    "K",
    [
        np.eye(4),
        np.diag([0.0, 1, 1]),
        np.diag([1.0, -1, 1]),
        np.diag([1.0, 1, 2]),
        np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]),
        np.array([[1, 0, np.nan], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_camera_refuses_a_bad_matrix(K: Matrix) -> None:
    with pytest.raises(CameraError, match="K must be"):
        Camera(K, 4, 4, None)


@pytest.mark.parametrize(("height", "width", "sdd"), [(0, 4, 100.0), (4, 0, 100.0), (4, 4, 0.0), (4, 4, float("nan"))])
def test_camera_refuses_bad_sizes(height: int, width: int, sdd: float) -> None:
    with pytest.raises(CameraError):
        Camera(np.eye(3), height, width, sdd)


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        np.diag([2.0, 2, 2, 1]),
        np.diag([1.0, 1, -1, 1]),
        np.full((4, 4), np.nan),
        np.diag([1.0, 1, 1, 2]),
    ],
)
def test_what_is_not_rigid_is_named(matrix: Matrix) -> None:
    assert not is_rigid(matrix)
    with pytest.raises(NotRigidError, match="the estimate must be a rigid") as caught:
        require_rigid(matrix, "the estimate")
    assert isinstance(caught.value, FluorobenchError)
    assert "\n" not in str(caught.value)


def test_rigid_passes_through() -> None:
    assert_allclose(require_rigid(FRAME.nominal.tolist(), "pose"), FRAME.nominal)


@given(first=rotations, second=rotations, at=vectors, point=vectors)
def test_a_rig_sees_what_its_calibrated_cameras_see(first: Matrix, second: Matrix, at: Matrix, point: Matrix) -> None:
    in_front = at + np.array([0, 0, 3000])
    poses = [compose(first, in_front), compose(second, in_front)]
    narrow = Camera.centred(sdd_mm=1000, height=64, width=32, spacing_mm=1)
    rig = Rig.from_calibrations([CAMERA, narrow], poses)
    assert_allclose(rig.cameras[0].camera_from_rig, np.eye(4))
    assert_allclose(rig.camera_poses(poses[0]), poses, rtol=0, atol=1e-9)
    expected = [
        camera.project(transform_points(pose, point)) for camera, pose in zip((CAMERA, narrow), poses, strict=True)
    ]
    assert_allclose(rig.project(poses[0], point), expected, rtol=0, atol=1e-8)


def test_biplane_axes_cross_at_the_centre_under_a_right_angle() -> None:
    rig = Rig.biplane(CAMERA, CAMERA, DEPTH)
    poses = rig.camera_poses(FRAME.nominal)
    assert_allclose(poses[1], nominal_pose(StandardView.LATERAL, CENTRE, DEPTH), atol=1e-9)
    assert_allclose(rig.project(FRAME.nominal, CENTRE), np.full((2, 2), 127.5), atol=1e-9)
    assert rotation_angle_deg(poses[0], poses[1]) == pytest.approx(90)


def test_rig_refuses_nonsense() -> None:
    with pytest.raises(RigError, match="at least one"):
        Rig(())
    with pytest.raises(RigError, match="at least one"):
        Rig.from_calibrations([], [])
    with pytest.raises(RigError, match="2 cameras, 1 calibrations"):
        Rig.from_calibrations([CAMERA, CAMERA], [np.eye(4)])
    with pytest.raises(NotRigidError, match="calibration of camera 1"):
        Rig.from_calibrations([CAMERA, CAMERA], [np.eye(4), np.diag([1.0, 1, -1, 1])])
    with pytest.raises(NotRigidError, match="camera_from_rig"):
        RigCamera(CAMERA, np.zeros((4, 4)))
