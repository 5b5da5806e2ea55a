"""Projection matrices, measured detectors and fiducials: against known cameras, round trips, and bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, transform_points
from bench.geometry.converters.detector import MeasuredDetector, from_detector, to_detector
from bench.geometry.converters.projection import from_projection_matrix, to_projection_matrix
from bench.geometry.converters.view import ConversionError
from bench.geometry.resection import Fiducials, resect
from bench.geometry.rigid import compose, rotation_from_angles
from bench.xray.calibrated import calibrated, describe_fit
from bench.xray.calibration_tables import CameraFile, WithPose
from bench.xray.camera_files import camera_tables, intrinsics_table
from bench.xray.case_tables import validated

HEIGHT, WIDTH = 512, 600
K = np.array([[1900.0, 0, 310.0], [0, 1850.0, 240.0], [0, 0, 1]])
CAMERA = Camera(K, HEIGHT, WIDTH, 1000.0)
POSE = compose(rotation_from_angles([20, 130, -50]), [20, -30, 700])
POINTS = np.random.default_rng(3).uniform(-90, 90, (24, 3))
PIXELS = CAMERA.project(transform_points(POSE, POINTS))
MIRROR = np.array([[-1.0, 0, WIDTH - 1], [0, 1, 0], [0, 0, 1]])


def fiducials(points: Matrix = POINTS, pixels: Matrix = PIXELS, known: bool = False) -> Fiducials:
    return Fiducials(points=points, pixels=pixels, height=HEIGHT, width=WIDTH, K=K if known else None)


def table(**keys: Any) -> WithPose:
    found = validated(CameraFile, {"calibration": keys}, "test").calibration
    assert isinstance(found, WithPose)
    return found


@given(
    angles=st.tuples(*[st.floats(-179, 179)] * 3),
    shift=st.tuples(st.floats(-200, 200), st.floats(-200, 200), st.floats(100, 1500)),
    scale=st.sampled_from([1.0, -1.0, 1e-5, -3e4]),
)
def test_projection_matrix_of_any_scale_and_sign(angles: Any, shift: Any, scale: float) -> None:
    pose = compose(rotation_from_angles(angles), shift)
    view = from_projection_matrix(scale * to_projection_matrix(CAMERA, pose), height=HEIGHT, width=WIDTH, sdd_mm=1000.0)
    np.testing.assert_allclose(view.camera.K, K, atol=1e-8)
    np.testing.assert_allclose(view.camera_from_world, pose, atol=1e-8)
    assert view.camera.sdd_mm == 1000.0


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (K @ np.array([[1, 2e-3, 0], [0, 1, 0], [0, 0, 1]]) @ POSE[:3], r"skew of 3\.8 pixels"),
        (MIRROR @ K @ POSE[:3], "behind the source"),
        (np.vstack([POSE[:2], [0, 0, 0, 1.0]]), "parallel beam"),
        (np.full((3, 4), np.nan), "12|finite"),
        (np.zeros((3, 4)), "invertible"),
        (np.eye(3), "3 rows of 4"),
    ],
)
def test_projection_matrices_that_are_none(matrix: Matrix, words: str) -> None:
    with pytest.raises(ConversionError, match=words) as caught:
        from_projection_matrix(matrix, height=HEIGHT, width=WIDTH)
    assert "\n" not in str(caught.value)


def test_a_rounded_projection_matrix_is_taken() -> None:
    rounded = np.array([[float(f"{each:.8g}") for each in row] for row in to_projection_matrix(CAMERA, POSE)])
    view = from_projection_matrix(rounded, height=HEIGHT, width=WIDTH)
    seen = view.camera.project(transform_points(view.camera_from_world, POINTS))
    assert np.abs(seen - PIXELS).max() < 1e-3


@pytest.mark.parametrize("corners_at", ["edges", "centres"])
@pytest.mark.parametrize("count", [3, 4])
def test_measured_corners_give_the_camera_back(corners_at: str, count: int) -> None:
    measured = to_detector(CAMERA, POSE, corners_at=corners_at)
    view = from_detector(
        MeasuredDetector(
            source=measured.source,
            corners=measured.corners[:count],
            rows=HEIGHT,
            columns=WIDTH,
            corners_at=corners_at,
        )
    )
    np.testing.assert_allclose(view.camera.K, K, atol=1e-8)
    np.testing.assert_allclose(view.camera_from_world, POSE, atol=1e-9)
    assert view.camera.sdd_mm == pytest.approx(1000.0, abs=1e-9)


def test_corners_a_little_off_perpendicular_move_pixels_little() -> None:
    measured = to_detector(CAMERA, POSE)
    corners = measured.corners + np.random.default_rng(0).normal(scale=0.005, size=(4, 3))
    view = from_detector(MeasuredDetector(source=measured.source, corners=corners, rows=HEIGHT, columns=WIDTH))
    seen = view.camera.project(transform_points(view.camera_from_world, POINTS))
    assert 0 < np.abs(seen - PIXELS).max() < 0.05


def _corners(change: Matrix, order: list[int] | None = None, source: Matrix | None = None) -> MeasuredDetector:
    measured = to_detector(CAMERA, POSE)
    return MeasuredDetector(
        source=measured.source if source is None else source,
        corners=(measured.corners + change)[order or [0, 1, 2, 3]],
        rows=HEIGHT,
        columns=WIDTH,
    )


def test_corners_that_are_no_detector() -> None:
    corners = to_detector(CAMERA, POSE).corners
    along = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    with pytest.raises(ConversionError, match="off perpendicular"):
        from_detector(_corners(np.array([[0.0], [0], [1], [1]]) * along))
    with pytest.raises(ConversionError, match=r"fourth corner is .* mm off"):
        from_detector(_corners(np.array([[0.0], [0], [0], [1]]) * along))
    with pytest.raises(ConversionError, match="fourth corner"):
        from_detector(_corners(np.zeros((4, 3)), [0, 1, 3, 2]))
    with pytest.raises(ConversionError, match="from behind"):
        from_detector(_corners(np.zeros((4, 3)), [1, 0, 3, 2]))
    with pytest.raises(ConversionError, match="coincide"):
        from_detector(_corners(np.zeros((4, 3)), [0, 0, 2]))
    with pytest.raises(ConversionError, match="on one line"):
        from_detector(
            MeasuredDetector(
                source=np.zeros(3), corners=np.array([[0.0, 0, 1], [1, 0, 1], [2, 0, 1]]), rows=4, columns=4
            )
        )
    with pytest.raises(ConversionError, match="plane of the detector"):
        from_detector(_corners(np.zeros((4, 3)), source=corners.mean(axis=0)))


@pytest.mark.parametrize("known", [False, True])
def test_exact_fiducials_give_the_camera_back(known: bool) -> None:
    found = resect(fiducials(known=known))
    np.testing.assert_allclose(found.camera.K, K, rtol=1e-8)
    np.testing.assert_allclose(found.camera_from_world, POSE, atol=1e-7)
    assert found.rms_px < 1e-8
    assert found.inliers.all()


@pytest.mark.parametrize("known", [False, True])
def test_wrong_fiducials_are_left_out(known: bool) -> None:
    pixels = PIXELS + np.random.default_rng(1).normal(scale=0.2, size=PIXELS.shape)
    pixels[[2, 9, 17]] += ((40, -25), (-60, 10), (15, 70))
    found = resect(fiducials(pixels=pixels, known=known))
    assert np.flatnonzero(~found.inliers).tolist() == [2, 9, 17]
    assert found.rms_px < 0.4
    seen = found.camera.project(transform_points(found.camera_from_world, POINTS))
    assert np.linalg.norm(seen - PIXELS, axis=1).max() < 1.0
    assert (found.focal_sd == 0) == known


def test_fiducials_in_a_plane_serve_a_known_camera() -> None:
    flat = POINTS * (1, 1, 0)
    pixels = CAMERA.project(transform_points(POSE, flat))
    found = resect(fiducials(flat, pixels, known=True))
    np.testing.assert_allclose(found.camera_from_world, POSE, atol=1e-6)


@pytest.mark.parametrize(
    ("points", "pixels", "known", "words"),
    [
        (POINTS[:5], PIXELS[:5], False, "at least 6 fiducials; got 5"),
        (POINTS[:3], PIXELS[:3], True, "at least 4 fiducials; got 3"),
        (POINTS * (1, 0, 0), PIXELS, False, "on one line"),
        (POINTS * (1, 0, 0), PIXELS, True, "on one line"),
        (POINTS * (1, 1, 0), PIXELS, False, "in one plane"),
        (POINTS, PIXELS * (-1, 1) + (WIDTH - 1, 0), False, "mirrored"),
        (POINTS, PIXELS * (-1, 1) + (WIDTH - 1, 0), True, "mirrored"),
        (POINTS, PIXELS[::-1], False, "of 24 fiducials agree"),
        (POINTS, PIXELS[:-1], False, "every fiducial needs"),
        (POINTS, PIXELS * np.nan, False, "finite"),
    ],
)
def test_fiducials_that_determine_nothing(points: Matrix, pixels: Matrix, known: bool, words: str) -> None:
    with pytest.raises(ConversionError, match=words) as caught:
        resect(fiducials(points, pixels, known))
    assert "\n" not in str(caught.value)


def test_kinds_agree_on_one_camera(tmp_path: Path) -> None:
    rows = np.column_stack([POINTS, PIXELS])
    np.savetxt(tmp_path / "beads.csv", rows, delimiter=",", header="x,y,z,column,row", comments="", fmt="%.12g")
    np.savetxt(tmp_path / "P.txt", to_projection_matrix(CAMERA, POSE))
    corners = to_detector(CAMERA, POSE)
    tables = [
        table(kind="projection", file="P.txt"),
        table(kind="projection", matrix=to_projection_matrix(CAMERA, POSE).tolist()),
        table(kind="detector", source=corners.source.tolist(), corners=corners.corners.tolist()),
        table(kind="fiducials", file="beads.csv"),
        table(kind="fiducials", points=rows.tolist(), K=K.tolist()),
    ]
    fits = list[dict[str, Any] | None]()
    for each in tables:
        found = calibrated(each, size=(HEIGHT, WIDTH), flip=None, path=lambda name: tmp_path / name)
        np.testing.assert_allclose(found.camera.K, K, rtol=1e-7)
        np.testing.assert_allclose(found.camera_from_world, POSE, atol=1e-5)
        fits.append(found.fit)
    assert fits[:3] == [None] * 3
    for fit in fits[3:]:
        assert fit is not None
        assert "24 of 24 fiducials fit with 0.000 px rms" in describe_fit(fit)


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical", "both"])
def test_what_was_measured_in_the_stored_image_is_turned(flip: str) -> None:
    turn = np.eye(3)
    if flip in ("horizontal", "both"):
        turn[0] = (-1, 0, WIDTH - 1)
    if flip in ("vertical", "both"):
        turn[1] = (0, -1, HEIGHT - 1)
    stored = PIXELS * np.diag(turn)[:2] + turn[:2, 2]
    corners = to_detector(CAMERA, POSE)
    order = {"none": [0, 1, 2, 3], "horizontal": [1, 0, 3, 2], "vertical": [2, 3, 0, 1], "both": [3, 2, 1, 0]}[flip]
    tables = [
        table(kind="projection", matrix=(turn @ to_projection_matrix(CAMERA, POSE)).tolist(), image="stored"),
        table(kind="fiducials", points=np.column_stack([POINTS, stored]).tolist(), image="stored"),
        table(
            kind="detector",
            source=corners.source.tolist(),
            corners=corners.corners[order][:3].tolist(),
            image="stored",
        ),
    ]
    for each in tables:
        found = calibrated(each, size=(HEIGHT, WIDTH), flip=flip, path=Path)
        np.testing.assert_allclose(found.camera.K, K, rtol=1e-7)
        np.testing.assert_allclose(found.camera_from_world, POSE, atol=1e-5)
        with pytest.raises(FluorobenchError, match="needs the flip"):
            calibrated(each, size=(HEIGHT, WIDTH), flip=None, path=Path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3", "12 numbers of a 3x4 projection matrix; got 3 numbers"),
        ("camera matrix", "got other text"),
    ],
)
def test_a_projection_file_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "P.txt").write_text(text)
    with pytest.raises(FluorobenchError, match=words):
        calibrated(table(kind="projection", file="P.txt"), size=(8, 8), flip=None, path=lambda name: tmp_path / name)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "projction"}, 'kind must be "header", .*"fiducials"; got'),
        ({"kind": "projection", "matrx": []}, "did you mean 'matrix'"),
        ({"kind": "detector", "source": [0, 0, 0]}, "corners is missing"),
        ({"kind": "fiducials", "points": [[1, 2, 3]]}, r"fiducials\.points"),
        ({"kind": "projection", "matrix": [[1, 2, 3, float("nan")]] * 3}, "finite"),
    ],
)
def test_tables_that_are_none_are_one_line(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(FluorobenchError, match=words) as caught:
        table(**keys)
    assert "\n" not in str(caught.value)


def test_a_calibration_file_shows_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "P.txt").write_text("# from the vendor\n" + "\n".join("1,0,0,4" for _ in range(3)))
    (tmp_path / "K.txt").write_text("[1900 0 310; 0 1850 240; 0 0 1]".replace(";", "\n"))
    (tmp_path / "cam.txt").write_text("image size\n10,10\n")
    (tmp_path / "cam.toml").write_text('[calibration]\nkind = "fiducials"\nfile = "beads.csv"\n')
    (tmp_path / "five.txt").write_text("1 2 3 4 5")
    assert camera_tables(tmp_path / "P.txt")["calibration"]["kind"] == "projection"
    assert camera_tables(tmp_path / "K.txt")["calibration"]["K"] == K.tolist()
    assert camera_tables(tmp_path / "cam.txt")["calibration"]["kind"] == "autoscoper"
    assert camera_tables(tmp_path / "cam.toml")["calibration"]["file"] == str((tmp_path / "beads.csv").resolve())
    with pytest.raises(FluorobenchError, match="got 5 numbers"):
        camera_tables(tmp_path / "five.txt")
    assert intrinsics_table((1900, 1850, 310, 240))["K"] == K.tolist()
