"""What the file of an X-ray image states about its calibration, and which values must be given by the user."""

from bench.volume.describe import Description
from bench.xray.line_integrals import XrayError, border_mask
from bench.xray.read import XrayImage, frames_in, read_xray

_SHOWN_FRAME = 0
# Of 16 bits with a sign: below it no image goes.
_LOWEST = -32768.0


# Name of a value, its title in a table, and the option that gives it.
_VALUES = (
    ("spacing_mm", "pixel spacing at the detector (columns, rows), mm", "--spacing-mm (spacing_mm)"),
    ("sdd_mm", "source to detector, mm", "--sdd-mm (sdd_mm)"),
    ("source_to_patient_mm", "source to patient, mm", "--depth-mm, or a start"),
    ("angles_deg", "positioner angles (primary, secondary), deg", "a start"),
    ("principal_point_px", "principal point (column, row), px", "principal_point_px in a case file"),
)
_OPTIONS = {
    "bright": "the meaning of bright: give --bright air or bone",
    "flip": "whether it is mirrored: give --flip",
    "zero": "the number that means no X-rays: give --zero",
}


def describe_xray(path: str, *, frame: int | None = None) -> Description:
    """Read an image as far as it can be read without help.

    Args:
        path: The file.
        frame: Of a file of several; None = the first.

    Raises:
        XrayError: The file cannot be read, whatever values are given.
    """
    frames = frames_in(path)
    shown = frame if frame is not None or frames == 1 else _SHOWN_FRAME
    image, assumed = _read(path, shown)
    rows, columns = image.intensities.shape
    inside = 100 * float(border_mask(image.intensities).mean())
    fields = (
        ("frames", "1" if frames == 1 else f"{frames}; shown: {shown} (--frame)"),
        ("rows x columns", f"{rows} x {columns}"),
        ("intensities", f"{image.intensities.min():g} to {image.intensities.max():g} of {image.full_scale:g}"),
        ("inside the border", f"{inside:.0f} %"),
        ("photometric", image.photometric or "not a DICOM file"),
        *((f"{name} (stored numbers)", _origin(image, name, assumed)) for name in ("bright", "flip")),
    )
    calibration = tuple((title, _text(_value(image, name)), image.origins[name]) for name, title, _ in _VALUES)
    wanted = [f"{title}: give {option}" for name, title, option in _VALUES if image.origins[name].startswith("missing")]
    return Description(fields, calibration, (*(_OPTIONS[name] for name in assumed), *wanted))


def _origin(image: XrayImage, name: str, assumed: tuple[str, ...]) -> str:
    return "missing" if name in assumed else image.origins[name]


def _value(image: XrayImage, name: str) -> float | tuple[float, ...] | None:
    """A value as read, or for the principal point what is assumed without one."""
    value: float | tuple[float, ...] | None = getattr(image, name)
    if value is None and name == "principal_point_px":
        height, width = image.intensities.shape
        return (width - 1) / 2, (height - 1) / 2
    return value


def _text(value: float | tuple[float, ...] | None) -> str:
    if value is None:
        return "not found"
    return ", ".join(f"{each:g}" for each in (value if isinstance(value, tuple) else (value,)))


def _read(path: str, frame: int | None) -> tuple[XrayImage, tuple[str, ...]]:
    """The image, with the values that had to be assumed, by name."""
    refused = XrayError(f"{path}: cannot be read")
    for given in ((), ("bright",), ("flip",), ("bright", "flip"), ("zero",), ("zero", "flip"), tuple(_OPTIONS)):
        try:
            image = read_xray(
                path,
                flip="none" if "flip" in given else None,
                bright="air" if "bright" in given else None,
                zero=_LOWEST if "zero" in given else None,
                frame=frame,
            )
        except XrayError as error:
            refused = error
        else:
            return image, given
    raise refused
