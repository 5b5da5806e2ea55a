"""Shared by all similarities: the contract, input checks, pixel selection and correlation.

Pixels outside ``valid`` are dropped by indexing, never multiplied by zero: they may hold NaN or anything else.
"""

from typing import ClassVar, Protocol

import torch
from torch import Tensor

from bench.errors import FluorobenchError


class SimilarityError(FluorobenchError):
    """Images, a mask or settings that a similarity cannot take."""


class Similarity(Protocol):
    """How alike images are; larger is more alike. A plug-in is a frozen dataclass whose fields are its settings.

    Attributes:
        differentiable: Whether torch can differentiate the values with respect to the images; gradient-based methods
            refuse a similarity without it.
    """

    differentiable: ClassVar[bool]

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """Compare one fixed image with a batch of moving ones.

        Args:
            fixed: Target image, (1, 1, H, W), floating point.
            moving: Images to judge, (B, 1, H, W), of the same type and device.
            valid: Pixels that count, (1, 1, H, W) bool; all of them if None. A gradient or a window counts where all
                pixels of its stencil do.

        Returns:
            (B,) similarities of the images' type, finite, also for constant images; dimensionless.

        Raises:
            SimilarityError: Shapes that do not match, or no pixel left to compare.
        """
        ...


def check_images(fixed: Tensor, moving: Tensor, valid: Tensor | None, *, smallest: int = 1) -> None:
    """Refuse images whose shapes disagree or that are smaller than a stencil of ``smallest`` pixels a side."""
    height, width = fixed.shape[-2:]
    if fixed.shape != (1, 1, height, width) or moving.ndim != 4 or moving.shape[1:] != fixed.shape[1:]:
        raise SimilarityError(
            f"expected fixed (1, 1, H, W) and moving (B, 1, H, W) of one size; got {tuple(fixed.shape)} and "
            f"{tuple(moving.shape)}"
        )
    if min(height, width) < smallest:
        raise SimilarityError(f"expected images of at least {smallest} x {smallest} pixels; got {height} x {width}")
    if valid is not None and (valid.shape != fixed.shape or valid.dtype != torch.bool):
        raise SimilarityError(
            f"expected valid to be bool of shape {tuple(fixed.shape)}; got {valid.dtype} {tuple(valid.shape)}"
        )


def pixels(image: Tensor, valid: Tensor | None) -> Tensor:
    """The pixels that count, (B, 1, H, W) -> (B, N)."""
    flat = image.flatten(1)
    if valid is None:
        return flat
    kept = valid.flatten().nonzero().squeeze(1)
    if kept.numel() == 0:
        raise SimilarityError("expected at least one valid pixel with a valid stencil; got none: widen the mask")
    return flat.index_select(1, kept)


def eroded(valid: Tensor | None, size: int) -> Tensor | None:
    """Where a stencil of ``size`` a side is valid, (1, 1, H, W) -> (1, 1, H - size + 1, W - size + 1)."""
    if valid is None:
        return None
    return valid.unfold(2, size, 1).all(dim=-1).unfold(3, size, 1).all(dim=-1)


def correlation(fixed: Tensor, moving: Tensor, *, pseudo: bool = False) -> Tensor:
    """Correlation of the pixels (1, N) with each of (B, N): the cosine of the mean-free vectors.

    Zero where either image is constant (to rounding): its correlation is undefined.

    Args:
        fixed: (1, N).
        moving: (B, N).
        pseudo: sum ab / sum sqrt(a^2 b^2 + 1e-10) instead, which the code of ProST and SOPI calls NCC. It reads
            higher: a true 0.5 of jointly normal pixels gives about 0.7.
    """
    fixed_mean, moving_mean = fixed.mean(1, keepdim=True), moving.mean(1, keepdim=True)
    a, b = fixed - fixed_mean, moving - moving_mean
    if pseudo:
        product = a * b
        return product.sum(1) / (product.square() + 1e-10).sqrt().sum(1)
    return _cosine(a, b, constant_a=_rounding(a, fixed_mean), constant_b=_rounding(b, moving_mean))


def cosine(fixed: Tensor, moving: Tensor) -> Tensor:
    """Cosine of (1, N) with each of (B, N), means kept; zero where either is zero."""
    return _cosine(fixed, moving, constant_a=fixed.new_zeros(()), constant_b=fixed.new_zeros(()))


def _rounding(centred: Tensor, mean: Tensor) -> Tensor:
    """The squared norm (B,) below which a mean-free vector is nothing but rounding of its mean."""
    tolerance = 100 * torch.finfo(centred.dtype).eps
    return centred.shape[1] * (tolerance * mean.detach().squeeze(1)).square()


def _cosine(a: Tensor, b: Tensor, *, constant_a: Tensor, constant_b: Tensor) -> Tensor:
    dot = (b @ a.squeeze(0)[:, None]).squeeze(1)
    square_a, square_b = a.square().sum(1), b.square().sum(1)
    empty = (square_a <= constant_a) | (square_b <= constant_b)
    # Both branches of where are differentiated: the square root must not see the zero.
    length = square_a.masked_fill(empty, 1).sqrt() * square_b.masked_fill(empty, 1).sqrt()
    return (dot / length).masked_fill(empty, 0)
