"""Converters: round trips, and each tool's documented projection of a point, worked out here, against ours.

The projections below are written from the tools' documents, in their frames and array orders, and share nothing with
the converters.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, PoseFrame, Rig, StandardView, compose, nominal_pose, transform_points
from bench.geometry.converters import ConversionError, ToolView
from bench.geometry.converters.astra import AstraConeVec, from_astra, to_astra
from bench.geometry.converters.autoscoper import (
    format_calibration,
    from_autoscoper,
    parse_calibration,
    to_autoscoper,
)
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro, to_deepfluoro
from bench.geometry.converters.dicom import DicomPositioner, from_dicom, lost_by_dicom, to_dicom
from bench.geometry.converters.diffdrr import DiffDRRView, from_diffdrr, to_diffdrr
from bench.geometry.converters.nanodrr import NanoDRRView, from_nanodrr, to_nanodrr
from bench.geometry.converters.prost import ProSTScene, from_prost, to_prost
from bench.geometry.converters.rtk import RTKProjection, centred_origin, from_rtk, iec_from_lps, to_rtk
from bench.geometry.converters.sopi import (
    VOLUME_AXES,
    SOPIScene,
    from_sopi,
    parameters_from_rtvec,
    rtvec_from_parameters,
    to_sopi,
)
from bench.geometry.rigid import NotRigidError, rotation_from_angles

Vector: TypeAlias = tuple[float, float, float]

ISOCENTRE = np.array([11.0, -163.5, 840.25])
CAMERA = Camera(np.array([[1275.0, 0, 61.25], [0, 1020, 90.5], [0, 0, 1]]), 200, 150, 1020.0)
SCENE = SOPIScene(centre=ISOCENTRE, norm_mm=140.0)
MIRRORED = ProSTScene(volume_axes=VOLUME_AXES, centre=ISOCENTRE)
STRAIGHT = ProSTScene(volume_axes=np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0.0]]), centre=ISOCENTRE, width=96)

angles = st.floats(-80, 80)
lengths = st.floats(-200, 200)
euler = st.tuples(angles, angles, angles)
shifts = st.tuples(lengths, lengths, lengths)


@st.composite
def cameras(draw: st.DrawFn) -> Camera:
    height, width = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    fx, fy = draw(st.floats(200, 5000)), draw(st.floats(200, 5000))
    cx, cy = draw(st.floats(-100, 400)), draw(st.floats(-100, 400))
    return Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), height, width, draw(st.floats(500, 1500)))


@st.composite
def poses(draw: st.DrawFn) -> Matrix:
    nominal = nominal_pose(draw(st.sampled_from(StandardView)), ISOCENTRE, draw(st.floats(300, 900)))
    return PoseFrame(nominal, ISOCENTRE).pose([*draw(euler), *draw(shifts)])


def _assert_same(view: ToolView, camera: Camera, pose: Matrix) -> None:
    assert (view.camera.height, view.camera.width) == (camera.height, camera.width)
    assert_allclose(view.camera.K, camera.K, rtol=1e-12, atol=1e-9)
    assert_allclose(view.camera_from_world, pose, rtol=0, atol=1e-9)


def _stored_pixel(view: ToolView, point: Matrix) -> list[float]:
    """(column, row) in the tool's own array of a world point, by our camera."""
    column, row = view.camera.project(transform_points(view.camera_from_world, point)).tolist()
    column = view.camera.width - 1 - column if view.flip_columns else column
    return [column, view.camera.height - 1 - row if view.flip_rows else row]


def _turn(axis: str, degrees: float) -> Matrix:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rows = {
        "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis])


# A view of our own goes to the tool and back. The middle Euler angle stays off +-90 degrees, where SciPy's own
# decomposition drops to 1e-7.


@given(camera=cameras(), pose=poses(), flip=st.booleans(), world=euler, shift=shifts)
def test_astra_round_trip(camera: Camera, pose: Matrix, flip: bool, world: Vector, shift: Vector) -> None:
    moved = compose(rotation_from_angles(world), shift)
    vector = to_astra(camera, pose, astra_from_world=moved, flip_columns=flip)
    view = from_astra(vector, astra_from_world=moved)
    _assert_same(view, camera, pose)
    assert view.flip_columns == flip
    assert view.camera.sdd_mm == pytest.approx(camera.sdd_mm, abs=1e-9)


@given(camera=cameras(), pose=poses())
def test_autoscoper_round_trip(camera: Camera, pose: Matrix) -> None:
    text = format_calibration(to_autoscoper(camera, pose))
    _assert_same(from_autoscoper(parse_calibration(text)), camera, pose)


@given(camera=cameras(), pose=poses(), world=euler, shift=shifts, turned=st.booleans())
def test_deepfluoro_round_trip(camera: Camera, pose: Matrix, world: Vector, shift: Vector, turned: bool) -> None:
    extrinsic = compose(rotation_from_angles(world), shift)
    file = to_deepfluoro(camera, pose, extrinsic=extrinsic, rot_180_for_up=turned)
    _assert_same(from_deepfluoro(file), camera, pose)


@given(
    camera=cameras(),
    pose=poses(),
    orientation=st.sampled_from(["AP", "PA", None]),
    reverse=st.booleans(),
    convention=st.sampled_from(["ZXY", "XYZ"]),
)
def test_diffdrr_round_trip(camera: Camera, pose: Matrix, orientation: Any, reverse: bool, convention: Any) -> None:
    view = to_diffdrr(
        camera, pose, isocentre=ISOCENTRE, orientation=orientation, reverse_x_axis=reverse, convention=convention
    )
    assume(abs(abs(view.rotation[1]) - np.pi / 2) > 1e-3)
    _assert_same(from_diffdrr(view, isocentre=ISOCENTRE), camera, pose)


@given(camera=cameras(), pose=poses(), orientation=st.sampled_from(["AP", "PA", None]))
def test_nanodrr_round_trip(camera: Camera, pose: Matrix, orientation: Any) -> None:
    view = to_nanodrr(camera, pose, isocentre=ISOCENTRE, orientation=orientation)
    assume(abs(abs(view.rotation[1]) - 90) > 0.1)
    _assert_same(from_nanodrr(view, isocentre=ISOCENTRE), camera, pose)


@given(camera=cameras(), pose=poses(), origin=st.none() | st.tuples(lengths, lengths))
def test_rtk_round_trip(camera: Camera, pose: Matrix, origin: tuple[float, float] | None) -> None:
    fixed = iec_from_lps(ISOCENTRE)
    projection = to_rtk(camera, pose, fixed_from_world=fixed, origin_mm=origin)
    assume(abs(projection.out_of_plane_angle_deg % 180 - 90) > 0.1)
    _assert_same(from_rtk(projection, fixed_from_world=fixed), camera, pose)


@given(pose=poses())
def test_sopi_round_trip(pose: Matrix) -> None:
    parameters = to_sopi(pose, SCENE)
    assume(abs(abs(parameters[2]) - 90) > 0.1)
    _assert_same(from_sopi(parameters, SCENE), SCENE.prost.camera, pose)


@given(
    parameters=st.tuples(st.floats(10, 170), angles, angles, st.floats(300, 900), lengths, lengths),
    norm=st.floats(50, 200),
)
def test_sopi_tuples_survive_vector_and_pose(parameters: Any, norm: float) -> None:
    scene = SOPIScene(centre=ISOCENTRE, norm_mm=norm)
    back = parameters_from_rtvec(rtvec_from_parameters(parameters, norm), norm)
    assert_allclose(back, parameters, rtol=0, atol=1e-9)
    assert_allclose(to_sopi(from_sopi(parameters, scene).camera_from_world, scene), parameters, rtol=0, atol=1e-9)


@given(pose=poses(), scene=st.sampled_from([MIRRORED, STRAIGHT]))
def test_prost_round_trip(pose: Matrix, scene: ProSTScene) -> None:
    view = from_prost(to_prost(pose, scene), scene)
    _assert_same(view, scene.camera, pose)
    assert view.flip_rows == (scene is MIRRORED)


@given(primary=st.floats(-179.9, 179.9), secondary=st.floats(-89, 89), sod=st.floats(300, 900))
def test_dicom_angles_survive_the_pose(primary: float, secondary: float, sod: float) -> None:
    header = _dicom(primary, secondary, sod)
    view = from_dicom(header, isocentre=ISOCENTRE)
    back = to_dicom(view.camera, view.camera_from_world, isocentre=ISOCENTRE)
    assert back.primary_angle_deg == pytest.approx(primary, abs=1e-9)
    assert back.secondary_angle_deg == pytest.approx(secondary, abs=1e-9)
    assert back.source_to_patient_mm == pytest.approx(sod, abs=1e-9)
    assert back.imager_pixel_spacing_mm == pytest.approx((0.3, 0.2))
    assert (back.rows, back.columns) == (header.rows, header.columns)


def _dicom(primary: float, secondary: float, sod: float = 750.0) -> DicomPositioner:
    return DicomPositioner(
        primary_angle_deg=primary,
        secondary_angle_deg=secondary,
        source_to_detector_mm=1100,
        source_to_patient_mm=sod,
        imager_pixel_spacing_mm=(0.3, 0.2),
        rows=500,
        columns=401,
    )


# Worked examples: a point on the ray of a pixel, or a pixel of a point, by the tool's own document.


@given(row=st.integers(0, 127), column=st.integers(0, 127), along=st.floats(0.3, 1), turn=euler, shift=shifts)
def test_prost_projects_as_its_grid(row: int, column: int, along: float, turn: Vector, shift: Vector) -> None:
    scene = ProSTScene(volume_axes=VOLUME_AXES, centre=ISOCENTRE)
    rotation = rotation_from_angles(turn)
    rotvec = to_prost(scene.camera_from_world(rotation, np.array(shift)), scene)
    ray = np.array([2.92 * (row - 64), 2.92 * (column - 64), -1020.0])
    p_camera = np.array([0, 0, 620.0]) + along * ray
    p_volume = rotation @ p_camera + np.array(shift)
    ct_z, ct_y, ct_x = p_volume
    view = from_prost(rotvec, scene)
    assert_allclose(_stored_pixel(view, ISOCENTRE + np.array([ct_x, ct_y, ct_z])), [column, row], atol=1e-6)


@given(
    row=st.integers(0, 255),
    column=st.integers(0, 255),
    along=st.floats(0.3, 1),
    parameters=st.tuples(st.floats(70, 110), angles, angles, st.floats(600, 750), lengths, lengths),
)
def test_sopi_projects_as_its_grid(row: int, column: int, along: float, parameters: Any) -> None:
    a_x, a_y, a_z, m_x, m_y, m_z = rtvec_from_parameters(parameters, 140.0)
    rx, ry, rz, tx, ty, tz = parameters
    assert_allclose([a_x, a_y, a_z], np.radians([rx, rz, ry]))
    assert_allclose(np.array([m_x, m_y, m_z]) * 140.0, [-tz, -ty, tx], atol=1e-9)
    ray = np.array([0.79836 * (row - 128), 0.79836 * (column - 128), -5069.9 * 0.19959])
    p_camera = np.array([0, 0, 64 * 0.19959]) + along * ray
    turn = _turn("Z", np.degrees(a_z)) @ _turn("Y", np.degrees(a_y)) @ _turn("X", np.degrees(a_x))
    ct_z, ct_y, ct_x = turn @ (p_camera + 140.0 * np.array([m_x, m_y, m_z]))
    view = from_sopi(parameters, SCENE)
    assert_allclose(_stored_pixel(view, ISOCENTRE + np.array([ct_x, ct_y, ct_z])), [column, row], atol=1e-6)


def test_sopi_names_are_ours_with_signs() -> None:
    reference = (90.0, 0.0, 0.0, 700.0, 0.0, 0.0)
    at_reference = from_sopi(reference, SCENE).camera_from_world
    assert_allclose(at_reference, nominal_pose(StandardView.AP, ISOCENTRE, 700 + 64 * 0.19959), atol=1e-9)
    frame = PoseFrame(at_reference, ISOCENTRE)
    ours = {0: (1, -5), 1: (0, 5), 2: (2, 5), 3: (5, 5), 4: (3, 5), 5: (4, -5)}
    for theirs, (index, step) in ours.items():
        moved = [value + 5 * (i == theirs) for i, value in enumerate(reference)]
        expected = [step if i == index else 0.0 for i in range(6)]
        pose = from_sopi((moved[0], moved[1], moved[2], moved[3], moved[4], moved[5]), SCENE).camera_from_world
        assert_allclose(frame.parameters(pose), expected, atol=1e-9)


@given(
    row=st.integers(0, 59),
    column=st.integers(0, 80),
    along=st.floats(0.3, 1),
    turn=euler,
    move=shifts,
    orientation=st.sampled_from(["AP", "PA", None]),
    reverse=st.booleans(),
)
def test_diffdrr_projects_as_its_detector(
    row: int, column: int, along: float, turn: Vector, move: Vector, orientation: Any, reverse: bool
) -> None:
    reorient = {
        "AP": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
        "PA": np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        None: np.eye(3),
    }[orientation]
    x = (column - 40) * 2.0 * (-1 if reverse else 1) + 7.0
    y = -(row - 29.5) * 1.5 - 11.0
    rotation = _turn("Z", turn[0]) @ _turn("X", turn[1]) @ _turn("Y", turn[2])
    ras = rotation @ (reorient @ (along * np.array([x, y, 1020.0])) + np.array(move))
    view = DiffDRRView(
        rotation=np.radians(turn),
        translation=np.array(move),
        sdd=1020.0,
        height=60,
        width=81,
        delx=2.0,
        dely=1.5,
        x0=7.0,
        y0=-11.0,
        orientation=orientation,
        reverse_x_axis=reverse,
    )
    ours = from_diffdrr(view, isocentre=ISOCENTRE)
    assert_allclose(_stored_pixel(ours, ISOCENTRE + ras * [-1, -1, 1]), [column, row], atol=1e-6)


def test_diffdrr_default_pose_is_our_ap() -> None:
    still = DiffDRRView(
        rotation=np.zeros(3), translation=np.array([0, 850.0, 0]), sdd=1020, height=8, width=8, delx=2, dely=2
    )
    view = from_diffdrr(still, isocentre=ISOCENTRE)
    assert_allclose(view.camera_from_world, nominal_pose(StandardView.AP, ISOCENTRE, 850), atol=1e-9)
    assert not view.flip_columns


@given(
    point=shifts,
    turn=st.tuples(st.floats(-15, 15), st.floats(-15, 15), st.floats(-15, 15)),
    orientation=st.sampled_from(["AP", "PA"]),
)
def test_nanodrr_projects_as_its_matrices(point: Vector, turn: Vector, orientation: Any) -> None:
    depth = 1.0 if orientation == "AP" else -1.0
    reorient = np.array([[-1, 0, 0], [0, 0, -depth], [0, -1, 0]])
    rotation = _turn("Z", turn[0]) @ _turn("X", turn[1]) @ _turn("Y", turn[2])
    move = np.array([5.0, depth * 1850.0, -3.0])
    iso_ras = ISOCENTRE * [-1, -1, 1]
    p_ras = iso_ras + np.array(point)
    x, y, z = reorient.T @ rotation.T @ (p_ras - (rotation @ move + iso_ras))
    edge = np.array([1020 / 2.0 * x / z + 7.0 / 2.0 + 81 / 2, 1020 / 1.5 * y / z - 11.0 / 1.5 + 60 / 2])
    view = NanoDRRView(
        rotation=np.array(turn),
        translation=move,
        sdd=1020.0,
        delx=2.0,
        dely=1.5,
        height=60,
        width=81,
        x0=7.0,
        y0=-11.0,
        orientation=orientation,
    )
    ours = from_nanodrr(view, isocentre=ISOCENTRE)
    assert ours.flip_columns == (orientation == "PA")
    assert_allclose(_stored_pixel(ours, p_ras * [-1, -1, 1]), edge - 0.5, atol=1e-6)


@given(point=shifts, turn=euler, world=euler, turned=st.booleans())
def test_deepfluoro_projects_as_its_intrinsic(point: Vector, turn: Vector, world: Vector, turned: bool) -> None:
    intrinsic = np.array([[-5257.73, 0, 767.5], [0, -5257.73, 700.0], [0, 0, 1]])
    extrinsic = compose(rotation_from_angles(turn), [10, 20, -900])
    cam_to_vol = compose(rotation_from_angles(world), ISOCENTRE)
    p_projective = transform_points(extrinsic, point)
    column, row, scale = intrinsic @ p_projective
    stored = np.array([column, row]) / scale
    file = DeepFluoroView(
        intrinsic=intrinsic,
        extrinsic=extrinsic,
        cam_to_vol=cam_to_vol,
        num_rows=1500,
        num_cols=1536,
        pixel_col_spacing=0.194,
        rot_180_for_up=turned,
    )
    view = from_deepfluoro(file)
    assert view.camera.sdd_mm == pytest.approx(1020, abs=1e-2)
    assert_allclose(_stored_pixel(view, transform_points(cam_to_vol, point)), stored, atol=1e-6)


def test_rtk_projects_as_the_matrix_in_its_manual() -> None:
    matrix = np.array(
        [
            [-166.5093078829, 0, -1531.42837748039, -117056.503295898],
            [-1.01142410874151, -1536, 0.0326206557691505, -1011.95001602173],
            [-0.999480303105996, 0, 0.0322354417240802, -1000],
        ]
    )
    projection = RTKProjection(
        source_to_isocenter_mm=1000,
        source_to_detector_mm=1536,
        gantry_angle_deg=271.847274780273,
        projection_offset_mm=(-117.056503295898, -1.01195001602173),
        origin_mm=(-200.0, -150.0),
        spacing_mm=(0.8, 0.5),
        height=600,
        width=500,
    )
    view = from_rtk(projection, fixed_from_world=iec_from_lps(ISOCENTRE))
    for fixed in ([0.0, 0, 0], [30.0, -20, 50], [-80.0, 60, -10]):
        x, y, w = matrix @ [*fixed, 1]
        pixel = [(x / w + 200) / 0.8, (y / w + 150) / 0.5]
        left, head, front = fixed
        assert_allclose(_stored_pixel(view, ISOCENTRE + np.array([left, -front, head])), pixel, atol=1e-6)


@given(point=shifts, gantry=angles, out=st.floats(-30, 30), turn=angles, offset=st.tuples(lengths, lengths))
def test_rtk_projects_as_its_formula(
    point: Vector, gantry: float, out: float, turn: float, offset: tuple[float, float]
) -> None:
    x, y, z = _turn("Z", -turn) @ _turn("X", -out) @ _turn("Y", -gantry) @ np.array(point)
    scale = 1536 / (1000 - z)
    physical = [
        scale * (x - offset[0]) + offset[0] - 12.0,
        scale * (y - offset[1]) + offset[1] + 9.0,
    ]
    spacing = (0.8, 0.5)
    origin = centred_origin(height=600, width=500, spacing_mm=spacing)
    projection = RTKProjection(
        source_to_isocenter_mm=1000,
        source_to_detector_mm=1536,
        gantry_angle_deg=gantry,
        out_of_plane_angle_deg=out,
        in_plane_angle_deg=turn,
        source_offset_mm=offset,
        projection_offset_mm=(12.0, -9.0),
        origin_mm=origin,
        spacing_mm=spacing,
        height=600,
        width=500,
    )
    view = from_rtk(projection, fixed_from_world=np.eye(4))
    pixel = [physical[0] / 0.8 + 499 / 2, physical[1] / 0.5 + 599 / 2]
    assert_allclose(_stored_pixel(view, np.array(point)), pixel, atol=1e-6)


@given(row=st.integers(0, 59), column=st.integers(0, 80), along=st.floats(0.3, 1), turn=euler, mirror=st.booleans())
def test_astra_projects_as_its_vectors(row: int, column: int, along: float, turn: Vector, mirror: bool) -> None:
    rotation = rotation_from_angles(turn)
    source, centre = rotation @ [0, 0, -900.0], rotation @ [13.0, -5.0, 300.0]
    u, v = rotation @ [-0.5 if mirror else 0.5, 0, 0], rotation @ [0, 0.75, 0]
    pixel = centre + (column - 40) * u + (row - 29.5) * v
    point = source + along * (pixel - source)
    view = from_astra(AstraConeVec(vector=np.concatenate([source, centre, u, v]), det_row_count=60, det_col_count=81))
    assert view.flip_columns == mirror
    assert view.camera.sdd_mm == pytest.approx(1200)
    assert_allclose(_stored_pixel(view, point), [column, row], atol=1e-6)


@pytest.mark.parametrize(
    ("angles_deg", "offset", "column_mm", "row_mm"),
    [
        pytest.param((0, 0), (10, 0, 0), -10, 0, id="facing the detector: left goes to small columns"),
        pytest.param((0, 0), (0, 0, 10), 0, -10, id="head is up"),
        pytest.param((90, 0), (0, -10, 0), 10, 0, id="LAO 90, detector on the left: front goes to large columns"),
        pytest.param((-90, 0), (0, -10, 0), -10, 0, id="RAO 90, detector on the right"),
        pytest.param((0, 90), (0, -10, 0), 0, 10, id="detector at the head: front goes down"),
        pytest.param((0, -90), (0, -10, 0), 0, -10, id="detector at the feet: front goes up"),
        pytest.param((180, 0), (10, 0, 0), 10, 0, id="detector behind: our AP"),
    ],
)
def test_dicom_angles_say_where_the_detector_is(
    angles_deg: tuple[float, float], offset: Vector, column_mm: float, row_mm: float
) -> None:
    view = from_dicom(_dicom(*angles_deg), isocentre=ISOCENTRE)
    # 1100 / 750 magnifies; rows are 0.3 mm apart and columns 0.2 mm; the centre of 401 x 500 is (200, 249.5).
    expected = [200 + column_mm * 1100 / 750 / 0.2, 249.5 + row_mm * 1100 / 750 / 0.3]
    assert_allclose(_stored_pixel(view, ISOCENTRE + offset), expected, atol=1e-6)


def test_dicom_oblique_detector_direction() -> None:
    view = from_dicom(_dicom(30, 20), isocentre=ISOCENTRE)
    to_detector = view.camera_from_world[2, :3]
    longitude, latitude = np.radians([30, 20])
    left, back, head = np.sin(longitude) * np.cos(latitude), -np.cos(longitude) * np.cos(latitude), np.sin(latitude)
    assert_allclose(to_detector, [left, back, head])


def test_dicom_says_what_it_loses() -> None:
    view = from_dicom(_dicom(30, 20), isocentre=ISOCENTRE)
    moved = compose(_turn("Z", 7), [4.0, -6.0, 0]) @ view.camera_from_world
    header = to_dicom(view.camera, moved, isocentre=ISOCENTRE)
    assert header.primary_angle_deg == pytest.approx(30)
    loss = lost_by_dicom(view.camera, moved, isocentre=ISOCENTRE)
    assert loss.in_plane_deg == pytest.approx(7)
    assert loss.shift_mm == pytest.approx((4, -6))


CALIBRATION = """image size
1000,800

camera matrix
6000,0,410
0,6100,490
0,0,1

rotation
0,-1,0
1,0,0
0,0,1

translation
5
-7
900
"""


def test_autoscoper_projects_as_opencv() -> None:
    view = from_autoscoper(parse_calibration(CALIBRATION))
    assert (view.camera.height, view.camera.width, view.camera.sdd_mm) == (1000, 800, None)
    # x_cam = (-20 + 5, 10 - 7, 30 + 900)
    assert_allclose(_stored_pixel(view, np.array([10, 20, 30])), [410 - 6000 * 15 / 930, 490 + 6100 * 3 / 930])


def test_autoscoper_reads_the_real_biplane_rig(real_data: Path) -> None:
    files = sorted((real_data / "wrist-biplane" / "Calibration").glob("*.txt"))
    views = [from_autoscoper(parse_calibration(file.read_text())) for file in files]
    assert [view.camera.width for view in views] == [1760, 1760]
    rig = Rig.from_calibrations([view.camera for view in views], [view.camera_from_world for view in views])
    # Frame 2's reference position of the radius must fall on both detectors.
    pixels = rig.project(views[0].camera_from_world, [107.66532, 158.79126, 75.24899])
    assert ((pixels > 0) & (pixels < 1760)).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rotation\n", "rotations\n"),
        ("0,-1,0\n", ""),
        ("6000,0,410", "6000,0"),
        ("6000,0,410", "6000,zero,410"),
    ],
)
def test_autoscoper_refuses_a_broken_file(old: str, new: str) -> None:
    with pytest.raises(ConversionError, match="an Autoscoper calibration has"):
        parse_calibration(CALIBRATION.replace(old, new))


def test_autoscoper_refuses_a_reflection() -> None:
    with pytest.raises(NotRigidError, match="Autoscoper's rotation"):
        from_autoscoper(parse_calibration(CALIBRATION.replace("0,-1,0", "0,1,0")))


def test_flips_reorder_images_and_undo_themselves() -> None:
    image = np.arange(24).reshape(2, 3, 4)
    view = ToolView(camera=CAMERA, camera_from_world=np.eye(4), flip_rows=True, flip_columns=True)
    assert view.image(image)[1, 0, 0] == image[1, 2, 3]
    assert_allclose(view.image(view.image(image)), image)
    assert_allclose(ToolView(camera=CAMERA, camera_from_world=np.eye(4)).image(image), image)


NO_SDD = Camera(CAMERA.K, CAMERA.height, CAMERA.width, None)
POSE = nominal_pose(StandardView.AP, ISOCENTRE, 700)


@pytest.mark.parametrize(
    "convert",
    [
        lambda: to_astra(NO_SDD, POSE),
        lambda: to_deepfluoro(NO_SDD, POSE, extrinsic=np.eye(4)),
        lambda: to_diffdrr(NO_SDD, POSE, isocentre=ISOCENTRE),
        lambda: to_nanodrr(NO_SDD, POSE, isocentre=ISOCENTRE),
        lambda: to_rtk(NO_SDD, POSE, fixed_from_world=np.eye(4)),
        lambda: to_dicom(NO_SDD, POSE, isocentre=ISOCENTRE),
    ],
)
def test_tools_that_need_a_detector_in_mm_say_so(convert: Callable[[], object]) -> None:
    with pytest.raises(ConversionError, match="no sdd_mm"):
        convert()


@pytest.mark.parametrize(
    "make",
    [
        lambda: AstraConeVec(vector=np.zeros(11), det_row_count=4, det_col_count=4),
        lambda: AstraConeVec(vector=np.zeros(12), det_row_count=4, det_col_count=4),
        lambda: AstraConeVec(
            vector=np.array([0, 0, -9, 0, 0, 9, 1, 0, 0, 1, 1, 0.0]), det_row_count=4, det_col_count=4
        ),
        lambda: AstraConeVec(vector=np.array([5, 0, 9, 0, 0, 9, 1, 0, 0, 0, 1, 0.0]), det_row_count=4, det_col_count=4),
        lambda: _dicom(190, 0),
        lambda: _dicom(0, 91),
        lambda: to_dicom(CAMERA, compose(np.eye(3), [0, 0, 700]), isocentre=ISOCENTRE),
        lambda: ProSTScene(volume_axes=np.ones((3, 3)), centre=ISOCENTRE),
        lambda: DeepFluoroView(
            intrinsic=np.eye(3), extrinsic=np.eye(4), cam_to_vol=np.eye(4), num_rows=4, num_cols=4, pixel_col_spacing=1
        ),
        lambda: RTKProjection(
            source_to_isocenter_mm=1,
            source_to_detector_mm=0,
            gantry_angle_deg=0,
            origin_mm=(0, 0),
            spacing_mm=(1, 1),
            height=4,
            width=4,
        ),
    ],
)
def test_what_is_no_view_is_refused_in_one_line(make: Callable[[], object]) -> None:
    with pytest.raises(FluorobenchError) as caught:
        make()
    assert "\n" not in str(caught.value)
