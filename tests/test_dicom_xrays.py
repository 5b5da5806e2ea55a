"""X-rays as DICOM of every kind: what is stored is what comes out, frame by frame, or one line says why not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.xray.calibration import camera_of
from bench.xray.describe import describe_xray
from bench.xray.line_integrals import XrayError
from bench.xray.read import read_xray

from .dicom_files import DX, RT_IMAGE, XA, state_overlay, write_dicom

sitk: Any = SimpleITK  # no types
SHAPE = (40, 60)
IMPLICIT, BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
RLE, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
STATED: dict[str, Any] = {
    "Modality": "XA",
    "DistanceSourceToDetector": "1000",
    "DistanceSourceToPatient": "700",
    "ImagerPixelSpacing": [0.4, 0.3],
    "PositionerPrimaryAngle": "30",
    "PositionerSecondaryAngle": "0",
    "FieldOfViewRotation": "0",
    "FieldOfViewHorizontalFlip": "NO",
    "PixelIntensityRelationship": "LIN",
    "PixelIntensityRelationshipSign": 1,
}


def pixels(bits: int = 12, frames: int | None = None) -> NDArray[Any]:
    """Random numbers of some bits, without a symmetry."""
    shape = SHAPE if frames is None else (frames, *SHAPE)
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.random.default_rng(bits).integers(1, 2**bits, shape).astype(kind)


def fields(*left_out: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**STATED, **changed}.items() if name not in left_out}


def refusal(path: Path, **said: Any) -> str:
    with pytest.raises(XrayError) as caught:
        read_xray(path, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE, JPEG_LS, JPEG_2000])
def test_stored_numbers_come_out_of_every_transfer_syntax(tmp_path: Path, syntax: str, bits: int) -> None:
    stored = pixels(bits)
    path = write_dicom(tmp_path / "x.dcm", fields(BitsStored=bits), stored, syntax=syntax)
    image = read_xray(path)
    np.testing.assert_array_equal(image.intensities, stored)
    assert image.full_scale == 2**bits - 1


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE, JPEG_LS, JPEG_2000])
def test_one_frame_of_many_in_every_transfer_syntax(tmp_path: Path, syntax: str) -> None:
    stored = pixels(12, frames=4)
    path = write_dicom(tmp_path / "x.dcm", fields(BitsStored=12), stored, syntax=syntax)
    for frame in range(4):
        np.testing.assert_array_equal(read_xray(path, frame=frame).intensities, stored[frame])
    assert "holds 4 frames; choose one with --frame 0 to 3" in refusal(path)
    assert "got 4" in refusal(path, frame=4)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("slope", "intercept"), [("1", "0"), ("-1", "4095"), ("-10", "3000"), ("1", "-1024"), ("2", "7")]
)
@pytest.mark.parametrize("sign", [1, -1, None])
def test_sign_and_bright_are_of_stored_numbers(
    tmp_path: Path, photometric: str, slope: str, intercept: str, sign: int | None
) -> None:
    """Whatever a display would make of them by photometric interpretation and rescale."""
    stored = pixels(12)
    shown = {"PhotometricInterpretation": photometric, "RescaleSlope": slope, "RescaleIntercept": intercept}
    windows = {"WindowCenter": "100", "WindowWidth": "10", "PresentationLUTShape": "INVERSE"}
    stated = fields("PixelIntensityRelationshipSign", Modality="DX", BitsStored=12, **shown, **windows)
    if sign is not None:
        stated["PixelIntensityRelationshipSign"] = sign
    path = write_dicom(tmp_path / "x.dcm", stated, stored, sop_class=DX)
    if sign is None:
        assert "give bright='air' or bright='bone'" in refusal(path)
    else:
        np.testing.assert_array_equal(read_xray(path).intensities, stored if sign == 1 else 4095.0 - stored)
    np.testing.assert_array_equal(read_xray(path, bright="air").intensities, stored)
    np.testing.assert_array_equal(read_xray(path, bright="bone").intensities, 4095.0 - stored)


def test_fluoroscopy_with_a_falling_rescale_is_asked_about(tmp_path: Path) -> None:
    stated = fields("PixelIntensityRelationshipSign", BitsStored=12)
    assert read_xray(write_dicom(tmp_path / "a.dcm", stated, pixels())).origins["bright"].startswith("derived: XA")
    falling = {**stated, "RescaleSlope": "-1", "RescaleIntercept": "4095"}
    assert "bright" in refusal(write_dicom(tmp_path / "b.dcm", falling, pixels()))


def test_signed_numbers_need_their_zero(tmp_path: Path) -> None:
    stored = (pixels(12).astype(np.int32) - 1000).astype(np.int16)
    path = write_dicom(tmp_path / "x.dcm", fields(), stored)
    assert "--zero" in refusal(path)
    assert "--zero" in refusal(path, zero=-10)
    np.testing.assert_array_equal(read_xray(path, zero=-1000).intensities, pixels(12))
    rescaled = write_dicom(tmp_path / "y.dcm", fields(RescaleSlope="1", RescaleIntercept="1000"), stored)
    np.testing.assert_array_equal(read_xray(rescaled).intensities, pixels(12))
    assert describe_xray(str(path)).missing == ("the number that means no X-rays: give --zero",)


def test_unused_bits_hold_nothing(tmp_path: Path) -> None:
    """An overlay that the header states in the high bits, or numbers shifted to the top of theirs."""
    stored = pixels(12)
    overlaid = write_dicom(tmp_path / "x.dcm", fields(BitsStored=12), np.bitwise_or(stored, np.uint16(0xA000)))
    assert "need more bits" in refusal(overlaid)
    state_overlay(overlaid, 13)
    np.testing.assert_array_equal(read_xray(overlaid).intensities, stored)
    shifted = write_dicom(tmp_path / "y.dcm", fields(BitsStored=12, HighBit=15), np.left_shift(stored, np.uint16(4)))
    np.testing.assert_array_equal(read_xray(shifted).intensities, stored)
    signed = (pixels(11).astype(np.int16) - 500) & np.int16(0x0FFF)
    path = write_dicom(tmp_path / "z.dcm", fields(BitsStored=12), signed.astype(np.int16))
    np.testing.assert_array_equal(read_xray(path, zero=-500).intensities, pixels(11))


def test_a_modality_lut_makes_logarithmic_numbers_linear(tmp_path: Path) -> None:
    stored = pixels(8)
    table = np.rint(np.square(np.linspace(0, float(np.sqrt(65535)), 256))).astype(np.uint16)
    lut = {"LUTDescriptor": [256, 0, 16], "ModalityLUTType": "TO_LINEAR", "LUTData": table.tobytes()}
    linear = fields(PixelIntensityRelationship="LOG", ModalityLUTSequence=[lut])
    image = read_xray(write_dicom(tmp_path / "x.dcm", linear, stored))
    np.testing.assert_array_equal(image.intensities, table[stored])
    assert image.full_scale == 65535
    other = fields(ModalityLUTSequence=[{**lut, "ModalityLUTType": "OD"}])
    np.testing.assert_array_equal(read_xray(write_dicom(tmp_path / "y.dcm", other, stored)).intensities, stored)


@pytest.mark.parametrize(
    ("primary", "increments", "expected"),
    [
        ("-90", [0, 40, 80, 120, 160], [-90, -50, -10, 30, 70]),
        ("0", [-90, -50, -10, 30, 70], [-90, -50, -10, 30, 70]),
        ("-90", [40], [-90, -50, -10, 30, 70]),
        ("170", [0, 5, 10, 15, 20], [170, 175, 180, -175, -170]),
        ("10", [0, -1.5, -3.1, -4.4, -6], [10, 8.5, 6.9, 5.6, 4]),
        ("12", None, [12] * 5),
    ],
)
def test_frames_of_a_run_have_their_own_angles(
    tmp_path: Path, primary: str, increments: list[float] | None, expected: list[float]
) -> None:
    stated = fields(PositionerPrimaryAngle=primary, PositionerMotion="DYNAMIC", PositionerSecondaryAngle="5")
    if increments is not None:
        stated["PositionerPrimaryAngleIncrement"] = increments
        stated["PositionerSecondaryAngleIncrement"] = [0, 1, 2, 3, 4] if len(increments) == 5 else [1]
    path = write_dicom(tmp_path / "run.dcm", stated, pixels(12, frames=5))
    for frame, angle in enumerate(expected):
        found = read_xray(path, frame=frame).angles_deg
        assert found is not None
        assert found[0] == pytest.approx(angle)
        assert found[1] == pytest.approx(5 + frame if increments is not None else 5)


@pytest.mark.parametrize(
    ("increments", "hint"),
    [([0, 40, 80], "3 values for 5 frames"), ([-90, -50, -10, 30, 70], "neither offsets"), ([40] * 5, "every frame")],
)
def test_increments_that_can_be_read_two_ways_give_no_angle(tmp_path: Path, increments: list[float], hint: str) -> None:
    stated = fields(PositionerPrimaryAngle="-90", PositionerPrimaryAngleIncrement=increments)
    image = read_xray(write_dicom(tmp_path / "run.dcm", stated, pixels(12, frames=5)), frame=3)
    assert image.angles_deg is None
    assert hint in image.origins["angles_deg"]


def test_enhanced_images_state_values_frame_by_frame(tmp_path: Path) -> None:
    shared = {
        "XRayGeometrySequence": [{"DistanceSourceToDetector": 1200.0, "DistanceSourceToIsocenter": 785.0}],
        "FramePixelDataPropertiesSequence": [
            {
                "ImagerPixelSpacing": [0.2, 0.2],
                "PixelIntensityRelationship": "LIN",
                "PixelIntensityRelationshipSign": -1,
            }
        ],
        "FieldOfViewSequence": [{"FieldOfViewRotation": 0.0, "FieldOfViewHorizontalFlip": "YES"}],
    }
    frames = [
        {"PositionerPositionSequence": [{"PositionerPrimaryAngle": angle, "PositionerSecondaryAngle": 2.0}]}
        for angle in (10.0, -20.0, 35.0)
    ]
    stated = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": frames}
    stored = pixels(12, frames=3)
    path = write_dicom(tmp_path / "x.dcm", {"Modality": "XA", "BitsStored": 12, **stated}, stored)
    image = read_xray(path, frame=1)
    assert image.angles_deg == (-20.0, 2.0)
    assert (image.sdd_mm, image.source_to_patient_mm, image.spacing_mm) == (1200.0, 785.0, (0.2, 0.2))
    np.testing.assert_array_equal(image.intensities, 4095.0 - stored[1][:, ::-1])
    short = {**stated, "PerFrameFunctionalGroupsSequence": frames[:2]}
    broken = write_dicom(tmp_path / "y.dcm", {"Modality": "XA", **short}, stored)
    assert "NumberOfFrames is 3, but functional groups are there for 2" in refusal(broken, frame=0)


@pytest.mark.parametrize("flip", ["NO", "YES"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_principal_point_of_a_part_of_the_detector(tmp_path: Path, turns: int, flip: str) -> None:
    """The same corner of a detector, stored in eight ways, has its axis at one point as seen from the source."""
    seen = pixels(12)
    stored = np.rot90(seen, -turns)
    stored = np.ascontiguousarray(stored[:, ::-1] if flip == "YES" else stored)
    spacing = [0.4, 0.3] if turns % 2 == 0 else [0.3, 0.4]
    stated = fields(
        FieldOfViewRotation=str(90 * turns),
        FieldOfViewHorizontalFlip=flip,
        ImagerPixelSpacing=spacing,
        DetectorElementSpacing=[0.2, 0.2],
        DetectorActiveDimensions=[400, 360],
        DetectorActiveOrigin=[10, 20],
        FieldOfViewOrigin=[210, 20],
    )
    path = write_dicom(tmp_path / "x.dcm", stated, stored, sop_class=DX)
    image = read_xray(path)
    np.testing.assert_array_equal(image.intensities, seen)
    # 200 and 180 mm from the corner of the active area to its middle, less 40 and 0 mm to that of the image.
    expected = np.array([180 / 0.3 - 0.5, 160 / 0.4 - 0.5])
    np.testing.assert_allclose(camera_of(image).K[:2, 2], expected)
    assert "assumed: the axis meets the middle" in image.origins["principal_point_px"]
    by_hand = read_xray(path, flip="horizontal").principal_point_px
    own = read_xray(path, flip="none").principal_point_px
    assert by_hand is not None
    assert own is not None
    assert by_hand[0] == pytest.approx(stored.shape[1] - 1 - own[0])


def test_a_part_of_the_detector_without_its_size_is_no_principal_point(tmp_path: Path) -> None:
    image = read_xray(write_dicom(tmp_path / "x.dcm", fields(FieldOfViewOrigin=[200, 0]), pixels()))
    assert image.principal_point_px is None
    assert (
        "FieldOfViewOrigin 200/0 without DetectorElementSpacing, DetectorActiveDimensions"
        in (image.origins["principal_point_px"])
    )
    assert image.origins["principal_point_px"].startswith("assumed: the middle of the image")


def test_an_intensifier_with_a_circular_shutter_hints_at_its_spacing(tmp_path: Path) -> None:
    stated = fields("ImagerPixelSpacing", IntensifierSize="300", ShutterShape="CIRCULAR", RadiusOfCircularShutter=500)
    image = read_xray(write_dicom(tmp_path / "x.dcm", stated, pixels()))
    with pytest.raises(XrayError, match=r"give spacing_mm .*300 mm over .* 1000 pixels would make 0\.3 mm"):
        camera_of(image)


RT: dict[str, Any] = {
    "Modality": "RTIMAGE",
    "RTImagePlane": "NORMAL",
    "RTImageSID": "1500",
    "RadiationMachineSAD": "1000",
    "ImagePlanePixelSpacing": [0.8, 0.4],
    "RTImagePosition": [-11.8, 15.6],
    "RTImageOrientation": [1, 0, 0, 0, -1, 0],
    "XRayImageReceptorTranslation": [2, -4, -500],
    "GantryAngle": "90",
    "PatientPosition": "HFS",
    "PixelIntensityRelationshipSign": 1,
}


def test_an_rt_image_states_its_geometry(tmp_path: Path) -> None:
    image = read_xray(write_dicom(tmp_path / "rt.dcm", RT, pixels(), sop_class=RT_IMAGE))
    assert (image.sdd_mm, image.source_to_patient_mm, image.spacing_mm) == (1500.0, 1000.0, (0.4, 0.8))
    # The source is on the patient's left, so that the detector is on the right.
    assert image.angles_deg == (-90.0, 0.0)
    # The axis is at (-2, 4) mm in the receptor's axes, the first pixel at (-11.8, 15.6): 9.8 right, 11.6 down.
    assert image.principal_point_px == pytest.approx((9.8 / 0.4, 11.6 / 0.8))
    np.testing.assert_array_equal(image.intensities, pixels())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"PatientPosition": "FFS"}, "angles_deg"),
        ({"PatientSupportAngle": "10"}, "angles_deg"),
        ({"XRayImageReceptorAngle": "45"}, "principal_point_px"),
        ({"RTImagePlane": "NON_NORMAL"}, "principal_point_px"),
    ],
)
def test_an_rt_image_that_stands_otherwise_is_not_guessed_at(tmp_path: Path, change: dict[str, str], name: str) -> None:
    image = read_xray(write_dicom(tmp_path / "rt.dcm", {**RT, **change}, pixels(), sop_class=RT_IMAGE))
    assert getattr(image, name) is None
    assert (
        next(iter(change.values())) in image.origins[name]
        or next(iter(change)) in image.origins[name]
        or ("turned" in image.origins[name])
    )


def test_a_mirrored_rt_image_is_turned_over(tmp_path: Path) -> None:
    stated = {**RT, "RTImageOrientation": [-1, 0, 0, 0, -1, 0], "RTImagePosition": [11.8, 15.6]}
    image = read_xray(write_dicom(tmp_path / "rt.dcm", stated, pixels(), sop_class=RT_IMAGE))
    np.testing.assert_array_equal(image.intensities, pixels()[:, ::-1])
    assert image.principal_point_px == pytest.approx((59 - 13.8 / 0.4, 11.6 / 0.8))


@pytest.mark.parametrize(
    "change",
    [
        {"Rows": 60000, "Columns": 60000},
        {"NumberOfFrames": "100000"},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
        {"BitsStored": 12, "HighBit": 3},
    ],
)
def test_headers_that_promise_something_else_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    refusal(write_dicom(tmp_path / "x.dcm", fields(**change), pixels()), frame=0)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE, JPEG_LS, JPEG_2000])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.99])
def test_a_file_cut_anywhere_is_refused(
    tmp_path: Path, syntax: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_dicom(tmp_path / "x.dcm", fields(BitsStored=12), pixels(), syntax=syntax)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(FluorobenchError) as caught:
        read_xray(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_damaged_jpeg_stream_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its decoder prints that, and hands out an image none the less."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "x.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.Execute(sitk.GetImageFromArray(pixels(12)))
    whole = (tmp_path / "x.dcm").read_bytes()
    np.testing.assert_array_equal(read_xray(tmp_path / "x.dcm", flip="none", bright="air").intensities, pixels(12))
    middle = len(whole) // 2
    (tmp_path / "x.dcm").write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert "cannot be decoded" in refusal(tmp_path / "x.dcm", flip="none", bright="air")
    assert capfd.readouterr().err == ""


def test_files_without_pixels_say_what_they_are(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", fields(), pixels(), sop_class=XA)
    assert describe_xray(str(path)).missing == ()
    plan = tmp_path / "plan.dcm"
    raw = write_dicom(plan, {"Modality": "RTPLAN"}, pixels()).read_bytes()
    plan.write_bytes(raw[: raw.index(b"\x28\x00\x02\x00")])
    assert "without pixels (RTPLAN)" in refusal(plan)
