"""From X-ray intensities to line integrals: the valid field, the air level, the logarithm, the binning.

Intensities grow with the X-rays that arrive; any unit serves, because only their ratio to the air level counts.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.errors import FluorobenchError

Pixels: TypeAlias = NDArray[np.float32]
Valid: TypeAlias = NDArray[np.bool_]

AIR_PERCENTILE = 99.5
DARK_FRACTION = 0.02
# Half the last step of 16 bits: darker values mean that no X-rays arrived.
_DARKEST = 0.5 / 65535


class XrayError(FluorobenchError):
    """An X-ray image or its calibration that cannot be used."""


def border_mask(intensities: Pixels, *, dark_fraction: float = DARK_FRACTION, margin_px: int = 4) -> Valid:
    """The pixels inside collimator and border, bool (H, W).

    The largest connected region brighter than ``dark_fraction`` of the air level, its holes (metal, dense bone) filled,
    less a margin along the collimator's edge where its shadow fades. An image without a border is valid everywhere. A
    dense object that touches the border is lost with it.

    Args:
        intensities: (H, W).
        dark_fraction: Of the air level over the whole image; a collimator lets through less.
        margin_px: Pixels taken off along the edge of the dark region, not along the edge of the image.

    Raises:
        XrayError: The image is not 2-D, not finite or negative, or dark everywhere.
    """
    _require_intensities(intensities)
    bright = ndimage.median_filter(intensities, size=3) > dark_fraction * air_level(intensities)
    parts, count = ndimage.label(bright)
    if count > 1:
        sizes = np.bincount(parts.reshape(-1))
        sizes[0] = 0
        bright = parts == sizes.argmax()
    filled = np.asarray(ndimage.binary_fill_holes(bright), dtype=np.bool_)
    if margin_px < 1 or filled.all():
        return filled
    far = ndimage.distance_transform_cdt(filled, metric="chessboard")
    # A padded frame would count as dark; the transform knows no frame, so that the image's own edge costs nothing.
    return np.asarray(far > margin_px, dtype=np.bool_)


def air_level(intensities: Pixels, *, valid: Valid | None = None) -> float:
    """The intensity without an object: the 99.5th percentile of the valid pixels.

    A percentile, because a maximum belongs to a few hot pixels. Where no air is in the image the level is too low by
    one factor, which shifts all line integrals alike.

    Raises:
        XrayError: No pixel is valid, or all are dark.
    """
    pixels = intensities if valid is None else intensities[valid]
    level = float(np.percentile(pixels, AIR_PERCENTILE)) if pixels.size else 0.0
    if level <= 0:
        raise XrayError("no X-rays in this image: its valid pixels are all dark; check the file and its inversion")
    return level


def line_integrals(intensities: Pixels, *, air: float | None = None, valid: Valid | None = None) -> Pixels:
    """-log(I / air), float32 (H, W), dimensionless.

    Args:
        intensities: (H, W), not negative.
        air: The intensity without an object; None = ``air_level`` of the valid pixels.
        valid: Pixels inside the border; the others get the median of these, so that the border makes no edge of the
            height of a bone. None = all are valid.

    Raises:
        XrayError: Intensities that are not a finite, non-negative 2-D image, a mask of another size or without
            a pixel, or no air level.
    """
    _require_intensities(intensities)
    if valid is not None and valid.shape != intensities.shape:
        raise XrayError(f"the valid mask has {_size(valid)} pixels, the image {_size(intensities)}; give its own")
    if valid is not None and not valid.any():
        raise XrayError("no pixel of this image is inside its border; check the file, the border and the binning")
    level = air_level(intensities, valid=valid) if air is None else air
    if not level > 0:
        raise XrayError(f"air must be a positive intensity; got {air}")
    integrals = -np.log(np.maximum(intensities / np.float32(level), np.float32(_darkest(intensities) / level)))
    if valid is not None and not valid.all():
        integrals[~valid] = np.median(integrals[valid])
    return np.asarray(integrals, dtype=np.float32)


def _darkest(intensities: Pixels) -> float:
    """What an intensity of zero is taken for: half the smallest that is not."""
    positive = intensities[intensities > 0]
    return max(0.5 * float(positive.min()), _DARKEST * float(positive.max())) if positive.size else 1.0


def bin_pixels(image: Pixels, factor: int, *, valid: Valid | None = None) -> tuple[Pixels, Valid | None]:
    """Means of ``factor`` x ``factor`` blocks, as ``Camera.binned`` counts them; for intensities, before the logarithm.

    Rows and columns at the end that fill no block are cut. With a mask only valid pixels are averaged; a block is
    valid when more than half of it is.

    Raises:
        XrayError: A factor below 1 or above the image.
    """
    height, width = image.shape[0] // max(factor, 1), image.shape[1] // max(factor, 1)
    if factor < 1 or min(height, width) < 1:
        raise XrayError(f"binning must be 1 to {min(image.shape)} for an image of {_size(image)} pixels; got {factor}")
    shape = (height, factor, width, factor)
    blocks = image[: height * factor, : width * factor].reshape(shape)
    if valid is None:
        return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32), None
    inside = valid[: height * factor, : width * factor].reshape(shape)
    share = inside.mean(axis=(1, 3), dtype=np.float32)
    sums: Pixels = np.where(inside, blocks, np.float32(0)).mean(axis=(1, 3))
    plain: Pixels = blocks.mean(axis=(1, 3))
    means: Pixels = np.where(share > 0, sums / np.maximum(share, np.float32(1e-6)), plain)
    return np.asarray(means, dtype=np.float32), np.asarray(share > 0.5, dtype=np.bool_)


def _require_intensities(intensities: Pixels) -> None:
    if intensities.ndim != 2:
        raise XrayError(f"an X-ray image has two axes (rows, columns); got shape {intensities.shape}")
    if not np.isfinite(intensities).all() or float(intensities.min()) < 0:
        raise XrayError("X-ray intensities must be finite and not negative; got NaN, infinity or negative pixels")


def _size(image: NDArray[np.generic]) -> str:
    return " x ".join(str(size) for size in image.shape)
