"""Sobel and Laplacian-of-Gaussian responses by sums of slices: faster than conv2d for one channel on a CPU.

No padding: a response exists where the whole stencil lies in the image, so a border never makes an edge.
"""

import torch
from torch import Tensor

from bench.similarity.base import check_images, eroded, pixels

# Squared gradient magnitudes below this are nothing; it keeps square roots and quotients differentiable at zero.
FLOOR = 1e-24


def sobel(image: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel responses along columns (x) and rows (y), (B, 1, H, W) -> two of (B, 1, H - 2, W - 2), not normalised."""
    smooth = torch.add(image[..., :-2, :] + image[..., 2:, :], image[..., 1:-1, :], alpha=2)
    step = image[..., 2:, :] - image[..., :-2, :]
    along_y = torch.add(step[..., :-2] + step[..., 2:], step[..., 1:-1], alpha=2)
    return smooth[..., 2:] - smooth[..., :-2], along_y


def gradients(fixed: Tensor, moving: Tensor, valid: Tensor | None) -> tuple[tuple[Tensor, Tensor], ...]:
    """Sobel responses of both images along x and along y, each (B, N), at the N pixels with valid neighbours alone.

    Raises:
        SimilarityError: Images that cannot be compared (``check_images``).
    """
    check_images(fixed, moving, valid, smallest=3)
    inner = eroded(valid, 3)
    return tuple((pixels(f, inner), pixels(m, inner)) for f, m in zip(sobel(fixed), sobel(moving), strict=True))


def magnitude(along_x: Tensor, along_y: Tensor) -> Tensor:
    """Length of the gradient; at least 1e-12, so that zero has a zero derivative instead of NaN."""
    return torch.addcmul(along_x.square(), along_y, along_y).clamp_min(FLOOR).sqrt()


def laplacian_of_gaussian(image: Tensor) -> Tensor:
    """The 5 x 5 kernel of NCCL divided by -2, (B, 1, H, W) -> (B, 1, H - 4, W - 4).

    The kernel [-2 -4 -4 -4 -2; -4 0 8 0 -4; -4 8 24 8 -4; -4 0 8 0 -4; -2 -4 -4 -4 -2] has rank 2: it is
    -2 (p q' + 2 r p') with p = (1, 0, -2, 0, 1), q = (1, 2, 2, 2, 1), r = (0, 1, 2, 1, 0), applied here as such.
    """
    rows = image.shape[-2] - 4
    r0, r1, r2, r3, r4 = (image[..., i : i + rows, :] for i in range(5))
    bent = torch.sub(r0 + r4, r2, alpha=2)
    smooth = torch.add(r1 + r3, r2, alpha=2)
    pairs = bent[..., :-1] + bent[..., 1:]
    triples = pairs[..., :-1] + pairs[..., 1:]
    smooth_bent = torch.sub(smooth[..., :-4] + smooth[..., 4:], smooth[..., 2:-2], alpha=2)
    return torch.add(triples[..., :-2] + triples[..., 2:], smooth_bent, alpha=2)
