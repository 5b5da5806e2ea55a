"""Read X-ray images: DICOM, TIFF, PNG, NIfTI, and TIFF stacks of voxels. Touches SimpleITK.

Pixels come out as intensities (they grow with the X-rays that arrive) as seen from the source. A mirror cannot be seen
in pixels: where the file does not tell, ``flip`` must be said. Whether bone is bright can be seen only sometimes: a
DICOM file that does not tell is asked about, any other is taken as air bright unless its border looks inverted.
Resolution tags of TIFF and PNG are never taken for a pixel spacing: scanners and viewers fill them with their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import SimpleITK
from numpy.typing import NDArray

from bench.volume.intact import require_whole
from bench.volume.read import guarded
from bench.volume.volume import FloatGrid, VolumeError
from bench.xray.dicom_fields import Bright, DicomFields, dicom_fields
from bench.xray.line_integrals import Pixels, XrayError

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK

Flip: TypeAlias = Literal["none", "horizontal", "vertical", "both"]
_PHOTOMETRIC_TAG = 262
_MILLIMETRES = 2  # NIfTI's code of the unit, in the low three bits of xyzt_units


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class XrayImage:
    """An X-ray image as seen from the source.

    Attributes:
        intensities: (H, W) float32, not negative, growing with the X-rays that arrive.
        full_scale: The intensity at which the stored numbers end.
        spacing_mm: On the detector, along (columns, rows); None where neither file nor user said.
        sdd_mm: Source to detector, or None.
        source_to_patient_mm: Source to patient, or None.
        angles_deg: DICOM positioner angles (primary, secondary), or None.
        photometric: As stored: MONOCHROME1, MONOCHROME2, or None for files that are not DICOM.
        found: Names of the fields that the file itself stated.
        path: Where it was read.
    """

    intensities: Pixels
    full_scale: float
    spacing_mm: tuple[float, float] | None
    sdd_mm: float | None
    source_to_patient_mm: float | None
    angles_deg: tuple[float, float] | None
    photometric: str | None
    found: tuple[str, ...]
    path: str


Meaning: TypeAlias = Bright | Literal["integrals"]
"""What high numbers of an image mean."""


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """Stored numbers (H, W), the header, and the spacing as SimpleITK gives it."""

    numbers: NDArray[Any]
    header: Mapping[str, str]
    spacing: tuple[float, float]


def read_xray(
    path: str | Path,
    *,
    spacing_mm: float | tuple[float, float] | None = None,
    sdd_mm: float | None = None,
    flip: Flip | None = None,
    bits: int | None = None,
    bright: Meaning | None = None,
    frame: int | None = None,
) -> XrayImage:
    """Read one X-ray image. What the user says goes before what the file says.

    Args:
        path: DICOM, TIFF, PNG or NIfTI.
        spacing_mm: Pixel spacing at the detector, one number or (columns, rows).
        sdd_mm: Source to detector.
        flip: What turns the stored image into the one seen from the source; needed where the file does not tell.
        bits: Of a stored number, where fewer than its type holds (12 bits in 16).
        bright: ``air`` where high numbers mean many X-rays, ``bone`` where they mean few, ``integrals`` where they are
            line integrals already, -log(I / I0), as ``fluorobench render`` writes them.
        frame: Of a file of several, from 0.

    Raises:
        XrayError: A file that is missing, cut short or in colour, a value that is missing (named) or impossible.
    """
    file = Path(path).expanduser()
    if flip is not None and flip not in get_args(Flip):
        raise XrayError(f"flip must be one of {', '.join(get_args(Flip))}; got {flip!r}")
    raw = _read(file, frame)
    fields = dicom_fields(raw.header, str(file)) if "0028|0100" in raw.header else None
    spacing = _spacing(spacing_mm, fields, raw)
    turns = fields.quarter_turns if fields is not None and flip is None else 0
    oriented = _as_seen(_intensities(file, raw, fields, bits=bits, bright=bright), file, fields, flip)
    return XrayImage(
        intensities=np.ascontiguousarray(oriented),
        full_scale=1.0 if bright == "integrals" else _full_scale(file, raw, fields, bits),
        spacing_mm=spacing if spacing is None or turns % 2 == 0 else (spacing[1], spacing[0]),
        sdd_mm=sdd_mm if sdd_mm is not None or fields is None else fields.sdd_mm,
        source_to_patient_mm=None if fields is None else fields.source_to_patient_mm,
        angles_deg=None if fields is None else fields.angles_deg,
        photometric=None if fields is None else fields.photometric,
        found=() if fields is None else fields.found,
        path=str(file),
    )


def read_stack(path: str | Path) -> FloatGrid:
    """The numbers of a TIFF stack, (columns, rows, slices) float32; its spacing tags are not looked at.

    Raises:
        XrayError: No such file, cut short, or not a grey stack.
    """
    raw = _load(Path(path).expanduser())
    if raw.numbers.ndim != 3 or min(raw.numbers.shape) < 2:
        raise XrayError(f"{path}: expected a stack of grey slices; got an image of shape {raw.numbers.shape}")
    return np.ascontiguousarray(np.transpose(raw.numbers), dtype=np.float32)


def _read(path: Path, frame: int | None) -> _Raw:
    raw = _load(path)
    frames = raw.numbers if raw.numbers.ndim == 3 else raw.numbers[np.newaxis]
    if frames.ndim != 3:
        raise XrayError(f"{path}: expected an image of rows and columns; got shape {raw.numbers.shape}")
    chosen = 0 if frame is None and len(frames) == 1 else frame
    if chosen is None or not 0 <= chosen < len(frames):
        raise XrayError(
            f"{path}: it holds {len(frames)} frames; choose frame=0 to {len(frames) - 1}; got {frame} "
            "(a case file says frame = 0)"
        )
    return _Raw(frames[chosen], raw.header, raw.spacing)


def _load(path: Path) -> _Raw:
    if not path.is_file():
        raise XrayError(f"no such file: {path}; expected an X-ray image (DICOM, TIFF, PNG or NIfTI)")
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise XrayError(f"{path}: a JPEG file is lossy and may end early unnoticed; give DICOM, TIFF, PNG or NIfTI")
    reader = _sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        guarded(reader.ReadImageInformation, path)
        header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        components: int = reader.GetNumberOfComponents()
        if components != 1:
            raise XrayError(
                f"{path}: expected one grey value a pixel; got {components} (colour); convert it to grey first"
            )
        size = _sitk.Image([1, 1], reader.GetPixelID()).GetSizeOfPixelComponent()
        require_whole(path, header, int(np.prod(reader.GetSize(), dtype=np.int64)), size)
        image = guarded(reader.Execute, path)
    except VolumeError as error:
        raise XrayError(str(error)) from None
    numbers = np.asarray(_sitk.GetArrayFromImage(image))
    if _white_is_zero(path):
        numbers = np.asarray(np.iinfo(numbers.dtype).max - numbers)
    if not np.isfinite(numbers).all():
        raise XrayError(f"{path}: some pixels are NaN or infinite; expected finite numbers, repair them")
    return _Raw(numbers, header, tuple(image.GetSpacing()[:2]))


def _white_is_zero(path: Path) -> bool:
    """Whether a TIFF file shows 0 as white; SimpleITK hands its numbers out as they are."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with PIL.Image.open(path) as image:
            return isinstance(image, PIL.TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC_TAG) == 0
    except (OSError, ValueError):
        return False  # a kind of TIFF that Pillow does not know


def _spacing(
    given: float | tuple[float, float] | None, fields: DicomFields | None, raw: _Raw
) -> tuple[float, float] | None:
    """Along (columns, rows) as stored: the user's, the DICOM header's, or a NIfTI file's that says millimetres."""
    if given is not None:
        pair = (float(given), float(given)) if isinstance(given, int | float) else given
        if not all(np.isfinite(edge) and edge > 0 for edge in pair):
            raise XrayError(f"spacing_mm must be positive, one number or (columns, rows); got {given}")
        return pair
    if fields is not None:
        return fields.spacing_mm
    units = raw.header.get("xyzt_units", "0")
    return raw.spacing if units.isdigit() and int(units) & 7 == _MILLIMETRES else None


def _full_scale(path: Path, raw: _Raw, fields: DicomFields | None, bits: int | None) -> float:
    """Where the numbers end: 2^bits - 1, by the user, the header or the pixel type; of real numbers, the highest."""
    stored = bits if bits is not None else None if fields is None else fields.bits
    highest = float(raw.numbers.max())
    if stored is None and raw.numbers.dtype.kind == "f":
        return highest
    limit = float(2 ** (8 * raw.numbers.dtype.itemsize if stored is None else stored) - 1)
    if highest > limit:
        raise XrayError(f"{path}: pixels reach {highest:g}, more than {stored} bits hold; correct bits")
    return limit


def _intensities(
    path: Path, raw: _Raw, fields: DicomFields | None, *, bits: int | None, bright: Meaning | None
) -> Pixels:
    numbers = np.asarray(raw.numbers, dtype=np.float32)
    if bright == "integrals":
        # Scaled to a brightest pixel of 1, which a constant added to all line integrals does not move.
        darkest = float(numbers.min())
        return np.asarray(np.exp(darkest - numbers), dtype=np.float32)
    if float(numbers.min()) < 0:
        raise XrayError(f"{path}: pixels go down to {float(numbers.min()):g}; expected intensities of 0 and more")
    top = np.float32(_full_scale(path, raw, fields, bits))
    if (bright or _meaning_of_bright(path, fields, numbers, float(top))) == "bone":
        numbers = top - numbers
    if fields is not None and fields.logarithmic:
        # The header gives no base: full range = full dynamic. Similarities that ignore gain do not mind.
        numbers = np.power(top, numbers / top)
    return np.asarray(numbers, dtype=np.float32)


def _meaning_of_bright(path: Path, fields: DicomFields | None, numbers: Pixels, top: float) -> Bright:
    if fields is not None and fields.bright is None:
        raise XrayError(
            f"{path}: {fields.photometric} without PixelIntensityRelationshipSign: the file does not tell whether "
            "bone is bright; say bright='air' or bright='bone' (high numbers)"
        )
    if fields is None and _looks_inverted(numbers, top):
        raise XrayError(
            f"{path}: looks colour-inverted (its corners are white, parts of its middle black); say bright='bone' if "
            "bone is bright in it, bright='air' if not"
        )
    return "air" if fields is None or fields.bright is None else fields.bright


def _looks_inverted(numbers: Pixels, top: float) -> bool:
    """A collimator's corners are black; where all four are white and the middle holds black, ask."""
    edge = max(1, min(numbers.shape) // 32)
    corners = np.stack([numbers[rows, columns] for rows in _ends(edge) for columns in _ends(edge)])
    middle = numbers[numbers.shape[0] // 4 : -numbers.shape[0] // 4, numbers.shape[1] // 4 : -numbers.shape[1] // 4]
    return bool(middle.size and corners.min() > 0.95 * top and np.mean(middle < 0.05 * top) > 0.01)


def _ends(edge: int) -> tuple[slice, slice]:
    return slice(None, edge), slice(-edge, None)


def _as_seen(image: Pixels, path: Path, fields: DicomFields | None, flip: Flip | None) -> Pixels:
    """Undo what was done to the image since the detector saw it."""
    if flip is not None:
        rows, columns = flip in ("vertical", "both"), flip in ("horizontal", "both")
        return image[:: -1 if rows else 1, :: -1 if columns else 1]
    if fields is None or fields.mirrored is None:
        missing = (
            "FieldOfViewHorizontalFlip, nor PatientOrientation with positioner angles" if fields else "orientation"
        )
        raise XrayError(
            f"{path}: the file states no {missing}; say flip (--flip, or flip in a case file): none, horizontal, "
            "vertical or both, what turns it into the image seen from the source (a mirror cannot be seen in pixels)"
        )
    unmirrored = image[:, ::-1] if fields.mirrored else image
    return np.asarray(np.rot90(unmirrored, fields.quarter_turns))
