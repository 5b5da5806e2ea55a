"""Gradient correlation over the moving image's own silhouette."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from bench.contract import Card
from bench.drr.compiled import compiled, parallel_range
from bench.similarity.base import SimilarityError, check_images, eroded
from bench.similarity.compiled import images_of, sobel_into, takes_kernel, values_of
from bench.similarity.derivatives import FLOOR, sobel


@dataclass(frozen=True)
class SGC:
    """Mean correlation of the two Sobel responses where the moving content is, and near it, in [-1, 1].

    Plain gradient correlation takes the fixed image's norm over the whole image: among poses it is a matched filter,
    attracted by the strongest edges, such as those of a denser bone beside it. Here each moving image is compared
    within its own silhouette grown by ``margin``, so that strong edges inside it count against a pose that does not
    explain them. Blind to positive gain and to offset of the fixed image, and to gain of the moving one. A constant
    image gives 0. The derivative sees the responses; the choice of pixels is piecewise constant.

    A pose that leaves the image is judged by the part that is still in it; bounds must keep it there.

    Attributes:
        margin: Growth of the silhouette, pixels.
        threshold: Share of the moving image's greatest value that counts as content.
    """

    differentiable: ClassVar[bool] = True

    margin: int = 5
    threshold: float = 0.02

    def __post_init__(self) -> None:
        if self.margin < 0 or not 0 <= self.threshold < 1:
            raise SimilarityError(
                f"expected margin >= 0 and 0 <= threshold < 1; got {self.margin} and {self.threshold}"
            )

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid, smallest=3)
        if takes_kernel(fixed, moving):
            images = images_of(fixed, moving, valid, size=3)
            values = _correlations(*images, self.margin, self.threshold)
            return values_of(values, moving)
        inner = eroded(valid, 3)
        if valid is not None and inner is not None:
            if not inner.any():
                raise SimilarityError(
                    "expected at least one valid pixel with a valid stencil; got none: widen the mask"
                )
            # Values there are replaced, not weighted by zero: NaN times zero is NaN.
            fixed, moving = fixed.masked_fill(~valid, 0), moving.masked_fill(~valid, 0)
        inside = self._silhouette(moving.detach())
        weights = (inside if inner is None else inside & inner).to(moving.dtype)
        along_x, along_y = (_correlation(f, m, weights) for f, m in zip(sobel(fixed), sobel(moving), strict=True))
        return (along_x + along_y) / 2

    def _silhouette(self, moving: Tensor) -> Tensor:
        """Where Sobel responses count, (B, 1, H - 2, W - 2) bool; nowhere for an image without content."""
        highest = moving.amax(dim=(2, 3), keepdim=True)
        content = (moving > self.threshold * highest) & (highest > 0)
        return _grown(_grown(content, self.margin, -2), self.margin, -1)[..., 1:-1, 1:-1]


def _grown(mask: Tensor, margin: int, axis: int) -> Tensor:
    """A mask grown by a margin both ways along one axis: unions of shifted copies, each twice as wide as the last."""
    around = (0, 0, margin, margin) if axis == -2 else (margin, margin)
    mask, width, side = pad(mask, around), 1, 2 * margin + 1
    while width < side:
        step = min(width, side - width)
        rest = mask.shape[axis] - step
        mask, width = mask.narrow(axis, 0, rest) | mask.narrow(axis, step, rest), width + step
    return mask


def _correlation(fixed: Tensor, moving: Tensor, weights: Tensor) -> Tensor:
    """Weighted correlation (B,) of one response with each of a batch; zero where either is constant to rounding."""
    axes = (1, 2, 3)
    total = weights.sum(axes, keepdim=True).clamp_min(1)
    a, constant_a = _centred(fixed, weights, total)
    b, constant_b = _centred(moving, weights, total)
    square_a, square_b = a.square().sum(axes), b.square().sum(axes)
    empty = (square_a <= constant_a) | (square_b <= constant_b)
    length = square_a.masked_fill(empty, 1).sqrt() * square_b.masked_fill(empty, 1).sqrt()
    return ((a * b).sum(axes) / length).masked_fill(empty, 0)


def _centred(image: Tensor, weights: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted mean-free image, and the squared norm (B,) below which it is nothing but rounding."""
    mean = (image * weights).sum((1, 2, 3), keepdim=True) / total
    peak = image.detach().abs().amax(dim=(1, 2, 3), keepdim=True)
    tolerance = total * (10 * torch.finfo(image.dtype).eps * peak).square() + FLOOR
    return (image - mean) * weights, tolerance.flatten()


@compiled(parallel=True)
def _correlations(fixed: Any, moving: Any, valid: Any, rounding: float, margin: int, threshold: float) -> Any:
    """Mean correlation (B,) of the responses of ``Images`` within each moving image's silhouette."""
    shape = valid.shape
    fixed_x, fixed_y = np.empty(shape), np.empty(shape)
    sobel_into(fixed, fixed_x, fixed_y)
    values = np.empty(len(moving))
    for b in parallel_range(len(moving)):
        weights, total = _weights(moving[b], valid, margin, threshold)
        x, y = np.empty(shape), np.empty(shape)
        sobel_into(moving[b], x, y)
        along_x = _weighted_correlation(fixed_x, x, weights, total, rounding)
        values[b] = (along_x + _weighted_correlation(fixed_y, y, weights, total, rounding)) / 2
    return values


@compiled()
def _weights(image: Any, valid: Any, margin: int, threshold: float) -> tuple[Any, float]:
    """1 on valid pixels within ``margin`` rows and columns of content, else 0, and their sum, at least 1."""
    highest = image[0, 0]
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            highest = max(highest, image[i, j])
    weights, total = np.zeros(valid.shape), 0.0
    if not highest > 0:
        return weights, 1.0
    near = _near_in_rows(image, image.dtype.type(threshold) * highest, margin)
    height, width = near.shape
    # How many rows within the margin have content near.
    counts = np.zeros(width, np.int64)
    for i in range(-margin, height - 1):
        if i + margin < height:
            counts += near[i + margin]
        if i > margin:
            counts -= near[i - margin - 1]
        if i > 0:
            for j in range(width - 2):
                weights[i - 1, j] = valid[i - 1, j] * (counts[j + 1] > 0)
                total += weights[i - 1, j]
    return weights, max(total, 1.0)


@compiled()
def _near_in_rows(image: Any, least: float, margin: int) -> Any:
    """Whether a pixel greater than ``least`` lies within a margin in the same row, (H, W) bool."""
    height, width = image.shape
    near = np.zeros((height, width), np.bool_)
    for i in range(height):
        done = 0
        for j in range(width):
            if image[i, j] > least:
                end = min(width, j + margin + 1)
                near[i, max(done, j - margin) : end] = True
                done = end
    return near


@compiled()
def _weighted_correlation(a: Any, b: Any, weights: Any, total: float, rounding: float) -> float:
    """Of two responses; zero where either is constant to rounding."""
    sum_a, sum_b, peak_a, peak_b = 0.0, 0.0, 0.0, 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            sum_a += weights[i, j] * a[i, j]
            sum_b += weights[i, j] * b[i, j]
            peak_a, peak_b = max(peak_a, abs(a[i, j])), max(peak_b, abs(b[i, j]))
    mean_a, mean_b = sum_a / total, sum_b / total
    square_a, square_b, dot = 0.0, 0.0, 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            p, q = weights[i, j] * (a[i, j] - mean_a), weights[i, j] * (b[i, j] - mean_b)
            square_a += p * p
            square_b += q * q
            dot += p * q
    least_a, least_b = total * (10 * rounding * peak_a) ** 2 + FLOOR, total * (10 * rounding * peak_b) ** 2 + FLOOR
    if square_a <= least_a or square_b <= least_b:
        return 0.0
    length: float = np.sqrt(square_a) * np.sqrt(square_b)
    return dot / length


plugin = SGC
card = Card(
    title="SGC (gradient correlation within the silhouette)",
    source="ours; gradient correlation as in Penney et al.",
    citation="G. P. Penney et al., IEEE Trans. Med. Imaging 17(4), 1998",
    licence="Apache-2.0 (reimplemented)",
    deviations=("Each moving image is compared within its own silhouette, grown by a margin.",),
)
