"""The values of a DICOM header that describe an X-ray image, each with its origin.

Pixel Intensity Relationship Sign states whether high stored numbers mean many X-rays (PS3.3 C.8.11.3); Photometric
Interpretation, rescale and VOI attributes only how they are shown. Distances, spacing and angles are read in
``bench.xray.detector`` and ``bench.xray.positioner``, turns and mirrors in ``bench.xray.orientation``.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.volume.dicom import DicomHeader
from bench.xray.detector import pixel_spacing, principal_point, source_to_detector, source_to_patient
from bench.xray.found import Found, derived, missing, stated
from bench.xray.line_integrals import XrayError
from bench.xray.orientation import Orientation, Point, orientation_of
from bench.xray.positioner import Angles, angles_of

Bright: TypeAlias = Literal["air", "bone"]

_FLUOROSCOPY = ("XA", "RF")


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFields:
    """A header in our terms.

    Attributes:
        spacing_mm: At the detector, along (columns, rows) as stored.
        sdd_mm: Source to detector.
        source_to_patient_mm: Source to patient.
        angles_deg: Positioner (primary, secondary).
        principal_point_px: (column, row) of the stored image.
        orientation: What was done to the image as seen from the source.
        bright: Whether high stored numbers mean many X-rays (``air``) or few (``bone``).
        photometric: MONOCHROME1 or MONOCHROME2.
        bits: Bits of a stored number.
        signed: Whether stored numbers have a sign.
        logarithmic: Numbers are proportional to the logarithm of the intensity.
        linearised_by_lut: The Modality LUT turns them into numbers proportional to the intensity.
        zero: The stored number that rescale turns into 0; None without a rising rescale.
    """

    spacing_mm: Found[tuple[float, float]]
    sdd_mm: Found[float]
    source_to_patient_mm: Found[float]
    angles_deg: Found[Angles]
    principal_point_px: Found[Point]
    orientation: Found[Orientation]
    bright: Found[Bright]
    photometric: str
    bits: int | None
    signed: bool
    logarithmic: bool
    linearised_by_lut: bool
    zero: float | None


def dicom_fields(header: DicomHeader, frame: int) -> DicomFields:
    """Interpret the header of a frame.

    Args:
        header: Of the frame (``DicomHeader.of_frame``).
        frame: From 0.

    Raises:
        XrayError: Colour pixels, or increments of the angles that contradict themselves.
        VolumeError: An attribute whose value is not a number.
    """
    photometric = header.text("PhotometricInterpretation") or "MONOCHROME2"
    if not photometric.startswith("MONOCHROME"):
        raise XrayError(
            f"{header.path}: expected grey pixels (MONOCHROME1 or MONOCHROME2); got {photometric}; convert it"
        )
    angles = angles_of(header, frame)
    orientation = orientation_of(header, angles.value)
    spacing = pixel_spacing(header)
    bits = header.number("BitsStored")
    lut = _linearised(header)
    return DicomFields(
        spacing_mm=spacing,
        sdd_mm=source_to_detector(header),
        source_to_patient_mm=source_to_patient(header),
        angles_deg=angles,
        principal_point_px=principal_point(header, spacing.value, orientation.value),
        orientation=orientation,
        bright=_bright(header, photometric),
        photometric=photometric,
        bits=None if bits is None else int(bits),
        signed=header.number("PixelRepresentation") == 1,
        logarithmic=header.text("PixelIntensityRelationship") == "LOG" and not lut,
        linearised_by_lut=lut,
        zero=_zero(header),
    )


def _linearised(header: DicomHeader) -> bool:
    """Whether a Modality LUT is there that makes numbers linear (C.8.7.1.1.2); others prepare for display."""
    return any(item.text("ModalityLUTType") == "TO_LINEAR" for item in header.items("ModalityLUTSequence"))


def _zero(header: DicomHeader) -> float | None:
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    return None if slope is None or intercept is None or slope <= 0 else -intercept / slope


def _bright(header: DicomHeader, photometric: str) -> Found[Bright]:
    sign = header.number("PixelIntensityRelationshipSign")
    if sign in (1, -1):
        return stated("air" if sign > 0 else "bone", "PixelIntensityRelationshipSign")
    falling = (header.number("RescaleSlope") or 1.0) < 0
    # Fluoroscopy stores MONOCHROME2 with dark = few X-rays; radiography stores what its maker likes.
    if header.text("Modality") in _FLUOROSCOPY and photometric == "MONOCHROME2" and not falling:
        return derived("air", f"{header.text('Modality')} stored as MONOCHROME2")
    return missing()
