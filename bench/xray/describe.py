"""What an X-ray image says of its own calibration, and what must be said by hand."""

from dataclasses import dataclass

from bench.xray.line_integrals import XrayError, border_mask
from bench.xray.read import XrayImage, read_xray


@dataclass(frozen=True, slots=True)
class Description:
    """Rows to print.

    Attributes:
        fields: Name and value of what was read.
        calibration: Name and value of each number that a camera needs; ``not found`` where it is missing.
        missing: What to say by hand, one phrase each.
    """

    fields: tuple[tuple[str, str], ...]
    calibration: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def describe_xray(path: str) -> Description:
    """Read an image as far as it can be read without help.

    Raises:
        XrayError: The file cannot be read, whatever is said by hand.
    """
    image, missing = _read(path)
    needed = {
        "pixel spacing at the detector (columns, rows), mm": (image.spacing_mm, "spacing_mm"),
        "source to detector, mm": (image.sdd_mm, "sdd_mm"),
        "source to patient, mm": (image.source_to_patient_mm, "depth_mm, or a start"),
        "positioner angles (primary, secondary), deg": (image.angles_deg, "a start"),
    }
    missing += [f"{name}: say {word}" for name, (value, word) in needed.items() if value is None]
    rows, columns = image.intensities.shape
    inside = 100 * float(border_mask(image.intensities).mean())
    fields = (
        ("rows x columns", f"{rows} x {columns}"),
        ("intensities", f"{image.intensities.min():g} to {image.intensities.max():g} of {image.full_scale:g}"),
        ("inside the border", f"{inside:.0f} %"),
        ("photometric", image.photometric or "not a DICOM file"),
        ("attributes that decided", ", ".join(image.found) or "none"),
    )
    shown = tuple((name, "not found" if value is None else str(value)) for name, (value, _) in needed.items())
    return Description(fields, shown, tuple(missing))


def _read(path: str) -> tuple[XrayImage, list[str]]:
    """The image, with whatever the file does not tell assumed and named."""
    bright, flip = {"bright": "what bright means: say bright=air or bone"}, {"flip": "how it is mirrored: say flip"}
    refused = XrayError(f"{path}: cannot be read")
    for said in ({}, bright, flip, {**bright, **flip}):
        try:
            image = read_xray(path, flip="none" if "flip" in said else None, bright="air" if "bright" in said else None)
        except XrayError as error:
            refused = error
        else:
            return image, list(said.values())
    raise refused
