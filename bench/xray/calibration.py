"""From a read X-ray to a camera and a view: missing numbers are refused by name."""

import numpy as np

from bench.contract import View
from bench.geometry import Camera, Matrix
from bench.geometry.converters.dicom import DicomPositioner
from bench.xray.line_integrals import DARK_FRACTION, Valid, XrayError, bin_pixels, border_mask, line_integrals
from bench.xray.read import XrayImage


def camera_of(image: XrayImage, *, principal_point_px: tuple[float, float] | None = None) -> Camera:
    """The camera of an image with known spacing and source-to-detector distance.

    Args:
        image: As read.
        principal_point_px: (column, row) where the axis meets the detector; None = as the header states, else the
            centre of the image.

    Raises:
        XrayError: ``spacing_mm`` or ``sdd_mm`` is missing.
    """
    spacing, sdd = image.spacing_mm, image.sdd_mm
    if spacing is None:
        raise XrayError(
            f"{image.path}: no pixel spacing at the detector (ImagerPixelSpacing); give spacing_mm (--spacing-mm)"
            f"{_hint(image, 'spacing_mm')}"
        )
    if sdd is None:
        raise XrayError(
            f"{image.path}: no source-to-detector distance (DistanceSourceToDetector); give sdd_mm (--sdd-mm)"
        )
    if not (np.isfinite(sdd) and sdd > 0):
        raise XrayError(f"sdd_mm must be positive; got {sdd}")
    height, width = image.intensities.shape
    cx, cy = principal_point_px or image.principal_point_px or ((width - 1) / 2, (height - 1) / 2)
    K = np.array([[sdd / spacing[0], 0, cx], [0, sdd / spacing[1], cy], [0, 0, 1.0]])
    return Camera(K, height, width, sdd)


def positioner_of(image: XrayImage) -> DicomPositioner:
    """The geometry of the C-arm in the header, for ``bench.geometry.converters.dicom``.

    Raises:
        XrayError: A field is missing; all that are missing are named.
        ConversionError: Angles out of their range.
    """
    fields = {
        "PositionerPrimaryAngle, PositionerSecondaryAngle": image.angles_deg,
        "DistanceSourceToDetector (sdd_mm)": image.sdd_mm,
        "DistanceSourceToPatient (depth_mm)": image.source_to_patient_mm,
        "ImagerPixelSpacing (spacing_mm)": image.spacing_mm,
    }
    missing = [name for name, value in fields.items() if value is None]
    angles, sdd, patient, spacing = image.angles_deg, image.sdd_mm, image.source_to_patient_mm, image.spacing_mm
    if angles is None or sdd is None or patient is None or spacing is None:
        raise XrayError(
            f"{image.path}: no pose without {'; '.join(missing)}{_hint(image, 'angles_deg')}; give a calibration "
            "instead"
        )
    height, width = image.intensities.shape
    return DicomPositioner(
        primary_angle_deg=angles[0],
        secondary_angle_deg=angles[1],
        source_to_detector_mm=sdd,
        source_to_patient_mm=patient,
        imager_pixel_spacing_mm=(spacing[1], spacing[0]),
        rows=height,
        columns=width,
    )


def _hint(image: XrayImage, name: str) -> str:
    """A hint from the header on a missing value, where it does not suffice to compute it."""
    _, separator, hint = image.origins.get(name, "").partition("missing: ")
    return f" ({hint})" if separator and image.photometric is not None else ""


def view_of(
    image: XrayImage,
    camera: Camera,
    *,
    camera_from_rig: Matrix | None = None,
    binning: int = 1,
    air: float | None = None,
    dark_fraction: float = DARK_FRACTION,
    valid: Valid | None = None,
) -> View:
    """The view a method gets: border found, binned, line integrals.

    Args:
        image: As read.
        camera: Of the whole image; it is binned here.
        camera_from_rig: 4x4, mm; None = the identity.
        binning: Edge of the blocks whose mean intensity is a pixel.
        air: Intensity without an object; None = estimated (``air_level``).
        dark_fraction: Of the air level: what counts as border (``border_mask``).
        valid: (H, W) bool, pixels that an undistorted image has; None = all.

    Raises:
        XrayError: The camera was calibrated for another size, or the image is dark or the same everywhere.
    """
    size = image.intensities.shape
    if (camera.height, camera.width) != size:
        raise XrayError(
            f"{image.path}: the calibration is for {camera.height} x {camera.width} pixels (rows x columns), the image "
            f"has {size[0]} x {size[1]}; give the calibration of this image, or the image for which it was made"
        )
    inside = border_mask(image.intensities, dark_fraction=dark_fraction)
    inside = inside if valid is None else np.asarray(inside & valid, dtype=np.bool_)
    pixels, kept = bin_pixels(image.intensities, binning, valid=None if inside.all() else inside)
    integrals = line_integrals(pixels, air=air, valid=kept)
    seen = integrals if kept is None else integrals[kept]
    if seen.min() == seen.max():
        raise XrayError(
            f"{image.path}: the image is empty: every pixel inside the border is the same; expected an X-ray; check "
            "the file"
        )
    pose = np.eye(4) if camera_from_rig is None else camera_from_rig
    return View(camera.binned(binning), pose, integrals, kept)
