"""Gradient orientation."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.contract import Card
from bench.drr.compiled import compiled, parallel_range
from bench.similarity.base import check_images
from bench.similarity.compiled import images_of, sobel_into, takes_kernel, values_of
from bench.similarity.derivatives import FLOOR, gradients, magnitude
from bench.similarity.polarity import Polarity, check_polarity


@dataclass(frozen=True)
class GO:
    """Agreement of gradient angles where both gradients are strong, in [0, 1] (De Silva 2016).

    sum w' / max(N, N_LB) over the N pixels where both gradient lengths exceed their image's median (the lower one of
    an even count), w' = (2 - ln(phi + 1)) / 2, N_LB = half of the pixels. Blind to positive gain and offset. A
    constant image gives 0. The derivative sees the angles; the choice of pixels is piecewise constant.

    Attributes:
        weight: "same-polarity" is De Silva's: phi in [0, pi] is the angle between the gradients. "polarity-blind" folds
            it to [0, pi / 2] (the angle between the lines along them), the form for images that may be inverted.
    """

    differentiable: ClassVar[bool] = True

    weight: Polarity = "same-polarity"

    def __post_init__(self) -> None:
        check_polarity(self.weight)

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        if takes_kernel(fixed, moving):
            check_images(fixed, moving, valid, smallest=3)
            fixed_image, others, counted, _ = images_of(fixed, moving, valid, size=3)
            return values_of(_agreements(fixed_image, others, counted, self.weight == "polarity-blind"), moving)
        (fixed_x, moving_x), (fixed_y, moving_y) = gradients(fixed, moving, valid)
        strong = _strong(fixed_x, fixed_y) & _strong(moving_x, moving_y)
        dot = torch.addcmul(fixed_x * moving_x, fixed_y, moving_y)
        # atan2 has no derivative where a gradient vanishes; such pixels are not strong and must not spoil the rest.
        dot = torch.where(strong, dot, 1)
        angle = torch.atan2((fixed_x * moving_y - fixed_y * moving_x).abs(), dot)
        if self.weight == "polarity-blind":
            angle = torch.minimum(angle, math.pi - angle)
        weights = (1 - torch.log1p(angle) / 2).masked_fill(~strong, 0)
        return weights.sum(1) / strong.sum(1).clamp_min(max(1, strong.shape[1] // 2))


def _strong(along_x: Tensor, along_y: Tensor) -> Tensor:
    """Where the gradient is longer than the image's median."""
    length = magnitude(along_x, along_y).detach()
    return length > length.median(dim=1, keepdim=True).values


@compiled(parallel=True, fastmath=False)
def _agreements(fixed: Any, moving: Any, weights: Any, blind: bool) -> Any:
    """Values (B,) of ``Images``."""
    shape = weights.shape
    fixed_x, fixed_y, lengths = np.empty(shape), np.empty(shape), np.empty(shape)
    sobel_into(fixed, fixed_x, fixed_y)
    fixed_median = _lengths_and_median(fixed_x, fixed_y, weights, lengths)
    strong = (lengths > fixed_median) & (weights > 0)
    count = int(weights.sum())
    values = np.empty(len(moving))
    for b in parallel_range(len(moving)):
        x, y, own = np.empty(shape), np.empty(shape), np.empty(shape)
        sobel_into(moving[b], x, y)
        median = _lengths_and_median(x, y, weights, own)
        total, both = 0.0, 0
        for i in range(shape[0]):
            for j in range(shape[1]):
                if strong[i, j] and own[i, j] > median:
                    across = abs(fixed_x[i, j] * y[i, j] - fixed_y[i, j] * x[i, j])
                    along = fixed_x[i, j] * x[i, j] + fixed_y[i, j] * y[i, j]
                    angle = math.atan2(across, abs(along) if blind else along)
                    total += 1 - math.log1p(angle) / 2
                    both += 1
        values[b] = total / max(both, 1, count // 2)
    return values


@compiled(fastmath=False)
def _lengths_and_median(x: Any, y: Any, weights: Any, lengths: Any) -> float:
    """Write squared lengths, and return the lower median of those with a weight."""
    counted, n = np.empty(x.size), 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            square = max(x[i, j] * x[i, j] + y[i, j] * y[i, j], FLOOR)
            lengths[i, j] = square
            if weights[i, j] > 0:
                counted[n] = square
                n += 1
    return _smallest(counted[:n], (n - 1) // 2)


@compiled(fastmath=False)
def _smallest(values: Any, rank: int) -> float:
    """The value of a rank, from 0, of positive float64: found among those that share its exponent and first bits.

    Positive numbers are in the order of their bits, so that a histogram of the first ones leaves few to be sorted.
    """
    first = values.view(np.int64) >> 50
    counts = np.zeros(1 << 14, np.int64)
    for key in first:
        counts[key] += 1
    key, before = 0, 0
    while before + counts[key] <= rank:
        before += counts[key]
        key += 1
    return float(np.partition(values[first == key], rank - before)[rank - before])


plugin = GO
card = Card(
    title="GO (gradient orientation)",
    source="De Silva et al.",
    citation="T. De Silva et al., Phys. Med. Biol. 61, 2016",
    licence="Apache-2.0 (reimplemented)",
    deviations=("The polarity-blind form, for images that may be inverted, is a setting.",),
)
