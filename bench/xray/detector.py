"""Geometry of the detector as stated in a header: distances, spacing, principal point.

Imager Pixel Spacing is at the detector, Pixel Spacing is not unless the header states how it was calibrated (PS3.3
C.7.6.3, 10.7.1.3). Field of View Origin is the corner of the image on the physical detector, before rotation and flip,
in detector elements as (row, column) offsets (C.8.11.4). Image Plane Pixel Spacing and RT Image Position of an RT image
are in the plane at RT Image SID, in the axes of the image receptor (C.8.8.2).
"""

import numpy as np

from bench.volume.dicom import DicomHeader
from bench.xray.found import Found, derived, missing, stated
from bench.xray.orientation import Orientation, Point

Spacing = tuple[float, float]


def source_to_detector(header: DicomHeader) -> Found[float]:
    """Source to detector, mm."""
    for name in ("DistanceSourceToDetector", "RTImageSID"):
        if (value := header.positive(name)) is not None:
            return stated(value, name)
    return missing()


def source_to_patient(header: DicomHeader) -> Found[float]:
    """Source to patient, taken as the distance to the isocentre, mm."""
    for name in ("DistanceSourceToPatient", "DistanceSourceToIsocenter", "RadiationMachineSAD"):
        if (value := header.positive(name)) is not None:
            return stated(value, name)
    return missing()


def pixel_spacing(header: DicomHeader) -> Found[Spacing]:
    """At the detector, along (columns, rows) as stored: never Pixel Spacing as it stands."""
    for name in ("ImagerPixelSpacing", "ImagePlanePixelSpacing"):
        if (pair := _pair(header, name)) is not None:
            return stated(pair, name)
    calibrated = _pair(header, "PixelSpacing")
    if calibrated is None:
        return missing(_intensifier_hint(header))
    kind = header.text("PixelSpacingCalibrationType")
    if kind is None:
        return missing("PixelSpacing without PixelSpacingCalibrationType is at no known depth")
    magnification, how = header.positive("EstimatedRadiographicMagnificationFactor"), "stated"
    sdd, patient = source_to_detector(header).value, source_to_patient(header).value
    if magnification is None and sdd is not None and patient is not None:
        magnification, how = sdd / patient, "source-to-detector over source-to-patient distance"
    if magnification is None:
        return missing(f"PixelSpacing, calibrated by {kind}, without a magnification")
    spacing = calibrated[0] * magnification, calibrated[1] * magnification
    return derived(spacing, f"PixelSpacing, calibrated by {kind}, times magnification {magnification:.4g} ({how})")


def principal_point(header: DicomHeader, spacing: Spacing | None, orientation: Orientation | None) -> Found[Point]:
    """Where the axis meets the stored image, (column, row) of pixel centres.

    Derived on the assumption that the axis meets the middle of the detector's active area, or for an RT image the
    origin of the receptor's axes less its stated translation. Missing where nothing is stated.
    """
    if header.has("RTImagePosition"):
        return _of_rt_image(header, spacing)
    origin = header.numbers("FieldOfViewOrigin", 2)
    if not origin:
        return missing()
    pitch = header.numbers("DetectorElementSpacing", 2)
    active = header.numbers("DetectorActiveDimensions")
    needs = {"DetectorElementSpacing": pitch, "DetectorActiveDimensions": active, "pixel spacing": spacing or (),
             "FieldOfViewHorizontalFlip": (1.0,) if orientation is not None else ()}  # fmt: skip
    lacking = [name for name, value in needs.items() if not value]
    if lacking or spacing is None or orientation is None or min(pitch) <= 0:
        return missing(f"FieldOfViewOrigin {origin[0]:g}/{origin[1]:g} without {', '.join(lacking) or 'a valid pitch'}")
    corner = np.array(origin) - np.array(header.numbers("DetectorActiveOrigin", 2) or (0.0, 0.0))
    middle = np.array((active * 2)[:2]) / 2 - corner * np.array(pitch)  # mm from the image's corner: down, right
    turned = orientation.quarter_turns % 2 == 1
    right, down = (spacing[1], spacing[0]) if turned else spacing
    seen = float(middle[1] / right - 0.5), float(middle[0] / down - 0.5)
    height, width = int(header.number("Rows") or 0), int(header.number("Columns") or 0)
    point = orientation.apply_point(seen, height=height, width=width)
    return derived(point, "FieldOfViewOrigin on the detector; assumed: the axis meets the middle of its active area")


def _of_rt_image(header: DicomHeader, spacing: Spacing | None) -> Found[Point]:
    position, axes = header.numbers("RTImagePosition", 2), header.numbers("RTImageOrientation", 6)
    if header.text("RTImagePlane") == "NON_NORMAL" or (header.number("XRayImageReceptorAngle") or 0.0) != 0:
        return missing("RTImagePosition on a receptor that is turned")
    if spacing is None or not axes or not position:
        return missing("RTImagePosition without RTImageOrientation or ImagePlanePixelSpacing")
    translation = header.numbers("XRayImageReceptorTranslation", 3)
    shift = np.array(translation[:2] if translation else (0.0, 0.0))
    along = np.array(axes).reshape(2, 3)[:, :2] @ (-shift - np.array(position))
    how = "RTImagePosition, XRayImageReceptorTranslation"
    if not translation:
        how = "RTImagePosition; assumed: the axis meets the receptor's origin (no XRayImageReceptorTranslation)"
    return derived((float(along[0] / spacing[0]), float(along[1] / spacing[1])), how)


def _pair(header: DicomHeader, name: str) -> Spacing | None:
    """(along columns, along rows) of an attribute that is stored the other way about."""
    values = header.numbers(name)
    return (values[1], values[0]) if len(values) == 2 and min(values) > 0 else None


def _intensifier_hint(header: DicomHeader) -> str:
    """The spacing that an image intensifier's size would make, where a circular shutter shows its rim."""
    diameter, radius = header.positive("IntensifierSize"), header.positive("RadiusOfCircularShutter")
    if diameter is None:
        return ""
    if radius is None:
        return f"IntensifierSize is {diameter:g} mm: divide it by the pixels across the round image"
    return (
        f"IntensifierSize {diameter:g} mm over the circular shutter's {2 * radius:g} pixels would make "
        f"{diameter / (2 * radius):.4g} mm, if the shutter is the intensifier's rim"
    )
