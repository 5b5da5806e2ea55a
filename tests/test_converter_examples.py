"""Converters: each tool's documented projection of a point, worked out here, against ours.

The projections are written from the tools' documents, in their frames and array orders, and share nothing with the
converters.
"""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bench.geometry import Matrix, PoseFrame, Rig, StandardView, compose, nominal_pose, transform_points
from bench.geometry.converters import ToolView
from bench.geometry.converters.astra import AstraConeVec, from_astra
from bench.geometry.converters.autoscoper import (
    from_autoscoper,
    parse_calibration,
)
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro
from bench.geometry.converters.dicom import DicomPositioner, from_dicom, lost_by_dicom, to_dicom
from bench.geometry.converters.diffdrr import DiffDRRView, from_diffdrr
from bench.geometry.converters.nanodrr import NanoDRRView, from_nanodrr
from bench.geometry.converters.prost import ProSTScene, from_prost, to_prost
from bench.geometry.converters.rtk import RTKProjection, centred_origin, from_rtk, iec_from_lps
from bench.geometry.converters.sopi import (
    VOLUME_AXES,
    SOPIScene,
    from_sopi,
    rtvec_from_parameters,
)
from bench.geometry.rigid import rotation_from_angles

Vector: TypeAlias = tuple[float, float, float]

ISOCENTRE = np.array([11.0, -163.5, 840.25])
SCENE = SOPIScene(centre=ISOCENTRE, norm_mm=140.0)

angles = st.floats(-80, 80)
lengths = st.floats(-200, 200)
euler = st.tuples(angles, angles, angles)
shifts = st.tuples(lengths, lengths, lengths)


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
