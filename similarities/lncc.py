"""Local normalised cross-correlation."""

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor

from bench.contract import Card
from bench.similarity.base import SimilarityError, check_images, eroded, pixels


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
        a, b = _standardised(fixed, valid), _standardised(moving, valid)
        mean_a, mean_b = self._windows(a), self._windows(b)
        inner = eroded(valid, self.size)
        variance_a = pixels(self._windows(a.square()) - mean_a.square(), inner)
        variance_b = pixels(self._windows(b.square()) - mean_b.square(), inner)
        covariance = pixels(self._windows(a * b) - mean_a * mean_b, inner)
        telling = (variance_a > self.variance_floor).to(a.dtype)
        lengths = variance_a.clamp_min(self.variance_floor).sqrt() * variance_b.clamp_min(self.variance_floor).sqrt()
        return (covariance / lengths * telling).sum(1) / telling.sum(1).clamp_min(1)

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
