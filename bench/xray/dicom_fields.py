"""What a DICOM header says of an X-ray image, read without pixels and without a DICOM library.

Taken from the standard (PS3.3 2024): Imager Pixel Spacing is at the detector, Pixel Spacing is not unless the header
says how it was calibrated (C.7.6.3, 10.7.1.3); Pixel Intensity Relationship Sign tells whether high numbers mean many
X-rays (C.8.11.3), Photometric Interpretation only how they are shown; Field of View Rotation was applied clockwise to
the detector's image before Field of View Horizontal Flip (C.8.11.4), and the detector's image is read as seen from the
source; Patient Orientation names where rows and columns run to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bench.geometry.converters.dicom import DicomPositioner, from_dicom
from bench.geometry.converters.view import ConversionError
from bench.xray.line_integrals import XrayError

Bright: TypeAlias = Literal["air", "bone"]

TAGS: Mapping[str, str] = {
    "Modality": "0008|0060",
    "DistanceSourceToDetector": "0018|1110",
    "DistanceSourceToPatient": "0018|1111",
    "EstimatedRadiographicMagnificationFactor": "0018|1114",
    "ImagerPixelSpacing": "0018|1164",
    "PositionerPrimaryAngle": "0018|1510",
    "PositionerSecondaryAngle": "0018|1511",
    "FieldOfViewRotation": "0018|7032",
    "FieldOfViewHorizontalFlip": "0018|7034",
    "PatientOrientation": "0020|0020",
    "PhotometricInterpretation": "0028|0004",
    "PixelSpacing": "0028|0030",
    "BitsStored": "0028|0101",
    "PixelSpacingCalibrationType": "0028|0a02",
    "PixelIntensityRelationship": "0028|1040",
    "PixelIntensityRelationshipSign": "0028|1041",
}
# LPS axes of the letters of Patient Orientation.
_LETTERS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
_FLUOROSCOPY = ("XA", "RF")


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFields:
    """A header in our terms; None where it does not say.

    Attributes:
        spacing_mm: At the detector, along (columns, rows) as stored.
        sdd_mm: Source to detector.
        source_to_patient_mm: Source to patient.
        angles_deg: Positioner (primary, secondary).
        photometric: MONOCHROME1 or MONOCHROME2.
        bits: Bits of a stored number.
        logarithmic: Numbers are proportional to the logarithm of the intensity.
        bright: Whether high numbers mean many X-rays (``air``) or few (``bone``).
        quarter_turns: Clockwise quarter turns that were applied to the image as seen from the source.
        mirrored: Whether its left and right were then exchanged; None when nothing tells.
        found: Names of the attributes that decided any of this.
    """

    spacing_mm: tuple[float, float] | None
    sdd_mm: float | None
    source_to_patient_mm: float | None
    angles_deg: tuple[float, float] | None
    photometric: str
    bits: int | None
    logarithmic: bool
    bright: Bright | None
    quarter_turns: int
    mirrored: bool | None
    found: tuple[str, ...]


def dicom_fields(header: Mapping[str, str], path: str) -> DicomFields:
    """Interpret a header, keys ``gggg|eeee`` as SimpleITK spells them.

    Raises:
        XrayError: An attribute whose value is no number, or of colour pixels.
    """
    fields = {name: header[tag].strip().rstrip("\0") for name, tag in TAGS.items() if header.get(tag, "").strip("\0 ")}
    photometric = fields.get("PhotometricInterpretation", "MONOCHROME2")
    if not photometric.startswith("MONOCHROME"):
        raise XrayError(f"{path}: expected grey pixels (MONOCHROME1 or MONOCHROME2); got {photometric}; convert it")
    numbers = _Numbers(fields, path)
    angles = (numbers.one("PositionerPrimaryAngle"), numbers.one("PositionerSecondaryAngle"))
    known_angles = None if angles[0] is None or angles[1] is None else (angles[0], angles[1])
    turns, mirrored = _orientation(fields, numbers, known_angles)
    bits = numbers.one("BitsStored")
    return DicomFields(
        spacing_mm=_spacing(fields, numbers),
        sdd_mm=numbers.positive("DistanceSourceToDetector"),
        source_to_patient_mm=numbers.positive("DistanceSourceToPatient"),
        angles_deg=known_angles,
        photometric=photometric,
        bits=None if bits is None else int(bits),
        logarithmic=fields.get("PixelIntensityRelationship") == "LOG",
        bright=_bright(fields, numbers, photometric),
        quarter_turns=turns,
        mirrored=mirrored,
        found=tuple(fields),
    )


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Attributes as numbers."""

    fields: Mapping[str, str]
    path: str

    def all(self, name: str) -> tuple[float, ...]:
        try:
            return tuple(float(part) for part in self.fields[name].split("\\")) if name in self.fields else ()
        except ValueError:
            raise XrayError(f"{self.path}: {name} must be numbers; got {self.fields[name]!r}; correct it") from None

    def one(self, name: str) -> float | None:
        values = self.all(name)
        return values[0] if values else None

    def positive(self, name: str) -> float | None:
        """A distance; zero is how some systems say that they do not know."""
        value = self.one(name)
        return value if value is not None and value > 0 else None

    def pair(self, name: str) -> tuple[float, float] | None:
        """(along columns, along rows) of an attribute stored the other way about."""
        values = self.all(name)
        return (values[1], values[0]) if len(values) == 2 and min(values) > 0 else None


def _spacing(fields: Mapping[str, str], numbers: _Numbers) -> tuple[float, float] | None:
    """At the detector: stated, or calibrated at the patient and magnified; never Pixel Spacing as it stands."""
    imager = numbers.pair("ImagerPixelSpacing")
    calibrated = numbers.pair("PixelSpacing") if "PixelSpacingCalibrationType" in fields else None
    if imager is not None or calibrated is None:
        return imager
    magnification = numbers.positive("EstimatedRadiographicMagnificationFactor")
    sdd, patient = numbers.positive("DistanceSourceToDetector"), numbers.positive("DistanceSourceToPatient")
    if magnification is None and sdd is not None and patient is not None:
        magnification = sdd / patient
    return None if magnification is None else (calibrated[0] * magnification, calibrated[1] * magnification)


def _bright(fields: Mapping[str, str], numbers: _Numbers, photometric: str) -> Bright | None:
    sign = numbers.one("PixelIntensityRelationshipSign")
    if sign is not None:
        return "air" if sign > 0 else "bone"
    # Fluoroscopy stores MONOCHROME2 with dark = few X-rays; radiography stores what its maker likes.
    return "air" if fields.get("Modality") in _FLUOROSCOPY and photometric == "MONOCHROME2" else None


def _orientation(
    fields: Mapping[str, str], numbers: _Numbers, angles: tuple[float, float] | None
) -> tuple[int, bool | None]:
    """Quarter turns and mirror, from the field of view's attributes, else from the patient's orientation."""
    flip = fields.get("FieldOfViewHorizontalFlip")
    if flip in ("YES", "NO"):
        return round((numbers.one("FieldOfViewRotation") or 0.0) / 90) % 4, flip == "YES"
    letters = [part.strip() for part in fields.get("PatientOrientation", "").split("\\")]
    if angles is None or len(letters) != 2 or not all(part and set(part) <= set(_LETTERS) for part in letters):
        return 0, None
    return _from_letters(letters, angles)


def _from_letters(letters: list[str], angles: tuple[float, float]) -> tuple[int, bool | None]:
    """Compare where rows and columns run with the axes of the camera that the positioner's angles describe.

    The first letter is the main direction. An answer is given only where it is plain: each axis within 60 degrees of
    one of the camera's.
    """
    try:
        positioner = DicomPositioner(
            primary_angle_deg=angles[0],
            secondary_angle_deg=angles[1],
            source_to_detector_mm=1000.0,
            source_to_patient_mm=500.0,
            imager_pixel_spacing_mm=(1.0, 1.0),
            rows=2,
            columns=2,
        )
    except ConversionError:
        return 0, None
    axes = from_dicom(positioner, isocentre=np.zeros(3)).camera_from_world[:2, :3]
    stored = axes @ np.array([_LETTERS[part[0]] for part in letters], dtype=np.float64).T
    turned = np.rint(np.where(np.abs(stored) > 0.5, np.sign(stored), 0.0)).astype(int)
    if abs(round(float(np.linalg.det(turned)))) != 1:
        return 0, None
    mirrored = round(float(np.linalg.det(turned))) < 0
    # Columns of ``turned`` are the stored row and column directions in the camera; unmirrored, its first column turns.
    along_rows = -turned[:, 0] if mirrored else turned[:, 0]
    return {(1, 0): 0, (0, -1): 1, (-1, 0): 2, (0, 1): 3}[(int(along_rows[0]), int(along_rows[1]))], mirrored
