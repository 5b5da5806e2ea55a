"""The scale of an image that a network sees: its own range, so that neither dose nor fog moves it."""

import torch
from torch import Tensor
from torch.nn import functional

from bench.learn.errors import WeightsError

_LEAST_RANGE = 1e-6
# Of the pixels within a mask; what is beyond is clipped.
_DARKEST, _BRIGHTEST = 0.02, 0.98


def grey(images: Tensor, size: int) -> Tensor:
    """Scale every image to [0, 1] by its own range and average blocks of pixels.

    Args:
        images: (B, 1, H, W); line integrals, or anything that grows with them.
        size: Pixels along each edge of the result; divides H and W.

    Raises:
        WeightsError: Another aspect, or an image without any contrast.
    """
    height, width = images.shape[-2:]
    if height != width or height % size:
        raise WeightsError(f"a square image of a multiple of {size} pixels is needed; got {height} x {width}")
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    if not bool(((high - low) > _LEAST_RANGE).all()):
        raise WeightsError("the image is empty: all of its pixels are equal; is the object before the detector?")
    return functional.avg_pool2d((images - low) / (high - low), height // size)


def masked_grey(images: Tensor, masks: Tensor, size: int) -> Tensor:
    """Scale every image to [0, 1] by the range of its masked-in pixels; 0 beyond the mask.

    Args:
        images: (B, 1, H, W); line integrals, or anything that grows with them.
        masks: Same shape, bool.
        size: Pixels along each edge of the result; divides H and W.

    Raises:
        WeightsError: A mask without pixels, or no contrast within one.
    """
    flat, inside = images.flatten(1), masks.flatten(1)
    if not bool(inside.any(1).all()):
        raise WeightsError("the outlined bone lies outside the network's window: outline the bone that it was made for")
    kept = flat.masked_fill(~inside, float("nan"))
    low, high = (torch.nanquantile(kept, share, dim=1)[:, None, None, None] for share in (_DARKEST, _BRIGHTEST))
    if not bool(((high - low) > _LEAST_RANGE).all()):
        raise WeightsError("the image is empty: all of its outlined pixels are equal; is the object there?")
    scaled = ((images - low) / (high - low)).clamp(0, 1).masked_fill(~masks, 0)
    return functional.avg_pool2d(scaled, images.shape[-1] // size)
