"""Local normalised cross-correlation."""

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.contract import Card
from bench.drr.compiled import compiled, parallel_range
from bench.similarity.base import SimilarityError, check_images, eroded, pixels
from bench.similarity.compiled import images_of, takes_kernel, values_of


@dataclass(frozen=True)
class LNCC:
    """Mean NCC over square windows, one at every pixel where a window fits, in [-1, 1]; blind to gain and offset.

    Windows in which the fixed image hardly varies are left out, independently of the moving image:
    leaving out by the moving image would favour poses that move out of the image. A flat moving window scores about 0;
    a constant image, fixed or moving, gives 0.

    Attributes:
        size: Side of the window, pixels, odd or even, at least 2.
        variance_floor: Share of the image's variance below which a window's counts as none.
    """

    differentiable: ClassVar[bool] = True

    size: int = 9
    variance_floor: float = 1e-3

    def __post_init__(self) -> None:
        if self.size < 2 or not 0 < self.variance_floor < 1:
            raise SimilarityError(
                f"expected size >= 2 and 0 < variance_floor < 1; got {self.size} and {self.variance_floor}"
            )

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid, smallest=self.size)
        if takes_kernel(fixed, moving):
            return self._values(fixed, moving, valid)
        a, b = _standardised(fixed, valid), _standardised(moving, valid)
        mean_a, mean_b = self._windows(a), self._windows(b)
        inner = eroded(valid, self.size)
        variance_a = pixels(self._windows(a.square()) - mean_a.square(), inner)
        variance_b = pixels(self._windows(b.square()) - mean_b.square(), inner)
        covariance = pixels(self._windows(a * b) - mean_a * mean_b, inner)
        telling = (variance_a > self.variance_floor).to(a.dtype)
        lengths = variance_a.clamp_min(self.variance_floor).sqrt() * variance_b.clamp_min(self.variance_floor).sqrt()
        return (covariance / lengths * telling).sum(1) / telling.sum(1).clamp_min(1)

    def _values(self, fixed: Tensor, moving: Tensor, valid: Tensor | None) -> Tensor:
        """Without derivatives; the choice of windows is that of ``__call__`` to the last bit."""
        images = images_of(fixed, moving, valid, size=self.size)
        a = _standardised(fixed, valid)
        mean = self._windows(a)
        variance = (self._windows(a.square()) - mean.square())[0, 0].double().numpy()
        telling = images.weights * (variance > self.variance_floor)
        weights = telling / np.sqrt(np.maximum(variance, self.variance_floor)) / max(1.0, telling.sum())
        counted = np.ones(fixed.shape[-2:]) if valid is None else valid[0, 0].double().numpy()
        scores = _scores(
            a[0, 0].double().numpy(), images.moving, weights, counted, self.variance_floor, 100 * images.rounding
        )
        return values_of(scores, moving)

    def _windows(self, image: Tensor) -> Tensor:
        """Means over all windows that lie in the image."""
        return _sums(_sums(image, self.size, -2), self.size, -1) / self.size**2


def _sums(image: Tensor, size: int, axis: int) -> Tensor:
    """Sums of ``size`` neighbours along an axis, of sums of 1, 2, 4 ... neighbours: faster than pooling on a CPU."""
    parts, power, place = list[Tensor](), image, 0
    for width in (1 << bit for bit in range(size.bit_length())):
        if width > 1:
            rest = power.shape[axis] - width // 2
            power = power.narrow(axis, 0, rest) + power.narrow(axis, width // 2, rest)
        if size & width:
            parts.append(power.narrow(axis, place, image.shape[axis] - size + 1))
            place += width
    return reduce(torch.add, parts)


def _standardised(image: Tensor, valid: Tensor | None) -> Tensor:
    """Mean 0 and variance 1 over the valid pixels; zero for a constant image.

    In float32 a window's variance, a difference of two means, is lost where the image's mean is large.
    """
    if valid is not None:
        # A NaN outside must not reach the derivative of the mean.
        image = image.masked_fill(~valid, 0)
    counted = pixels(image, valid)
    mean = counted.mean(1, keepdim=True)
    variance = (counted - mean).square().mean(1, keepdim=True)
    constant = variance <= (100 * torch.finfo(image.dtype).eps * mean).square()
    scale = variance.masked_fill(constant, 1).rsqrt().masked_fill(constant, 0)
    return (image - mean[..., None, None]) * scale[..., None, None]


@compiled(parallel=True)
def _scores(a: Any, moving: Any, weights: Any, counted: Any, floor: float, rounding: float) -> Any:
    """Sums over windows of weight times covariance over the moving window's deviation, (B,).

    Args:
        a: The fixed image, standardised, (H, W) float64.
        moving: (B, H, W).
        weights: Of windows, (H - size + 1, W - size + 1).
        counted: 1 where a pixel is valid, else 0, (H, W).
        floor: Least variance of a window, as a share of the image's.
        rounding: Deviation, as a share of the mean, up to which an image is constant.
    """
    values = np.empty(len(moving))
    for n in parallel_range(len(moving)):
        values[n] = _score(a, moving[n], weights, _mean_and_gain(moving[n], counted, rounding), floor)
    return values


@compiled()
def _mean_and_gain(image: Any, counted: Any, rounding: float) -> tuple[float, float]:
    """Mean and reciprocal deviation over the valid pixels; a gain of zero for a constant image."""
    total, mean, variance = 0.0, 0.0, 0.0
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            total += counted[i, j]
            mean += counted[i, j] * image[i, j]
    mean /= total
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            variance += counted[i, j] * (image[i, j] - mean) ** 2
    variance /= total
    return mean, 0.0 if variance <= (rounding * mean) ** 2 else 1 / np.sqrt(variance)


@compiled()
def _score(a: Any, image: Any, weights: Any, mean_and_gain: tuple[float, float], floor: float) -> float:
    """Running sums over columns of ``size`` pixels, and of these over ``size`` columns."""
    rows, columns = weights.shape
    size, width = a.shape[0] - rows + 1, a.shape[1]
    mean, gain = mean_and_gain
    area = size * size
    down, windows = np.zeros((4, width)), np.empty((4, columns))
    score = 0.0
    for i in range(a.shape[0]):
        for j in range(width):
            b, fixed = (image[i, j] - mean) * gain, a[i, j]
            down[0, j] += fixed
            down[1, j] += b
            down[2, j] += b * b
            down[3, j] += b * fixed
        if i < size - 1:
            continue
        for k in range(4):
            _across(down[k], windows[k], size)
        top = i - size + 1
        for j in range(columns):
            covariance = windows[3, j] - windows[0, j] * windows[1, j] / area
            variance = windows[2, j] - windows[1, j] * windows[1, j] / area
            score += weights[top, j] * covariance / np.sqrt(area * max(variance, floor * area))
        for j in range(width):
            b, fixed = (image[top, j] - mean) * gain, a[top, j]
            down[0, j] -= fixed
            down[1, j] -= b
            down[2, j] -= b * b
            down[3, j] -= b * fixed
    return score


@compiled()
def _across(values: Any, sums: Any, size: int) -> None:
    total = 0.0
    for j in range(size - 1):
        total += values[j]
    for j in range(len(sums)):
        total += values[j + size - 1]
        sums[j] = total
        total -= values[j]


plugin = LNCC
card = Card(
    title="LNCC (local normalised cross-correlation)",
    source="ours, after the local normalised correlation of LaRose",
    citation="D. LaRose, Iterative X-ray/CT Registration, PhD thesis, CMU, 2001",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "Windows are squares around every pixel; windows in which the fixed image hardly varies are left out.",
    ),
)
