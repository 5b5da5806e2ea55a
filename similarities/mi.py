"""Mutual information."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.contract import Card
from bench.drr.compiled import compiled, parallel_range
from bench.similarity.base import SimilarityError, check_images, pixels
from bench.similarity.compiled import contiguous, takes_kernel, values_of


@dataclass(frozen=True)
class MI:
    """Mutual information of the intensities, nats, at least 0; blind to gain (of any sign) and offset.

    Bin centres span each image's range evenly; a pixel is shared by the two bins whose centres it lies between, in
    proportion (Parzen window: the linear B-spline), which makes the histogram continuous and gives it a derivative
    almost everywhere. A constant image gives 0. The sharing blurs the histogram of equal images too: with few bins
    (8) a nearly equal image can score a few thousandths more than an equal one.

    Attributes:
        bins: Number of bins along each axis of the joint histogram, at least 2.
    """

    differentiable: ClassVar[bool] = True

    bins: int = 32

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise SimilarityError(f"expected at least 2 bins; got {self.bins}")

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid)
        counted, others = pixels(fixed, valid), pixels(moving, valid)
        if takes_kernel(fixed, moving, always=True):
            values = _informations(contiguous(counted[0]), contiguous(others), self.bins, torch.finfo(fixed.dtype).eps)
            return values_of(values, moving)
        shares_fixed, shares_moving = self._shares(counted), self._shares(others)
        joint = shares_fixed.transpose(1, 2) @ shares_moving / shares_fixed.shape[1]
        apart = _entropy(joint.sum(2)) + _entropy(joint.sum(1))
        return apart - _entropy(joint.flatten(1))

    def _shares(self, values: Tensor) -> Tensor:
        """How much of each pixel falls into each bin, (B, N) -> (B, N, bins)."""
        low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
        constant = high - low <= 100 * torch.finfo(values.dtype).eps * torch.maximum(high.abs(), low.abs())
        place = (values - low) / (high - low).masked_fill(constant, 1) * (self.bins - 1)
        # A constant image lies in one bin in spite of rounding.
        place = place.masked_fill(constant, 0)
        lower = place.detach().nan_to_num(0).floor().clamp(0, self.bins - 2)
        upper_share = place - lower
        shares = torch.stack([1 - upper_share, upper_share], dim=2)
        index = torch.stack([lower, lower + 1], dim=2).long()
        # Each pixel writes to places of its own, so that the result is the same bits on a GPU too.
        return shares.new_zeros(*place.shape, self.bins).scatter(2, index, shares)


def _entropy(shares: Tensor) -> Tensor:
    """Entropy in nats of each row of (B, K), whose sum is 1; an empty bin adds nothing, nor to the derivative."""
    tiny = torch.finfo(shares.dtype).tiny
    return -(shares * shares.clamp_min(tiny).log()).sum(1)


@compiled(parallel=True, fastmath=False)
def _informations(fixed: Any, moving: Any, bins: int, rounding: float) -> Any:
    """Mutual information of (N,) with each of (B, N), (B,) float64."""
    lower, upper_share = _places(fixed, bins, rounding)
    values = np.empty(len(moving))
    for b in parallel_range(len(moving)):
        values[b] = _information(_joint(lower, upper_share, moving[b], bins, rounding))
    return values


@compiled(fastmath=False)
def _scale(image: Any, bins: int, rounding: float) -> tuple[float, float]:
    """Lowest value and bins per intensity; none for a constant image."""
    low, high = image[0], image[0]
    for value in image:
        low, high = min(low, value), max(high, value)
    constant = high - low <= 100 * rounding * max(abs(high), abs(low))
    return float(low), 0.0 if constant else (bins - 1) / (float(high) - float(low))


@compiled(fastmath=False)
def _place(value: float, bins: int) -> tuple[int, float]:
    """The lower of the two bins of a place, and the share of the other."""
    if not value >= 0:
        # Rounding below 0, or NaN, which is no index and must reach the result.
        return 0, value
    bin_below = int(min(value, bins - 2.0))
    return bin_below, value - bin_below


@compiled(fastmath=False)
def _places(image: Any, bins: int, rounding: float) -> tuple[Any, Any]:
    lower, upper_share = np.empty(len(image), np.int64), np.empty(len(image))
    low, scale = _scale(image, bins, rounding)
    for n in range(len(image)):
        lower[n], upper_share[n] = _place((float(image[n]) - low) * scale, bins)
    return lower, upper_share


@compiled(fastmath=False)
def _joint(lower: Any, upper_share: Any, moving: Any, bins: int, rounding: float) -> Any:
    """The joint histogram (bins, bins), of sum 1."""
    low, scale = _scale(moving, bins, rounding)
    joint = np.zeros((bins, bins))
    for n in range(len(moving)):
        k, upper = _place((float(moving[n]) - low) * scale, bins)
        a, share = lower[n], upper_share[n]
        joint[a, k] += (1 - share) * (1 - upper)
        joint[a, k + 1] += (1 - share) * upper
        joint[a + 1, k] += share * (1 - upper)
        joint[a + 1, k + 1] += share * upper
    return joint / len(moving)


@compiled(fastmath=False)
def _information(joint: Any) -> float:
    """Of a joint histogram: the entropies apart minus the entropy together."""
    bins = len(joint)
    rows, columns, together = np.zeros(bins), np.zeros(bins), 0.0
    for i in range(bins):
        for j in range(bins):
            rows[i] += joint[i, j]
            columns[j] += joint[i, j]
            together += _times_log(joint[i, j])
    apart = 0.0
    for i in range(bins):
        apart += _times_log(rows[i]) + _times_log(columns[i])
    return together - apart


@compiled(fastmath=False)
def _times_log(share: float) -> float:
    """Nothing for an empty bin; NaN remains NaN."""
    return 0.0 if share <= 0 else share * np.log(share)


plugin = MI
card = Card(
    title="MI (mutual information)",
    source="Viola and Wells; Maes et al.; linear Parzen window",
    citation="F. Maes et al., IEEE Trans. Med. Imaging 16(2), 1997",
    licence="Apache-2.0 (reimplemented)",
    deviations=("Intensities are shared between two bins in proportion, so that the histogram has a derivative.",),
)
