"""Mutual information."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.contract import Card
from bench.similarity.base import SimilarityError, check_images, pixels


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
        shares_fixed, shares_moving = self._shares(pixels(fixed, valid)), self._shares(pixels(moving, valid))
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


plugin = MI
card = Card(
    title="MI (mutual information)",
    source="Viola and Wells; Maes et al.; linear Parzen window",
    citation="F. Maes et al., IEEE Trans. Med. Imaging 16(2), 1997",
    licence="Apache-2.0 (reimplemented)",
    deviations=("Intensities are shared between two bins in proportion, so that the histogram has a derivative.",),
)
