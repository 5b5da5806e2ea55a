"""Autoscoper's folders: one written here, of the same structure, and the real wrist."""

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bench import registry
from bench.cli.main import main
from bench.contract import Patient, Split
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, compose, invert

miniature: Any = import_module("bench.datasets.autoscoper.miniature")
SPACING: tuple[float, float, float] = miniature.SPACING_MM
WRIST_SPACING = (0.39625, 0.39625, 0.625)
SIZE: int = miniature.SIZE
HALF_TURN: Matrix = miniature.HALF_TURN
_cameras: Callable[[], list[tuple[Camera, Matrix]]] = miniature.cameras
_bone: Callable[[], NDArray[np.uint16]] = miniature.bone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root: Path = miniature.write_folder(tmp_path / "knee")
    return root


def _load(folder: Path, **settings: object) -> Patient:
    chosen = {"folder": str(folder), "voxel_spacing_mm": SPACING, "binning": 1, **settings}
    dataset = registry.build("datasets", "autoscoper", chosen)
    patient: Patient = dataset.patient(dataset.patient_ids(Split.TEST)[0])
    return patient


def test_reads_volume_views_and_reference(folder: Path) -> None:
    patient = _load(folder)
    assert patient.id == "knee"
    assert patient.volume.shape == (30, 24, 20)
    np.testing.assert_allclose(patient.volume.content_centre(), -0.5 * np.array(SPACING))
    np.testing.assert_allclose(patient.volume.mu().T, _bone() * 0.0206 / 1000, atol=1e-7)
    (frame,) = patient.acquisitions
    assert (frame.id, frame.reference_uncertainty_mm) == ("0007", 1.5)
    np.testing.assert_array_equal(frame.views[0].camera_from_rig, np.eye(4))
    (_, first), (_, second) = _cameras()
    np.testing.assert_allclose(frame.views[1].camera_from_rig, second @ invert(first), atol=1e-9)


def test_projection_at_the_reference_is_the_xray(folder: Path) -> None:
    patient = _load(folder)
    (frame,) = patient.acquisitions
    assert frame.reference is not None
    for view in frame.views:
        drr = project(
            AttenuationMap.from_volume(patient.volume), (view.camera_from_rig @ frame.reference)[None], view.camera
        )
        assert view.image is not None
        np.testing.assert_allclose(view.image, drr[0, 0].numpy(), atol=2e-4)
        assert drr.max() > 0.3


def test_binning_changes_camera_and_image_alike(folder: Path) -> None:
    (frame,) = _load(folder, binning=4).acquisitions
    for view in frame.views:
        assert view.image is not None
        assert view.image.shape == (view.camera.height, view.camera.width) == (24, 24)


def _no_calibration(folder: Path) -> None:
    shutil.rmtree(folder / "Calibration")


def _broken_calibration(folder: Path) -> None:
    (folder / "Calibration" / "cam02.txt").write_text("image size\n96,96\n\ncamera matrix\n1,0\n")


def _other_size(folder: Path) -> None:
    path = folder / "Calibration" / "cam02.txt"
    path.write_text(path.read_text().replace("96,96", "128,128"))


def _missing_camera(folder: Path) -> None:
    shutil.rmtree(folder / "XMA_UND" / "cam02")


def _no_common_frame(folder: Path) -> None:
    (folder / "XMA_UND" / "cam02" / "und.0007.tif").rename(folder / "XMA_UND" / "cam02" / "und.0008.tif")


def _two_models(folder: Path) -> None:
    shutil.copy(folder / "Models" / "bone.tif", folder / "Models" / "other.tif")


def _cut_model(folder: Path) -> None:
    path = folder / "Models" / "bone.tif"
    path.write_bytes(path.read_bytes()[:9000])


def _bad_reference(folder: Path) -> None:
    (folder / "reference.json").write_text('{"frames": {"0007": {"R": [[1]]}}}')


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_calibration, "no calibration text in"),
        (_broken_calibration, "cam02.txt: an Autoscoper calibration has"),
        (_other_size, "calibration is for 128 x 128 pixels .* has 96 x 96"),
        (_missing_camera, "one folder of X-rays for each of 2 calibrations; got 1"),
        (_no_common_frame, "no frame number that every camera has"),
        (_two_models, "choose model=NAME; it holds bone.tif, other.tif"),
        (_cut_model, "bone.tif"),
        (_bad_reference, "reference.json: expected"),
    ],
)
def test_spoilt_folders_give_one_line(folder: Path, spoil: object, words: str) -> None:
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(FluorobenchError, match=words) as caught:
        _load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"voxel_spacing_mm": (0.5, 0, 0.5)}, {"binning": 0}])
def test_impossible_settings_are_refused(folder: Path, settings: dict[str, object]) -> None:
    with pytest.raises(FluorobenchError, match=next(iter(settings))):
        _load(folder, **settings)


def test_another_patient_is_refused(folder: Path) -> None:
    dataset = registry.build("datasets", "autoscoper", {"folder": str(folder), "voxel_spacing_mm": SPACING})
    with pytest.raises(FluorobenchError, match="no patient 'hip' in autoscoper; its one patient is 'knee'"):
        dataset.patient("hip")


def _gradient_likeness(image: np.ndarray, drr: np.ndarray) -> float:
    """Correlation of gradients over the bone's neighbourhood."""
    near = ndimage.binary_dilation(drr > 0, iterations=6)
    smooth = [np.asarray(ndimage.gaussian_filter(picture, 1.0), dtype=np.float64) for picture in (image, drr)]
    first, second = (np.concatenate([np.gradient(picture, axis=axis)[near] for axis in (0, 1)]) for picture in smooth)
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("frame", [0, 1])
@pytest.mark.parametrize("camera", [0, 1])
def test_real_wrist_fits_best_at_its_reference(real_data: Path, frame: int, camera: int) -> None:
    """Gradients of the rendered radius and of the X-ray agree, and less so 3 mm beside the reference."""
    patient = _load(real_data / "wrist-biplane", voxel_spacing_mm=WRIST_SPACING, binning=4)
    acquisition = patient.acquisitions[frame]
    assert acquisition.reference is not None
    assert (acquisition.id, acquisition.reference_uncertainty_mm) == (("0002", "0099")[frame], 2.0)
    view = acquisition.views[camera]
    pose = view.camera_from_rig @ acquisition.reference
    shifts = [(0.0, 0.0, 0.0), (3.0, 0, 0), (-3.0, 0, 0), (0, 3.0, 0), (0, -3.0, 0)]
    poses = np.stack([compose(np.eye(3), shift) @ pose for shift in shifts])
    drrs = project(AttenuationMap.from_volume(patient.volume), poses, view.camera)[:, 0].numpy()
    assert view.image is not None
    likeness = [_gradient_likeness(view.image, drr) for drr in drrs]
    assert likeness[0] > 0.2
    assert likeness[0] > max(likeness[1:])


def test_a_second_reference_is_given_by_frame(folder: Path) -> None:
    other = compose(HALF_TURN, (0.0, 0, 400))
    (taken,) = _load(folder, other_references={"0007": other.tolist()}).acquisitions
    assert taken.other_reference is not None
    np.testing.assert_array_equal(taken.other_reference, other)
    with pytest.raises(FluorobenchError, match="unknown frames: 0042"):
        _load(folder, other_references={"0042": other.tolist()})


def test_a_run_says_which_frames_it_leaves_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for camera in (folder / "XMA_UND").iterdir():
        shutil.copy(camera / "und.0007.tif", camera / "und.0011.tif")
    settings = f'folder = "{folder}"\nvoxel_spacing_mm = {list(SPACING)}\nbinning = 4'
    data = tmp_path / "data.toml"
    data.write_text(f"[data.settings]\n{settings}\n[start]\nper_patient = 1\n")
    # The protocol's references of frames are of another wrist, and stay behind.
    words = ["run", "wrist", "--data", str(data), "--only", "Initial", "--out", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    main()
    assert "knee: 1 acquisition(s) left out, which have no reference pose: 0011" in capsys.readouterr().err
    table = tmp_path / "runs" / "latest" / "tables" / "agreement.md"
    assert "1 acquisition(s) without one left out: 0011" in table.read_text()
