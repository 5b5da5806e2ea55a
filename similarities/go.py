"""Gradient orientation."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.contract import Card
from bench.similarity.derivatives import gradients, magnitude
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


plugin = GO
card = Card(
    title="GO (gradient orientation)",
    source="De Silva et al.",
    citation="T. De Silva et al., Phys. Med. Biol. 61, 2016",
    licence="Apache-2.0 (reimplemented)",
    deviations=("The polarity-blind form, for images that may be inverted, is a setting.",),
)
