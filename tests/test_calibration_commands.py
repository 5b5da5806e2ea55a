"""Calibrations on the command line and in case files: the same camera, whichever way it is stated."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from bench.cli import main as cli
from bench.drr import AttenuationMap, project
from bench.geometry.converters.detector import to_detector
from bench.geometry.converters.projection import to_projection_matrix
from bench.xray.case import read_case

from .xray_files import CAMERA, QUARTER, SDD, SIZE, bone, calibration, true_pose, write_case, xray


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_case(tmp_path, views=2)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return "\n".join(" ".join(repr(each) for each in row) for row in values.tolist())


def test_register_starts_where_projection_matrices_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, hung in enumerate((np.eye(4), QUARTER), start=1):
        (folder / f"P{number}.txt").write_text(numbers(to_projection_matrix(CAMERA, hung @ true_pose())))
    images = [word for n in (1, 2) for word in ("--xray", f"view{n}.tif", "--calibration", f"P{n}.txt")]
    words = [
        "register",
        "--volume",
        "ct.nii.gz",
        *images,
        "--flip",
        "none",
        "--method",
        "initial",
        "--no-check",
        "--out",
        "found",
    ]
    run(monkeypatch, *words, "--start", "calibration")
    found = json.loads((folder / "found" / "registration.json").read_text())
    np.testing.assert_allclose(found["rig_from_world"], true_pose(), atol=1e-7)
    assert found["calibration_fit"] == {}


def test_k_on_the_command_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    K = CAMERA.K
    intrinsics = [str(each) for each in (K[0, 0], K[1, 1], K[0, 2], K[1, 2])]
    words = [
        "register",
        "--volume",
        "ct.nii.gz",
        "--xray",
        "view1.tif",
        "--flip",
        "none",
        "--method",
        "initial",
        "--no-check",
    ]
    words += ["--start", "AP", "--depth-mm", "700", "--out", "found"]
    run(monkeypatch, *words, "--intrinsics", *intrinsics)
    found = json.loads((folder / "found" / "registration.json").read_text())
    assert "sdd" in found["dicom"]["absent"]
    run(monkeypatch, *words, "--intrinsics", *intrinsics, "--sdd-mm", str(SDD))
    assert "absent" not in json.loads((folder / "found" / "registration.json").read_text())["dicom"]
    said = refused(monkeypatch, capsys, *words, "--intrinsics", *intrinsics, "--spacing-mm", "0.5")
    assert "leave out --spacing-mm" in said
    said = refused(monkeypatch, capsys, *words, "--intrinsics", *intrinsics, "--calibration", "P.txt")
    assert "leave out --intrinsics" in said
    assert "needs a calibration that gives a pose" in refused(
        monkeypatch, capsys, *words, "--intrinsics", *intrinsics, "--start", "calibration"
    )


def test_fiducials_print_and_store_their_residuals(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = np.random.default_rng(0).uniform(-60, 60, (14, 3)) + bone().content_centre()
    pixels = CAMERA.project(points @ true_pose()[:3, :3].T + true_pose()[:3, 3])
    pixels[4] += (20, 20)
    (folder / "beads.csv").write_text("x,y,z,column,row\n" + numbers(np.column_stack([points, pixels])))
    (folder / "cam.toml").write_text('[calibration]\nkind = "fiducials"\nfile = "beads.csv"\n')
    words = ["--volume", "ct.nii.gz", "--xray", "view1.tif", "--flip", "none", "--calibration", "cam.toml"]
    run(
        monkeypatch, "register", *words, "--method", "initial", "--no-check", "--start", "calibration", "--out", "found"
    )
    assert "13 of 14 fiducials fit with 0.000 px rms" in capsys.readouterr().err
    found = json.loads((folder / "found" / "registration.json").read_text())
    np.testing.assert_allclose(found["rig_from_world"], true_pose(), atol=1e-5)
    assert found["calibration_fit"]["1"]["fiducials"]["outliers"] == [5]


def test_render_takes_a_calibration_and_its_pose(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corners = to_detector(CAMERA, true_pose())
    text = (
        f"[calibration]\nkind = 'detector'\nsource = {corners.source.tolist()}\ncorners = {corners.corners.tolist()}\n"
    )
    (folder / "cam.toml").write_text(text)
    words = ["render", "--volume", "ct.nii.gz", "--calibration", "cam.toml", "--size", str(SIZE)]
    run(monkeypatch, *words, "--pose", "calibration", "--out", "drr.tif")
    expected = project(AttenuationMap.from_volume(bone()), true_pose()[None], CAMERA)[0, 0].numpy()
    np.testing.assert_allclose(tifffile.imread(folder / "drr.tif"), expected, atol=2e-3)
    assert "leave out --intrinsics" in refused(monkeypatch, capsys, *words, "--intrinsics", "1", "1", "1", "1")
    said = refused(monkeypatch, capsys, "render", "--volume", "ct.nii.gz", "--pose", "calibration", "--out", "x.tif")
    assert "needs --calibration" in said


def test_a_case_undistorts_its_image(folder: Path) -> None:
    """A stored image shifted by half a pixel and stretched by 4 % becomes the X-ray again; its border is not valid."""
    case = folder / "knee.toml"
    centre, stretch = (SIZE - 1) / 2, 1.04
    columns, rows = np.meshgrid(np.arange(-8, SIZE + 8, 10), np.arange(-8, SIZE + 8, 10))
    true = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    stored = centre + stretch * (true - centre) + (0.5, -0.25)
    grid = numbers(np.column_stack([stored, true]).astype(np.float64))
    (folder / "grid.csv").write_text("column,row,true_column,true_row\n" + grid)
    where = (np.indices((SIZE, SIZE)) - centre - np.array([-0.25, 0.5])[:, None, None]) / stretch + centre
    picture = xray(np.eye(4)).astype(np.float64)
    distorted = ndimage.map_coordinates(picture, where, order=3, mode="nearest")
    tifffile.imwrite(folder / "view1.tif", np.rint(distorted).astype(np.uint16), photometric="minisblack")
    plain = read_case(write_case_beside(folder)).views()[0]
    case.write_text(
        case.read_text().replace("calibration =", 'distortion = {kind = "grid", file = "grid.csv"}\ncalibration =', 1)
    )
    view = read_case(case).views()[0]
    assert view.valid is not None
    assert view.image is not None
    assert plain.image is not None
    assert 0.8 < view.valid.mean() < 1
    assert np.abs(view.image - plain.image)[view.valid].mean() < 0.004
    assert calibration() in case.read_text()


def write_case_beside(folder: Path) -> Path:
    beside = folder / "plain"
    beside.mkdir()
    return write_case(beside)
