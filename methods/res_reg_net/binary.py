"""Black and white by Otsu's threshold, image by image.

In torch rather than scikit-image: a batch at a time, wherever it lies, and a machine that trains may lack the latter.
"""

import torch
from torch import Tensor

_BINS = 256


def otsu(images: Tensor) -> Tensor:
    """Thresholds (B, 1, 1, 1) of images (B, 1, H, W) in [0, 1]: the split of largest variance between its two parts.

    N. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9(1), 1979, eq. 14 to 18. Pixels above it are bright.
    """
    pixels = (images.flatten(1) * _BINS).long().clamp(0, _BINS - 1)
    counts = torch.zeros(len(images), _BINS, dtype=torch.float64, device=images.device)
    counts.scatter_add_(1, pixels, torch.ones_like(pixels, dtype=torch.float64))
    middles = (torch.arange(_BINS, dtype=torch.float64, device=images.device) + 0.5) / _BINS
    below, mass = counts.cumsum(1), (counts * middles).cumsum(1)
    above = below[:, -1:] - below
    apart = mass / below.clamp_min(1) - (mass[:, -1:] - mass) / above.clamp_min(1)
    best = (below * above * apart.square())[:, :-1].argmax(1)
    return ((best + 1) / _BINS).to(images.dtype).reshape(-1, 1, 1, 1)


def binarised(images: Tensor) -> Tensor:
    """Zeros and ones, as float, of images (B, 1, H, W) in [0, 1]."""
    return (images >= otsu(images)).to(images.dtype)
