"""Conversion of stored numbers to intensities, which grow with the X-rays that arrive."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.xray.dicom_fields import Bright, DicomFields
from bench.xray.line_integrals import Pixels, XrayError

Meaning: TypeAlias = Bright | Literal["integrals"]
"""What high numbers of an image mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """The user's statements about the stored numbers, which override the file's.

    Attributes:
        bits: Of a stored number.
        bright: What high numbers mean.
        zero: The stored number that means no X-rays.
    """

    bits: int | None = None
    bright: Meaning | None = None
    zero: float | None = None


def to_intensities(
    numbers: NDArray[Any], path: str, fields: DicomFields | None, given: Override
) -> tuple[Pixels, float]:
    """Intensities (H, W), float32, and the intensity at which the stored numbers end.

    Args:
        numbers: As stored, (H, W).
        path: For messages.
        fields: Of a DICOM header.
        given: Stated by the user.

    Raises:
        XrayError: What high numbers mean is not known, numbers are negative or exceed their bits.
    """
    stored = np.asarray(numbers, dtype=np.float32)
    if given.bright == "integrals":
        # Scaled to a brightest pixel of 1, which a constant added to all line integrals does not move.
        darkest = float(stored.min())
        return np.asarray(np.exp(darkest - stored), dtype=np.float32), 1.0
    zero = _zero(stored, path, fields, given)
    above_zero = stored - np.float32(zero)
    top = _full_scale(numbers, path, fields, given.bits) - (zero if given.bits is None else 0.0)
    if float(above_zero.max()) > top:
        raise XrayError(
            f"{path}: pixels reach {float(above_zero.max()):g}, more than {_bits(fields, given)} bits hold; correct "
            "bits"
        )
    if (given.bright or _meaning_of_bright(above_zero, path, fields, top)) == "bone":
        above_zero = np.float32(top) - above_zero
    if fields is not None and fields.logarithmic:
        # The header gives no base: full range = full dynamic. Similarities that ignore gain do not mind.
        above_zero = np.power(np.float32(top), above_zero / np.float32(top))
    return np.asarray(above_zero, dtype=np.float32), top


def _zero(stored: Pixels, path: str, fields: DicomFields | None, given: Override) -> float:
    """The stored number that means no X-rays: as given, else 0, else of signed numbers the one that rescale makes 0."""
    low = float(stored.min())
    stated = fields.zero if fields is not None and fields.signed else None
    zero = given.zero if given.zero is not None else 0.0 if low >= 0 or stated is None else stated
    if low < zero:
        raise XrayError(
            f"{path}: pixels go down to {low:g}; expected intensities of {zero:g} and more; state which stored number "
            f"means no X-rays: --zero (zero = in a case file), at most {low:g}"
        )
    return zero


def _bits(fields: DicomFields | None, given: Override) -> int | str:
    stored = given.bits if given.bits is not None else None if fields is None else fields.bits
    return "its" if stored is None else stored


def _full_scale(numbers: NDArray[Any], path: str, fields: DicomFields | None, bits: int | None) -> float:
    """Where the numbers end: 2^bits - 1, by the user, the header or the pixel type; of real numbers, the highest."""
    stored = bits if bits is not None else None if fields is None else fields.bits
    if stored is None and numbers.dtype.kind == "f":
        return float(numbers.max())
    count = 8 * numbers.dtype.itemsize if stored is None else stored
    signed = bits is None and (fields.signed if fields is not None else numbers.dtype.kind == "i")
    return float(2 ** (count - 1 if signed else count) - 1)


def _meaning_of_bright(numbers: Pixels, path: str, fields: DicomFields | None, top: float) -> Bright:
    if fields is not None:
        if fields.bright.value is None:
            raise XrayError(
                f"{path}: {fields.photometric} without PixelIntensityRelationshipSign: the file does not state whether "
                "bone is bright; give bright='air' or bright='bone' (high numbers), --bright on the command line"
            )
        return "air" if fields.linearised_by_lut else fields.bright.value
    if _looks_inverted(numbers, top):
        raise XrayError(
            f"{path}: looks colour-inverted (its corners are white, parts of its middle black); give bright='bone' if "
            "bone is bright in it, bright='air' if not"
        )
    return "air"


def _looks_inverted(numbers: Pixels, top: float) -> bool:
    """A collimator's corners are black; where all four are white and the middle holds black, the user is asked."""
    edge = max(1, min(numbers.shape) // 32)
    corners = np.stack([numbers[rows, columns] for rows in _ends(edge) for columns in _ends(edge)])
    middle = numbers[numbers.shape[0] // 4 : -numbers.shape[0] // 4, numbers.shape[1] // 4 : -numbers.shape[1] // 4]
    return bool(middle.size and corners.min() > 0.95 * top and np.mean(middle < 0.05 * top) > 0.01)


def _ends(edge: int) -> tuple[slice, slice]:
    return slice(None, edge), slice(-edge, None)
