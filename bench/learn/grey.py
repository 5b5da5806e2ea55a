"""Scaling of a network's input image by its own range, which makes it independent of dose and fog."""

from torch import Tensor
from torch.nn import functional

from bench.learn.errors import WeightsError

_MIN_RANGE = 1e-6


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
    if not bool(((high - low) > _MIN_RANGE).all()):
        raise WeightsError("the image is empty: all of its pixels are equal; is the object before the detector?")
    return functional.avg_pool2d((images - low) / (high - low), height // size)
