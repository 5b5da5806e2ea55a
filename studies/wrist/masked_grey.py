"""The scale of a masked image that a network sees: the range of the pixels within its mask."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bench.learn import WeightsError
from studies.wrist.crop import Crop

_MIN_RANGE = 1e-6
# Quantiles of the pixels within a mask that become 0 and 1; values beyond are clipped.
_DARKEST, _BRIGHTEST = 0.02, 0.98


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
    if not bool(((high - low) > _MIN_RANGE).all()):
        raise WeightsError("the image is empty: all of its outlined pixels are equal; is the object there?")
    scaled = ((images - low) / (high - low)).clamp(0, 1).masked_fill(~masks, 0)
    return functional.avg_pool2d(scaled, images.shape[-1] // size)


def cropped(image: Tensor, mask: NDArray[np.bool_], crop: Crop) -> Tensor:
    """The crop of an image (1, 1, H, W) masked by (H, W), scaled by its masked-in pixels: (1, 1, edge, edge)."""
    part, inside = (torch.as_tensor(crop.cut(each))[None, None] for each in (image[0, 0].cpu().numpy(), mask))
    return masked_grey(part, inside, crop.edge)
