"""Converters: every view of ours survives each tool, and what is no view is refused in one line."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose
from bench.geometry.converters import ConversionError, ToolView
from bench.geometry.converters.astra import AstraConeVec, from_astra, to_astra
from bench.geometry.converters.autoscoper import (
    format_calibration,
    from_autoscoper,
    parse_calibration,
    to_autoscoper,
)
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro, to_deepfluoro
from bench.geometry.converters.dicom import DicomPositioner, from_dicom, to_dicom
from bench.geometry.converters.diffdrr import from_diffdrr, to_diffdrr
from bench.geometry.converters.nanodrr import from_nanodrr, to_nanodrr
from bench.geometry.converters.prost import ProSTScene, from_prost, to_prost
from bench.geometry.converters.rtk import RTKProjection, from_rtk, iec_from_lps, to_rtk
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
