"""Files of kinds that users report trouble with: read right, or refused in one line that names the remedy."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.geometry import transform_points
from bench.geometry.converters.autoscoper import parse_calibration
from bench.text import read_text
from bench.volume.hounsfield import HounsfieldWarning
from bench.volume.labels import present, scheme
from bench.volume.level_order import numbering_doubt
from bench.volume.read import read_volume
from bench.volume.schemes import LUMBAR
from bench.xray.calibration import camera_of
from bench.xray.read import read_xray


@pytest.fixture
def files() -> Path:
    folder = os.environ.get("FLUOROBENCH_DATA")
    if folder is None:
        pytest.skip("FLUOROBENCH_DATA is not set: no awkward files here")
    return Path(folder) / "awkward-files"


def refusal(call: Any, *arguments: Any, **said: Any) -> str:
    with pytest.raises(FluorobenchError) as caught:
        call(*arguments, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def block(path: Path, **said: Any) -> list[float]:
    volume = read_volume(path, **said)
    middle: list[float] = transform_points(volume.affine, np.argwhere(volume.hu > 1000)).mean(axis=0).round(3).tolist()
    return middle


def intensities(path: Path, **said: Any) -> list[float]:
    seen = read_xray(path, **said).intensities
    return [float(seen[20, 20]), float(seen[8, 15]), float(seen[32, 52])]


def test_stored_numbers(files: Path) -> None:
    plain = [900.0, 200.0, 500.0]
    assert intensities(files / "monochrome1/plain.dcm") == plain
    assert intensities(files / "monochrome1/mono1_sign+1.dcm") == plain
    assert intensities(files / "monochrome1/mono1_sign-1.dcm") == [3195.0, 3895.0, 3595.0]
    rescaled = files / "xray_rescale"
    assert intensities(rescaled / "slope_neg.dcm") == plain
    assert intensities(rescaled / "intercept-1024.dcm") == plain
    assert "--zero" in refusal(read_xray, rescaled / "signed.dcm")
    assert intensities(rescaled / "signed.dcm", zero=-1000) == plain
    agfa = rescaled / "agfa_8bit_slope-10.dcm"
    assert "give bright" in refusal(read_xray, agfa)
    assert read_xray(agfa, bright="air").full_scale == 255
    assert intensities(agfa, bright="air") == [225.0, 50.0, 125.0]
    assert intensities(agfa, bright="bone") == [30.0, 205.0, 130.0]


@pytest.mark.parametrize("name", ["rot_offsets.dcm", "rot_absolute.dcm"])
def test_frames_of_a_rotational_run(files: Path, name: str) -> None:
    angles = [read_xray(files / "rotational_run" / name, frame=frame).angles_deg for frame in range(5)]
    assert angles == [(-90, 0), (-50, 0), (-10, 0), (30, 0), (70, 0)]


@pytest.mark.parametrize("name", ["s2_q1_flip", "conflict_flip", "conflict_shift"])
def test_headers_that_contradict_themselves(files: Path, name: str) -> None:
    assert "contradicts itself" in refusal(read_volume, files / f"nifti_sform_qform/{name}.nii.gz")


def test_grids_that_are_not_orthonormal(files: Path) -> None:
    assert block(files / "nonorthonormal_nifti/nonortho_tiny.nii.gz") == [16.0, 27.987, 133.0]
    assert block(files / "nonorthonormal_nifti/shear.nrrd") == [16.0, 36.8, 133.0]


def test_one_file_of_many_frames(files: Path) -> None:
    assert block(files / "multiframe_ct/enh_shuffled.dcm") == [24.0, 32.0, 133.0]
    for name in ("ct_multiframe_plain", "sc_multiframe"):
        assert "--voxel-spacing-mm" in refusal(read_volume, files / f"multiframe_ct/{name}.dcm")


def test_spacing_of_a_series(files: Path, tmp_path: Path) -> None:
    for name in ("xa3d_series", "no_pixelspacing"):
        with zipfile.ZipFile(files / f"dicom_spacing_default/{name}.zip") as archive:
            archive.extractall(tmp_path)
    assert block(tmp_path / "xa3d_series") == [24.0, 32.0, 133.0]
    assert "PixelSpacing" in refusal(read_volume, tmp_path / "no_pixelspacing")


@pytest.mark.parametrize("name", ["nothing.nrrd", "nospace_spacings.nrrd", "nogeom.mha", "legacy.vtk"])
def test_no_orientation(files: Path, name: str) -> None:
    path = files / "no_orientation" / name
    assert "states no orientation" in refusal(read_volume, path)
    assert read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).hu.max() == 1200


@pytest.mark.parametrize("name", ["u16_plus1024", "norm01"])
def test_other_units(files: Path, name: str) -> None:
    with pytest.warns(HounsfieldWarning, match="expected Hounsfield units"):
        read_volume(files / f"not_hounsfield/{name}.nii.gz")


def test_totalsegmentators_version_1(files: Path) -> None:
    ct, labels = files.parent / "lumbar-3mm/ct.nii.gz", files / "totalsegmentator_v1/ts_v1.nii.gz"
    said: dict[str, Any] = {"labels": labels, "label_scheme": "totalsegmentator_v1"}
    volume = read_volume(ct, **said)
    assert set(LUMBAR) < set(present(volume))
    inside = np.argwhere(np.asarray(volume.labels) == 20)
    assert transform_points(volume.affine, inside).mean(axis=0)[2] == pytest.approx(314.6, abs=0.05)
    wrong = read_volume(ct, labels=labels, label_scheme="totalsegmentator")
    assert numbering_doubt(wrong, LUMBAR).endswith("'totalsegmentator_v1' would fit")
    message = refusal(read_volume, ct, labels=labels, label_scheme="verse")
    assert "cranio-caudal order; 'totalsegmentator_v1' would fit" in message


def test_a_tiff_stack_as_a_volume(files: Path) -> None:
    path = files / "tiff_volume/pilstack.tif"
    assert "--voxel-spacing-mm" in refusal(read_volume, path)
    assert read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).hu.max() == 1200


def test_a_corner_of_a_detector(files: Path) -> None:
    camera = camera_of(read_xray(files / "fov_origin/fov_origin.dcm"))
    np.testing.assert_allclose(camera.K[:2, 2], (666.2, 399.5), atol=0.05)


def test_text_with_a_byte_order_mark(files: Path) -> None:
    calibration = parse_calibration(read_text(files / "windows_text/cam_bom.txt"))
    assert calibration.image_size == (1760, 1760)
    assert calibration.camera_matrix[0, 0] == 6500.1
    assert scheme(str(files / "windows_text/scheme_bom.toml")) == {"L3": 22}
