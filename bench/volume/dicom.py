"""DICOM files: attributes by keyword, functional groups by frame, and stored numbers. Imports pydicom.

X-ray images and CT series are read from here alone, so that header and pixels come from one source: stored numbers are
those of the file, without rescale, look-up table or inversion for display, for any transfer syntax.
"""

import logging
import re
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from bench.volume.memory import require_memory
from bench.volume.quiet import quietly
from bench.volume.volume import VolumeError

# pydicom's data sets have attributes that no type checker knows; here they end.
_pydicom: Any = pydicom
# A decoder that fails is logged with its traceback otherwise; the error becomes one line here.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_PREAMBLE = 128
# Files without a preamble begin with the group of file meta information or of identification.
_FIRST_GROUPS = (0x0002, 0x0008)
# The decoder preferred for a transfer syntax: those that keep sign and precision of every bit depth.
_DECODERS = {
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
}
_MAX_BYTES = 1 << 34
# What JPEG decoders print, and only print, of a damaged stream that they decode none the less.
_DAMAGED = re.compile(r"corrupt|premature|extraneous|truncated", re.IGNORECASE)
# Largest plausible compression, that of an image of one grey value; beyond it the header contradicts the file.
_MAX_COMPRESSION = 5000
# Overlay Bit Position of an overlay that lies in the pixels themselves, where it is not 0.
_OVERLAY_BIT = 0x0102
_NOT_PIXELS = ("SQ", "OB", "OW", "OF", "OD", "OL", "OV", "UN")


@dataclass(frozen=True, slots=True, eq=False)
class DicomHeader:
    """The attributes of a DICOM file, or of one of its frames.

    Attributes:
        path: The file.
        layers: Data sets in the order in which an attribute is looked for: of a frame its functional groups, then the
            shared ones, then the file's own attributes.
    """

    path: Path
    layers: tuple[Any, ...]

    @property
    def dataset(self) -> Any:
        """The file's own attributes."""
        return self.layers[-1]

    @property
    def frames(self) -> int:
        """Number of frames; 1 where the file does not state it."""
        return int(self.number("NumberOfFrames") or 1)

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of an attribute as text, without padding; empty where it is absent or has no value."""
        for layer in self.layers:
            values = _values(layer, name, self.path)
            if values:
                return values
        return ()

    def text(self, name: str) -> str | None:
        """The first value of an attribute, or None."""
        return next(iter(self.texts(name)), None)

    def numbers(self, name: str, count: int | None = None) -> tuple[float, ...]:
        """The values of an attribute as finite numbers; empty where it is absent.

        Args:
            name: Keyword.
            count: How many there must be; None = any number.

        Raises:
            VolumeError: A value that is no finite number, or another count of them.
        """
        texts = self.texts(name)
        try:
            values = tuple(float(text) for text in texts)
        except ValueError:
            values = (float("nan"),)
        if not np.isfinite(values).all():
            raise VolumeError(f"{self.path}: {name} must be numbers; got {'/'.join(texts)!r}; correct it")
        if values and count is not None and len(values) != count:
            raise VolumeError(f"{self.path}: {name} must be {count} numbers; got {len(values)}; correct it")
        return values

    def number(self, name: str) -> float | None:
        """The first value of an attribute as a number, or None."""
        return next(iter(self.numbers(name)), None)

    def positive(self, name: str) -> float | None:
        """A distance in mm; None also for zero, which is how some systems store an unknown distance."""
        value = self.number(name)
        return value if value is not None and value > 0 else None

    def has(self, name: str) -> bool:
        """Whether an attribute, possibly a sequence, is present with a value."""
        return any(name in layer and not layer[name].is_empty for layer in self.layers)

    def items(self, name: str) -> tuple["DicomHeader", ...]:
        """The items of a sequence."""
        found = next((layer[name].value for layer in self.layers if name in layer and layer[name].VR == "SQ"), ())
        return tuple(DicomHeader(self.path, (item,)) for item in found)

    def of_frame(self, frame: int) -> "DicomHeader":
        """The attributes that hold for a frame, its functional groups before the shared ones before the file's.

        Raises:
            VolumeError: Functional groups that do not count as many frames as the file.
        """
        groups = self._groups()
        own = () if not groups else tuple(_macros(groups[frame]))
        return DicomHeader(self.path, (*own, *self._shared(), *self.layers))

    def all_frames(self) -> tuple["DicomHeader", ...]:
        """``of_frame`` of every frame.

        Raises:
            VolumeError: Functional groups that do not count as many frames as the file, or more frames than it holds.
        """
        require_pixels(self)
        groups, behind = self._groups(), (*self._shared(), *self.layers)
        if not groups:
            return (DicomHeader(self.path, behind),) * self.frames
        return tuple(DicomHeader(self.path, (*_macros(group), *behind)) for group in groups)

    def _groups(self) -> tuple["DicomHeader", ...]:
        groups = self.items("PerFrameFunctionalGroupsSequence")
        if groups and len(groups) != self.frames:
            raise VolumeError(
                f"{self.path}: NumberOfFrames is {self.frames}, but functional groups are there for {len(groups)} "
                "frames; write the file again"
            )
        return groups

    def _shared(self) -> tuple[Any, ...]:
        return tuple(layer for item in self.items("SharedFunctionalGroupsSequence") for layer in _macros(item))


def _macros(item: DicomHeader) -> Iterator[Any]:
    """The first items of the sequences of a functional group."""
    for element in item.dataset:
        if element.VR == "SQ" and len(element.value):
            yield element.value[0]


def _values(layer: Any, name: str, path: Path) -> tuple[str, ...]:
    with _quiet(path, f"{name} cannot be read"):
        if name not in layer or layer[name].VR in _NOT_PIXELS or layer[name].is_empty:
            return ()
        value = layer[name].value
    single = isinstance(value, str | bytes) or not hasattr(value, "__iter__")
    texts = [str(getattr(each, "original_string", each)).strip("\0 ") for each in ([value] if single else value)]
    return tuple(texts) if any(texts) else ()


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes; its name does not count."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_PREAMBLE + 4)
    except OSError:
        return False
    if head[_PREAMBLE:] == b"DICM":
        return True
    group, element = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    # Identification begins with a low element number, which keeps most other files out.
    return len(head) > _PREAMBLE and group in _FIRST_GROUPS and element <= 0x0018


def read_header(path: Path) -> DicomHeader:
    """Read a file without its pixels.

    Raises:
        VolumeError: It is not a DICOM file or damaged.
    """
    with _quiet(path, "cannot be read as an image"):
        dataset = _pydicom.dcmread(path, stop_before_pixels=True, force=True)
    if not dataset:
        raise VolumeError(f"{path}: cannot be read as an image: damaged, or not a DICOM file; copy it again")
    return DicomHeader(path, (dataset,))


def stored_numbers(header: DicomHeader, frame: int | None = None) -> NDArray[Any]:
    """The numbers of a file's pixels as stored: (H, W) of one frame, else (frames, H, W).

    Args:
        header: Of the file.
        frame: From 0; None = all frames.

    Raises:
        VolumeError: No pixels, colour, cut short, a transfer syntax without a decoder, or a header that promises more
            than the file holds.
    """
    shape, syntax = require_pixels(header), _syntax(header)
    require_memory(header.path, shape if frame is None else shape[1:])
    array = _decoded(header, syntax, frame)
    expected = shape[1:] if frame is not None or shape[0] == 1 else shape
    if array.shape != expected:
        raise VolumeError(f"{header.path}: the header promises pixels of shape {expected}; got {array.shape}")
    return _used_bits(header, array)


def _decoded(header: DicomHeader, syntax: str, frame: int | None) -> NDArray[Any]:
    """Pixels as their decoder gives them; of the file only the frame is read where its transfer syntax allows it."""
    options: dict[str, Any] = {"raw": True, "decoding_plugin": _DECODERS.get(syntax, ""), "correct_unused_bits": False}
    uid = _pydicom.uid.UID(syntax)
    what = f"its pixels ({uid.name}) cannot be decoded; copy it again, or convert it to plain DICOM"
    with _quiet(header.path, what):
        source = _pydicom.dcmread(header.path) if uid.is_deflated else header.path
        if not uid.is_deflated:
            options["transfer_syntax_uid"] = syntax
        index = 0 if header.frames == 1 else frame
        return np.asarray(quietly(lambda: _pydicom.pixels.pixel_array(source, index=index, **options), _DAMAGED))


def through_modality_lut(header: DicomHeader, numbers: NDArray[Any]) -> NDArray[Any]:
    """Stored numbers through the file's Modality LUT Sequence.

    Raises:
        VolumeError: The table is damaged.
    """
    with _quiet(header.path, "its ModalityLUTSequence cannot be applied"):
        return np.asarray(_pydicom.pixels.apply_modality_lut(numbers, header.dataset))


def _used_bits(header: DicomHeader, numbers: NDArray[Any]) -> NDArray[Any]:
    """The bits of a pixel that hold its value: the others may hold an overlay or anything."""
    allocated, stored = (header.number(name) for name in ("BitsAllocated", "BitsStored"))
    if numbers.dtype.kind == "f" or allocated is None or stored is None or not 0 < stored < allocated:
        return numbers
    high = header.number("HighBit")
    above = 8 * numbers.dtype.itemsize - 1 - int(stored - 1 if high is None else high)
    if not 0 <= above <= 8 * numbers.dtype.itemsize - int(stored):
        raise VolumeError(f"{header.path}: HighBit {high} does not fit {stored:g} of {allocated:g} bits; correct it")
    numbers = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    _require_unused(header, numbers, above)
    # To the top, where the sign is, and back down: an arithmetic shift repeats the sign.
    raised = np.left_shift(numbers, numbers.dtype.type(above))
    return np.asarray(np.right_shift(raised, numbers.dtype.type(8 * numbers.dtype.itemsize - int(stored))))


def _require_unused(header: DicomHeader, numbers: NDArray[Any], above: int) -> None:
    """Refuse values that need more bits than the header states: without their upper bits they would be other ones.

    Upper bits may be 0, repeat the sign, or hold an overlay that the header states (PS3.5 8.1.1).
    """
    overlaid = any(
        element.value for element in header.dataset.group_dataset(0x6000) if element.tag.elem == _OVERLAY_BIT
    )
    if above == 0 or overlaid:
        return
    size = 8 * numbers.dtype.itemsize
    upper = np.right_shift(numbers.view(f"u{numbers.dtype.itemsize}"), size - above)
    wrong = upper != 0
    if numbers.dtype.kind == "i":
        wrong &= np.left_shift(numbers, numbers.dtype.type(above)) >= 0
        wrong |= (upper != 0) & (upper != 2**above - 1)
    if wrong.any():
        raise VolumeError(
            f"{header.path}: {int(wrong.sum())} pixels need more bits than the header states (BitsStored "
            f"{header.number('BitsStored'):g}, HighBit {size - 1 - above}); correct it, or write the file without an "
            "overlay in its upper bits"
        )


def _shape(header: DicomHeader) -> tuple[int, int, int]:
    rows, columns = header.number("Rows"), header.number("Columns")
    if rows is None or columns is None or min(rows, columns, header.frames) < 1:
        raise VolumeError(f"{header.path}: the DICOM file holds no pixels (Rows, Columns); expected an image")
    samples = header.number("SamplesPerPixel") or 1
    if samples != 1:
        raise VolumeError(
            f"{header.path}: expected one grey value a pixel; got {samples:g} (colour); convert it to grey first"
        )
    return header.frames, int(rows), int(columns)


def _syntax(header: DicomHeader) -> str:
    """The transfer syntax; files without file meta information are implicit little endian."""
    meta = getattr(header.dataset, "file_meta", {})
    return str(meta.get("TransferSyntaxUID", "") or "1.2.840.10008.1.2")


def require_pixels(header: DicomHeader) -> tuple[int, int, int]:
    """The shape (frames, rows, columns) of a file's pixels, which must be there.

    Raises:
        VolumeError: No grey pixels, or a header that promises more than the file can hold.
    """
    shape, uid = _shape(header), _pydicom.uid.UID(_syntax(header))
    if not uid.is_transfer_syntax:
        raise VolumeError(f"{header.path}: TransferSyntaxUID {uid!r} is unknown; correct it")
    if header.number("BitsAllocated") == 1:
        raise VolumeError(f"{header.path}: one bit a pixel is a mask; expected grey values; name another file")
    pixels, size = float(np.prod(shape, dtype=np.float64)), header.path.stat().st_size
    needed = pixels * int(header.number("BitsAllocated") or 16) / 8
    plain = not uid.is_compressed and not uid.is_deflated
    if needed > _MAX_BYTES or needed > (size if plain else _MAX_COMPRESSION * size):
        raise VolumeError(
            f"{header.path}: cut short: the image takes {needed:.0f} bytes, {header.path.name} holds {size}; copy it "
            "again"
        )
    return shape


@contextmanager
def _quiet(path: Path, what: str) -> Generator[None]:
    """Suppress pydicom's warnings and convert its errors on damaged files into one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except VolumeError:
        raise
    except MemoryError:
        raise VolumeError(f"{path}: {what}: there is not enough memory for it") from None
    except Exception as error:
        # A damaged file raises anything from struct.error to AttributeError.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VolumeError(f"{path}: {what}: {reason[:160]}") from None
