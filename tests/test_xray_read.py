"""X-ray files as people have them, whole and spoilt, and what becomes of their pixels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import tifffile
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.geometry import Camera
from bench.xray.calibration import camera_of, positioner_of, view_of
from bench.xray.line_integrals import (
    XrayError,
    air_level,
    bin_pixels,
    border_mask,
    line_integrals,
)
from bench.xray.read import read_xray

from . import dicom_files

sitk: Any = SimpleITK

# A shadow in one corner only, so that every flip and turn shows.
PIXELS = np.full((40, 60), 900, np.uint16)
PIXELS[4:12, 5:25] = 200
PIXELS[30:34, 50:55] = 500

WHOLE = {
    "Modality": "XA",
    "DistanceSourceToDetector": "1020.5",
    "DistanceSourceToPatient": "700",
    "ImagerPixelSpacing": "0.4\\0.3",
    "PositionerPrimaryAngle": "0",
    "PositionerSecondaryAngle": "0",
    "FieldOfViewRotation": "0",
    "FieldOfViewHorizontalFlip": "NO",
    "PixelIntensityRelationship": "LIN",
    "PixelIntensityRelationshipSign": "1",
}


def write_dicom(path: Path, fields: Mapping[str, Any], pixels: NDArray[Any] = PIXELS, **options: Any) -> Path:
    """An X-ray with the attributes named and no others."""
    return dicom_files.write_dicom(path, fields, pixels, **options)


def write(path: Path, pixels: NDArray[Any]) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))
    return path


@pytest.fixture
def xa(tmp_path: Path) -> Path:
    return write_dicom(tmp_path / "xa.dcm", WHOLE)


def without(*names: str, **changed: str) -> dict[str, str]:
    return {name: value for name, value in {**WHOLE, **changed}.items() if name not in names}


def test_dicom_states_everything(xa: Path) -> None:
    image = read_xray(xa)
    np.testing.assert_array_equal(image.intensities, PIXELS)
    assert image.spacing_mm == (0.3, 0.4)
    assert (image.sdd_mm, image.source_to_patient_mm, image.angles_deg) == (1020.5, 700.0, (0.0, 0.0))
    assert image.photometric == "MONOCHROME2"
    assert image.origins["spacing_mm"] == "stated: ImagerPixelSpacing"
    assert image.origins["sdd_mm"] == "stated: DistanceSourceToDetector"
    assert image.origins["flip"] == "stated: FieldOfViewHorizontalFlip, FieldOfViewRotation"
    assert image.origins["principal_point_px"] == "assumed: the middle of the image"
    camera = camera_of(image)
    expected = np.array([[1020.5 / 0.3, 0, 29.5], [0, 1020.5 / 0.4, 19.5], [0, 0, 1]])
    np.testing.assert_allclose(camera.K, expected)
    assert positioner_of(image).imager_pixel_spacing_mm == (0.4, 0.3)


@pytest.mark.parametrize("flip", ["NO", "YES"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_field_of_view_rotation_and_flip_are_undone(tmp_path: Path, flip: str, turns: int) -> None:
    stored = np.rot90(PIXELS, -turns)  # clockwise
    stored = np.ascontiguousarray(stored[:, ::-1] if flip == "YES" else stored)
    fields = without(FieldOfViewRotation=str(90 * turns), FieldOfViewHorizontalFlip=flip)
    image = read_xray(write_dicom(tmp_path / "xa.dcm", fields, stored))
    np.testing.assert_array_equal(image.intensities, PIXELS)
    assert image.spacing_mm == ((0.4, 0.3) if turns % 2 else (0.3, 0.4))


@pytest.mark.parametrize(
    ("orientation", "angle", "stored"),
    [
        ("R\\F", "0", PIXELS),  # from behind, the patient's left is on the left
        ("L\\F", "0", PIXELS[:, ::-1]),
        ("L\\F", "180", PIXELS),
        ("P\\F", "90", PIXELS[:, ::-1]),
        ("R\\H", "0", PIXELS[::-1]),
        ("L\\H", "0", PIXELS[::-1, ::-1]),
        ("F\\L", "0", np.rot90(PIXELS, 1)),
        ("H\\R", "0", np.rot90(PIXELS, -1)),
    ],
)
def test_patient_orientation_with_angles_tells_the_flip(
    tmp_path: Path, orientation: str, angle: str, stored: NDArray[Any]
) -> None:
    fields = without(
        "FieldOfViewRotation",
        "FieldOfViewHorizontalFlip",
        PatientOrientation=orientation,
        PositionerPrimaryAngle=angle,
    )
    image = read_xray(write_dicom(tmp_path / "xa.dcm", fields, np.ascontiguousarray(stored)))
    np.testing.assert_array_equal(image.intensities, PIXELS)


@pytest.mark.parametrize("orientation", [None, "R\\R", "X\\Y"])
def test_unknown_flip_is_asked_for(tmp_path: Path, orientation: str | None) -> None:
    fields = without("FieldOfViewRotation", "FieldOfViewHorizontalFlip")
    if orientation is not None:
        fields["PatientOrientation"] = orientation
    path = write_dicom(tmp_path / "xa.dcm", fields)
    with pytest.raises(XrayError, match=r"FieldOfViewHorizontalFlip.*give flip .*none, horizontal, vertical or both"):
        read_xray(path)
    np.testing.assert_array_equal(read_xray(path, flip="vertical").intensities, PIXELS[::-1])


def test_spacing_calibrated_at_the_patient_is_magnified(tmp_path: Path) -> None:
    fields = without("ImagerPixelSpacing", PixelSpacing="0.2\\0.2", PixelSpacingCalibrationType="GEOMETRY")
    spacing = read_xray(write_dicom(tmp_path / "xa.dcm", fields)).spacing_mm
    assert spacing == pytest.approx((0.2 * 1020.5 / 700,) * 2)


def test_missing_numbers_are_asked_for_by_name(tmp_path: Path) -> None:
    fields = without(
        "ImagerPixelSpacing", "DistanceSourceToDetector", "PositionerPrimaryAngle", PixelSpacing="0.2\\0.2"
    )
    path = write_dicom(tmp_path / "xa.dcm", fields)
    with pytest.raises(XrayError, match=r"\(ImagerPixelSpacing\); give spacing_mm"):
        camera_of(read_xray(path))
    with pytest.raises(XrayError, match=r"\(DistanceSourceToDetector\); give sdd_mm"):
        camera_of(read_xray(path, spacing_mm=0.3))
    with pytest.raises(XrayError, match=r"PositionerPrimaryAngle.*DistanceSourceToDetector.*ImagerPixelSpacing"):
        positioner_of(read_xray(path))
    assert camera_of(read_xray(path, spacing_mm=0.3, sdd_mm=900)).K[0, 0] == pytest.approx(3000)


@pytest.mark.parametrize(("fields", "top"), [(without(PixelIntensityRelationshipSign="-1", BitsStored="16"), 65535.0)])
def test_intensity_sign_inverts(tmp_path: Path, fields: dict[str, str], top: float) -> None:
    image = read_xray(write_dicom(tmp_path / "dx.dcm", fields))
    np.testing.assert_array_equal(image.intensities, top - PIXELS.astype(np.float32))


@pytest.mark.parametrize("modality", ["DX", "CR"])
def test_inversion_that_is_not_stated_is_asked_for(tmp_path: Path, modality: str) -> None:
    path = write_dicom(tmp_path / "dx.dcm", without("PixelIntensityRelationshipSign", Modality=modality))
    with pytest.raises(XrayError, match=r"PixelIntensityRelationshipSign.*give bright='air' or bright='bone'"):
        read_xray(path)
    inverted = read_xray(path, bright="bone", bits=10)
    np.testing.assert_array_equal(inverted.intensities, 1023 - PIXELS.astype(np.float32))


def test_truncated_dicom(xa: Path) -> None:
    for share in (0.3, 0.9, 0.99):
        part = xa.with_name("part.dcm")
        part.write_bytes(xa.read_bytes()[: int(share * xa.stat().st_size)])
        with pytest.raises(FluorobenchError, match=r"part\.dcm") as caught:
            read_xray(part)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_plain_files(tmp_path: Path, name: str, dtype: type[np.unsignedinteger[Any]]) -> None:
    pixels = (PIXELS // 4).astype(dtype)
    path = write(tmp_path / name, pixels)
    with pytest.raises(XrayError, match="give flip "):
        read_xray(path)
    image = read_xray(path, flip="none", spacing_mm=(0.2, 0.25), sdd_mm=1000.0)
    np.testing.assert_array_equal(image.intensities, pixels)
    assert image.full_scale == float(np.iinfo(dtype).max)
    np.testing.assert_array_equal(read_xray(path, flip="both").intensities, pixels[::-1, ::-1])


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_resolution_tags_are_no_spacing(tmp_path: Path, name: str) -> None:
    image = read_xray(write(tmp_path / name, PIXELS), flip="none")
    with pytest.raises(XrayError, match="give spacing_mm"):
        camera_of(image)


def test_nifti_spacing_in_millimetres_is_taken(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(PIXELS)
    image.SetSpacing((0.2, 0.5))
    sitk.WriteImage(image, str(tmp_path / "x.nii"))
    assert read_xray(tmp_path / "x.nii", flip="none").spacing_mm == pytest.approx((0.2, 0.5))


def test_colour_png_is_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((20, 30, 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "colour.png"))
    with pytest.raises(XrayError, match=r"one grey value a pixel; got 3 \(colour\)"):
        read_xray(tmp_path / "colour.png", flip="none")


def collimated() -> NDArray[np.uint8]:
    pixels = np.zeros((96, 128), np.uint8)
    pixels[12:84, 16:112] = 250
    pixels[30:60, 50:80] = 60
    return pixels


def test_inverted_png_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "inverted.png", 255 - collimated())
    with pytest.raises(XrayError, match=r"looks colour-inverted.*give bright='bone'"):
        read_xray(path, flip="none")
    np.testing.assert_array_equal(read_xray(path, flip="none", bright="bone").intensities, collimated())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("keyword", ["white", "black"])
def test_tiff_photometric(tmp_path: Path, keyword: str, dtype: type[np.unsignedinteger[Any]]) -> None:
    """Where zero is white, the numbers are turned over: high is bright in either file."""
    seen = collimated().astype(dtype)
    pixels = seen if keyword == "black" else np.iinfo(dtype).max - seen
    photometric = "minisblack" if keyword == "black" else "miniswhite"
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric=photometric)
    np.testing.assert_array_equal(read_xray(tmp_path / "x.tif", flip="none").intensities, seen)


def test_frames(tmp_path: Path) -> None:
    stack = np.stack([PIXELS, PIXELS + 1, PIXELS + 2])
    tifffile.imwrite(tmp_path / "cine.tif", stack, photometric="minisblack")
    with pytest.raises(XrayError, match=r"holds 3 frames; choose one with --frame 0 to 2 .*; got None"):
        read_xray(tmp_path / "cine.tif", flip="none")
    np.testing.assert_array_equal(read_xray(tmp_path / "cine.tif", flip="none", frame=1).intensities, PIXELS + 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"flip": "left"}, "flip must be one of none, horizontal, vertical, both; got 'left'"),
        ({"flip": "none", "bits": 8}, "pixels reach 900, more than 8 bits hold"),
        ({"flip": "none", "spacing_mm": 0.0}, "spacing_mm must be positive"),
        ({"flip": "none", "spacing_mm": (0.3, float("nan"))}, "spacing_mm must be positive"),
    ],
)
def test_impossible_settings(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "x.tif", PIXELS)
    with pytest.raises(XrayError, match=words):
        read_xray(path, **settings)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.nii", "x.nii.gz"])
def test_truncated_plain_files(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, np.random.default_rng(1).integers(0, 60000, (90, 80)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    with pytest.raises(XrayError, match=name) as caught:
        read_xray(path, flip="none")
    assert "\n" not in str(caught.value)


def test_no_image(tmp_path: Path) -> None:
    with pytest.raises(XrayError, match="no such file"):
        read_xray(tmp_path / "none.dcm")
    with pytest.raises(XrayError, match="a JPEG file is lossy"):
        read_xray(write(tmp_path / "photo.jpg", collimated()), flip="none")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(FluorobenchError, match="cannot be read as an image") as caught:
        read_xray(tmp_path / "text.png")
    assert "\n" not in str(caught.value)


def test_border_and_saturation() -> None:
    intensities = collimated().astype(np.float32)
    intensities[40:45, 60:65] = 0  # metal inside the bone
    intensities[2:5, 2:12] = 255  # a letter on the border
    valid = border_mask(intensities, margin_px=3)
    expected = np.zeros_like(valid)
    expected[15:81, 19:109] = True
    assert np.count_nonzero(valid != expected) <= 4  # the median rounds the corners
    assert not valid[:10].any()
    assert border_mask(np.full((20, 20), 7, np.float32)).all()


def test_line_integrals_undo_the_exponential() -> None:
    truth = np.random.default_rng(3).uniform(0, 4, (50, 60)).astype(np.float32)
    truth[:, :5] = 0
    intensities = np.asarray(5000 * np.exp(-truth), dtype=np.float32)
    np.testing.assert_allclose(line_integrals(intensities), truth, atol=1e-5)
    np.testing.assert_allclose(line_integrals(intensities, air=10000), truth + np.log(2), atol=1e-5)
    assert air_level(intensities) == pytest.approx(5000)
    valid = np.zeros(truth.shape, bool)
    valid[:, 10:] = True
    outside = line_integrals(intensities, air=5000, valid=valid)[:, :10]
    np.testing.assert_allclose(outside, np.median(truth[:, 10:]), atol=1e-4)


def test_zero_pixels_stay_finite() -> None:
    intensities = np.array([[0.0, 1.0], [255.0, 255.0]], np.float32)
    assert line_integrals(intensities, air=255.0)[0, 0] == pytest.approx(np.log(510), abs=1e-5)


@pytest.mark.parametrize(
    "intensities", [np.full((4, 4), -1.0), np.full((4, 4), np.nan), np.zeros((4, 4)), np.ones((2, 4, 4))]
)
def test_no_intensities_are_refused(intensities: NDArray[np.float64]) -> None:
    with pytest.raises(XrayError):
        line_integrals(intensities.astype(np.float32))


@pytest.mark.parametrize("air", [None, 1000.0])
@pytest.mark.parametrize("binning", [1, 2, 64])
def test_an_image_without_a_pixel_inside_its_border_is_refused(air: float | None, binning: int, tmp_path: Path) -> None:
    """Stripes one pixel wide are no area that anything lies in; binned to one pixel, a small window is none."""
    stripes, window = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    stripes[::2] = 1000
    window[20:44, 20:44] = np.random.default_rng(0).uniform(800, 1000, (24, 24))
    for name, pixels in (("stripes", stripes), ("window", window)):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
        image = read_xray(tmp_path / f"{name}.tif", flip="none", bright="air", spacing_mm=1.0, sdd_mm=1000.0)
        if (name, binning) in (("window", 1), ("window", 2)):
            assert view_of(image, camera_of(image), binning=binning, air=air).image is not None
        else:
            with pytest.raises(XrayError, match="no pixel of this image is inside its border"):
                view_of(image, camera_of(image), binning=binning, air=air)


def test_binning_averages_valid_pixels() -> None:
    image = np.arange(35, dtype=np.float32).reshape(5, 7)
    means, none = bin_pixels(image, 2)
    assert none is None
    np.testing.assert_array_equal(means, [[4, 6, 8], [18, 20, 22]])
    valid = np.ones(image.shape, bool)
    valid[:2, 0] = False
    valid[0, 2] = False
    means, kept = bin_pixels(image, 2, valid=valid)
    assert kept is not None
    np.testing.assert_array_equal(kept, [[False, True, True], [True, True, True]])
    np.testing.assert_allclose(means[0, :2], [4.5, (3 + 9 + 10) / 3])
    with pytest.raises(XrayError, match="binning must be 1 to 5"):
        bin_pixels(image, 6)


def test_calibration_for_another_size(xa: Path) -> None:
    image = read_xray(xa)
    other = Camera.centred(sdd_mm=1000, height=60, width=40, spacing_mm=0.3)
    with pytest.raises(XrayError, match=r"calibration is for 60 x 40 pixels .* the image has 40 x 60"):
        view_of(image, other)
    view = view_of(image, camera_of(image), binning=4)
    assert view.image is not None
    assert view.image.shape == (view.camera.height, view.camera.width) == (10, 15)
    assert view.valid is None
