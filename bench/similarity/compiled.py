"""When a compiled kernel may take the place of torch, and what kernels of gradient measures share.

Kernels know values alone: a derivative, another device or another floating point type is left to torch, whose values
differ by rounding. They take one moving image after the other, so that what they store between two passes stays in the
processor's cache, which the whole population of torch's operations does not.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.drr.compiled import compiled
from bench.similarity.base import SimilarityError, eroded

# Of torch's type; sums are of float64.
Pixels: TypeAlias = NDArray[Any]


class Images(NamedTuple):
    """What a kernel takes.

    Attributes:
        fixed: (H, W).
        moving: (B, H, W).
        weights: 1 where a stencil is valid, else 0; (H - size + 1, W - size + 1) float64.
        rounding: The type's epsilon.
    """

    fixed: Pixels
    moving: Pixels
    weights: Pixels
    rounding: float


def takes_kernel(fixed: Tensor, moving: Tensor, *, always: bool = False) -> bool:
    """Whether values alone are wanted, on the processor, of float32 or float64, and a kernel is worth while.

    Args:
        fixed: As for ``Similarity``.
        moving: Likewise.
        always: Whether the kernel is faster for small images, too.
    """
    images = (fixed, moving)
    wanted = torch.is_grad_enabled() and any(image.requires_grad for image in images)
    here = all(each.device.type == "cpu" and each.dtype in _TYPES for each in images)
    return here and not wanted and (always or fixed.numel() >= LARGE)


_TYPES = (torch.float32, torch.float64)
# Pixels from which torch's intermediate images leave the cache. At 64 x 64 most kernels gain nothing.
LARGE = 1 << 13


def images_of(fixed: Tensor, moving: Tensor, valid: Tensor | None, *, size: int) -> Images:
    """Images for a kernel; pixels outside the mask are zero, as they may hold NaN.

    Args:
        fixed: (1, 1, H, W).
        moving: (B, 1, H, W).
        valid: (1, 1, H, W) bool or None.
        size: Side of the stencil, pixels.

    Raises:
        SimilarityError: No stencil is valid.
    """
    height, width = fixed.shape[-2:]
    weights = np.ones((height - size + 1, width - size + 1))
    inner = eroded(valid, size)
    if valid is not None and inner is not None:
        if not inner.any():
            raise SimilarityError("expected at least one valid pixel with a valid stencil; got none: widen the mask")
        fixed, moving = fixed.masked_fill(~valid, 0), moving.masked_fill(~valid, 0)
        weights = inner[0, 0].double().numpy()
    return Images(contiguous(fixed[0, 0]), contiguous(moving[:, 0]), weights, torch.finfo(fixed.dtype).eps)


def contiguous(image: Tensor) -> Pixels:
    """As an array, without a copy where none is needed."""
    return np.ascontiguousarray(image.detach().numpy())


def values_of(values: Pixels, moving: Tensor) -> Tensor:
    """A kernel's values (B,) as the images' type."""
    return torch.as_tensor(values, dtype=moving.dtype)


@compiled()
def sobel_into(image: Any, along_x: Any, along_y: Any) -> None:
    """Write the responses of ``bench.similarity.derivatives.sobel``.

    Args:
        image: (H, W).
        along_x: (H - 2, W - 2) float64, written.
        along_y: Likewise.
    """
    rows, columns = along_x.shape
    smooth, step = np.empty(columns + 2), np.empty(columns + 2)
    for i in range(rows):
        for j in range(columns + 2):
            above, here, below = float(image[i, j]), float(image[i + 1, j]), float(image[i + 2, j])
            smooth[j], step[j] = above + below + 2 * here, below - above
        for j in range(columns):
            along_x[i, j] = smooth[j + 2] - smooth[j]
            along_y[i, j] = step[j] + step[j + 2] + 2 * step[j + 1]
