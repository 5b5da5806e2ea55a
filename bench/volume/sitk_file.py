"""Image files through SimpleITK: NRRD, MetaImage, TIFF, PNG and others; not DICOM and NIfTI. Imports SimpleITK."""

import locale
import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import SimpleITK
from numpy.typing import NDArray

from bench.volume.grid import Grid
from bench.volume.memory import require_memory
from bench.volume.quiet import quietly
from bench.volume.stated import mm_per_unit, not_stated, require_sound
from bench.volume.volume import VolumeError
from bench.volume.whole import require_header, require_whole

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK
_Answer = TypeVar("_Answer")

_PHOTOMETRIC_TAG, _ORIENTATION_TAG = 262, 274
# Values a byte that the compressions of pictures reach at most: 1365 by LZW, 1032 by deflate, 8 by one bit a pixel.
_MAX_PACKED = 8 * 1400
# Pillow logs what is wrong with a file, which is told here.
logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
# What Pillow raises for a file that it does not read, or finds too large.
_NOT_READ = (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError)
_TURNABLE = (".tif", ".tiff", ".png")
# What the format libraries print, and only print, when a file ends before its image does.
_CUT_SHORT = re.compile(r"IO error|Failed to read|Can not read|not read completely|unexpected end", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageShape:
    """A file's header: voxels along (i, j, ...) and values a voxel."""

    size: tuple[int, ...]
    components: int


def image_shape(path: Path) -> ImageShape:
    """Read a header.

    Raises:
        VolumeError: The file is damaged, of no known format, or too large for the memory.
    """
    require_header(path)
    _require_unturned(path)
    require_sound(path)
    reader = _reader(path)
    size = tuple(int(each) for each in reader.GetSize())
    shape = ImageShape(size, int(reader.GetNumberOfComponents()))
    require_memory(path, (*size, shape.components))
    held = path.stat().st_size
    if path.suffix.lower() in _TURNABLE and np.prod(size, dtype=np.float64) * shape.components > _MAX_PACKED * held:
        promised = " x ".join(map(str, size))
        raise VolumeError(
            f"{path}: cut short: its header promises {promised} pixels, it has {held} bytes; copy it again"
        )
    return shape


def read_numbers(path: Path) -> NDArray[Any]:
    """The numbers of a file, last axis first: (rows, columns) or (slices, rows, columns).

    A TIFF file that shows 0 as white is inverted, so that high numbers are bright in every file.

    Raises:
        VolumeError: The file is damaged or cut short.
    """
    image_shape(path)
    require_whole(path)
    numbers = np.asarray(_sitk.GetArrayFromImage(_guarded(_reader(path).Execute, path)))
    if numbers.dtype.kind == "u" and _white_is_zero(path):
        return np.asarray(np.iinfo(numbers.dtype).max - numbers)
    return numbers


def read_grid(path: Path) -> Grid:
    """Read a volume with the geometry that its file states.

    Raises:
        VolumeError: The file is damaged or cut short.
    """
    numbers = np.transpose(read_numbers(path))
    missing = not_stated(path)
    if missing:
        return Grid(numbers, None, f"missing: {', '.join(missing)}")
    header = _reader(path)
    affine = np.eye(4)
    affine[:3, :3] = np.array(header.GetDirection()).reshape(3, 3) * np.array(header.GetSpacing())
    affine[:3, 3] = header.GetOrigin()
    affine[:3] *= mm_per_unit(path)
    return Grid(numbers, affine, "its header")


def _reader(path: Path) -> Any:
    """A reader that has read the header."""
    reader = _sitk.ImageFileReader()
    reader.SetFileName(str(path))
    _guarded(reader.ReadImageInformation, path)
    return reader


def _picture(path: Path) -> PIL.Image.Image:
    """A picture's header by Pillow, without its remarks on large ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PIL.Image.open(path)


def _require_unturned(path: Path) -> None:
    """Refuse a picture that its file turns or mirrors for display: viewers show it otherwise than it is stored."""
    if path.suffix.lower() not in _TURNABLE:
        return
    try:
        with _picture(path) as image:
            turn = image.getexif().get(_ORIENTATION_TAG, 1)
    except _NOT_READ:
        return  # a kind that Pillow does not know; SimpleITK decides
    if turn not in (0, 1):
        raise VolumeError(
            f"{path}: its Orientation tag ({turn}) turns or mirrors it for display; write it again as it is shown, "
            "without the tag"
        )


def _white_is_zero(path: Path) -> bool:
    """Whether a TIFF file shows 0 as white; SimpleITK returns its numbers as stored."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with _picture(path) as image:
            return isinstance(image, PIL.TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC_TAG) == 0
    except _NOT_READ:
        return False  # a kind of TIFF that Pillow does not know


def _guarded(call: Callable[[], _Answer], path: Path) -> _Answer:
    """Run a SimpleITK call; its errors, and warnings that mean one, become one line."""
    # Some of ITK's readers, such as that of VTK files, leave the process in the locale "C": text files would then be
    # read as ASCII.
    before = locale.setlocale(locale.LC_ALL)
    try:
        return quietly(call, refuse=_CUT_SHORT)
    except RuntimeError as error:
        raise VolumeError(f"{path}: cannot be read as an image: {_reason(str(error), path)}") from None
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _reason(message: str, path: Path) -> str:
    """The informative part of an ITK message, in one line, without addresses in memory and its own preamble."""
    if "ImageIO reader" in message or "not recognized" in message:
        case = (
            ""
            if path.suffix == path.suffix.lower()
            else f" (endings are in lower case: rename it to {path.suffix.lower()})"
        )
        return f"it is damaged, or not a DICOM, NIfTI, NRRD, MetaImage, TIFF or PNG file{case}"
    if "Unknown PixelType" in message:
        return "a pixel holds several values, such as grey and transparency; write it again with one grey value a pixel"
    if "No such file" in message and path.is_file():
        return "its header is damaged, or names a file of numbers that is not there"
    told = re.split(r"(?:sitk::|itk::|ITK )ERROR: ", message)[-1]
    return " ".join(re.sub(r"\w+\(0x[0-9a-f]+\): ?", "", told).split()) or "no reason given"
