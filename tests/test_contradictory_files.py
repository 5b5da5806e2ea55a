"""Files that contradict themselves, or state another quantity: refused in one line, never read as something else."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import pytest
import SimpleITK
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.volume.read import read_volume
from bench.xray.read import read_xray

from .dicom_files import write_dicom, write_series

_nib: Any = nibabel
_sitk: Any = SimpleITK

AXES = np.diag([-2.0, -2.0, 3.0, 1.0])
RAW = "ObjectType = Image\nNDims = 3\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"


def hounsfield() -> NDArray[np.int16]:
    numbers = np.full((8, 6, 5), -1000, np.int16)
    numbers[2:6, 1:5, 1:4] = 40
    numbers[3, 2, 2] = 1200
    return numbers


def refusal(call: Callable[..., object], *arguments: Any, **said: Any) -> str:
    with pytest.raises(FluorobenchError) as caught:
        call(*arguments, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scale", [0.001, 1000.0])
def test_lengths_in_another_unit_than_stated(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "ct.nii"
    affine = np.diag([scale, scale, scale, 1]) @ AXES
    _nib.save(_nib.Nifti1Image(hounsfield(), affine), path)
    assert "another unit" in refusal(read_volume, path)
    series = write_series(
        tmp_path / "slices", hounsfield(), [(0, 0, 3 * scale * k) for k in range(5)],
        {"PixelSpacing": [2 * scale, 2 * scale]},
    )  # fmt: skip
    assert "another unit" in refusal(read_volume, series)


def test_a_compression_that_the_ending_does_not_state(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    for path in (plain, zipped):
        _nib.save(_nib.Nifti1Image(hounsfield(), AXES), path)
    wrong = zipped.rename(tmp_path / "c.nii"), plain.rename(tmp_path / "d.nii.gz")
    assert refusal(read_volume, wrong[0]).endswith("rename it to c.nii.gz")
    assert refusal(read_volume, wrong[1]).endswith("rename it to d.nii")


def metaimage(path: Path, lines: str, before: bytes = b"") -> Path:
    numbers = np.transpose(hounsfield()).tobytes()
    header = f"{RAW}{lines}DimSize = 8 6 5\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path.write_bytes(header.encode() + before + numbers)
    return path


@pytest.mark.parametrize("spacing", ["2 2 -3", "2,0 2,0 3,0", "2 2 nan", "2 2 0"])
def test_a_metaimage_with_another_spacing_than_it_shows(tmp_path: Path, spacing: str) -> None:
    assert read_volume(metaimage(tmp_path / "right.mha", "ElementSpacing = 2 2 3\n")).hu.max() == 1200
    path = metaimage(tmp_path / "wrong.mha", f"ElementSpacing = {spacing}\n")
    assert "ElementSpacing must be positive" in refusal(read_volume, path)


def test_a_metaimage_whose_numbers_begin_later(tmp_path: Path) -> None:
    path = metaimage(tmp_path / "ct.mha", "HeaderSize = 50\nElementSpacing = 2 2 3\n", bytes(50))
    assert "HeaderSize" in refusal(read_volume, path)


def test_an_ending_in_capitals_is_named(tmp_path: Path) -> None:
    assert "rename it to .mha" in refusal(read_volume, metaimage(tmp_path / "CT.MHA", "ElementSpacing = 2 2 3\n"))


def series(folder: Path, fields: dict[str, Any]) -> Path:
    stored = (hounsfield() + 1024).astype(np.uint16)
    return write_series(folder, stored, [(0, 0, 3 * k) for k in range(5)], fields)


@pytest.mark.parametrize("kind", ["OD", "Z_EFF", "ED", "MGML"])
def test_maps_of_other_quantities_are_no_ct(tmp_path: Path, kind: str) -> None:
    assert read_volume(series(tmp_path / "ct", {"RescaleType": "HU"})).hu.max() == 1200
    assert f"its numbers are {kind}" in refusal(read_volume, series(tmp_path / "map", {"RescaleType": kind}))


def test_a_rescale_that_makes_all_alike_is_refused(tmp_path: Path) -> None:
    assert "RescaleSlope is 0" in refusal(read_volume, series(tmp_path / "ct", {"RescaleSlope": "0"}))


def test_a_modality_lut_is_no_rescale(tmp_path: Path) -> None:
    table = {"LUTDescriptor": [4096, 0, 16], "ModalityLUTType": "HU", "LUTData": bytes(8192)}
    assert "ModalityLUTSequence" in refusal(read_volume, series(tmp_path / "ct", {"ModalityLUTSequence": [table]}))


def test_pixel_spacings_with_other_digits_are_one(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", {})
    stored = np.transpose((hounsfield() + 1024).astype(np.uint16)[:, :, 2])
    fields = {
        "Modality": "CT", "SeriesInstanceUID": "1.2.3.9", "ImagePositionPatient": [0, 0, 6], "RescaleSlope": "1",
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [2, 2.000001], "RescaleIntercept": "-1024",
    }  # fmt: skip
    write_dicom(folder / "002.dcm", fields, stored, sop_class="1.2.840.10008.5.1.4.1.1.2")
    assert read_volume(folder).shape == (8, 6, 5)
    write_dicom(folder / "002.dcm", {**fields, "PixelSpacing": [2, 2.2]}, stored, sop_class="1.2.840.10008.5.1.4.1.1.2")
    assert "several orientations or pixel spacings" in refusal(read_volume, folder)


STATED = {
    "Modality": "XA", "PixelIntensityRelationshipSign": 1, "FieldOfViewHorizontalFlip": "NO", "BitsStored": 12,
}  # fmt: skip


def pixels() -> NDArray[np.uint16]:
    return np.arange(48, dtype=np.uint16).reshape(6, 8) * 20


def xray(path: Path, fields: dict[str, Any], numbers: NDArray[Any] | None = None) -> Path:
    return write_dicom(path, {**STATED, **fields}, pixels() if numbers is None else numbers)


def test_numbers_that_need_more_bits_than_stated(tmp_path: Path) -> None:
    """Without their upper bits they would be other numbers."""
    path = xray(tmp_path / "x.dcm", {"BitsStored": 8})
    assert "35 pixels need more bits than the header states (BitsStored 8, HighBit 7)" in refusal(read_xray, path)
    overlaid = xray(tmp_path / "y.dcm", {}, np.bitwise_or(pixels(), np.uint16(0x2000)))
    assert "overlay" in refusal(read_xray, overlaid)


@pytest.mark.parametrize("turn", ["45", "10"])
def test_a_rotation_that_is_none_of_the_four(tmp_path: Path, turn: str) -> None:
    path = xray(tmp_path / "x.dcm", {"FieldOfViewRotation": turn})
    assert "give flip" in refusal(read_xray, path)
    np.testing.assert_array_equal(read_xray(path, flip="none").intensities, pixels())


@pytest.mark.parametrize("steps", [[0, 40, 40, 40], [40, 40, 40, 40]])
def test_increments_that_stand_still(tmp_path: Path, steps: list[float]) -> None:
    """They may be steps from frame to frame, or offsets of a run that moved once."""
    angles = {"PositionerPrimaryAngle": "-90", "PositionerSecondaryAngle": "0"}
    path = xray(tmp_path / "x.dcm", {**angles, "PositionerPrimaryAngleIncrement": steps}, np.stack([pixels()] * 4))
    assert read_xray(path, frame=2).angles_deg is None


def test_a_sign_of_zero_states_nothing(tmp_path: Path) -> None:
    path = xray(tmp_path / "x.dcm", {"Modality": "DX", "PixelIntensityRelationshipSign": 0})
    assert "give bright" in refusal(read_xray, path)


@pytest.mark.parametrize(("modality", "what"), [("CT", "a CT slice"), ("MR", "magnetic"), ("SEG", "segmentation")])
def test_what_is_no_xray_says_so(tmp_path: Path, modality: str, what: str) -> None:
    assert what in refusal(read_xray, xray(tmp_path / "x.dcm", {"Modality": modality}))


def test_a_mask_of_one_bit_is_no_image(tmp_path: Path) -> None:
    path = xray(tmp_path / "x.dcm", {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0})
    assert "one bit a pixel" in refusal(read_xray, path)


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("turn", [3, 6])
def test_a_picture_turned_for_display_is_asked_about(tmp_path: Path, name: str, turn: int) -> None:
    """A viewer shows it turned, so that what the user says of it is not of the stored pixels."""
    tags = PIL.Image.Exif()
    tags[274] = turn
    PIL.Image.fromarray(pixels()).save(tmp_path / name, exif=tags)
    assert f"Orientation tag ({turn})" in refusal(read_xray, tmp_path / name, flip="none")


def test_damaged_sforms_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii"
    image = _nib.Nifti1Image(hounsfield(), AXES)
    image.set_qform(None, 0)
    _nib.save(image, path)
    content = bytearray(path.read_bytes())
    content[280:296] = struct.pack("<4f", 0, 0, 0, 0)
    path.write_bytes(content)
    assert "no invertible geometry" in refusal(read_volume, path)
