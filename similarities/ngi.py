"""Normalised gradient information."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.contract import Card
from bench.similarity.derivatives import FLOOR, gradients, magnitude
from bench.similarity.polarity import Polarity, check_polarity


@dataclass(frozen=True)
class NGI:
    """Gradient information GI(I, J) = sum w min(|grad I|, |grad J|), divided by GI(I, I), in [0, 1] (Otake 2013).

    Blind to offsets and to a gain common to both images; a moving image of larger gain scores as high as an equal one.
    A constant image, fixed or moving, gives 0.

    Attributes:
        weight: With alpha the angle between the gradients, "polarity-blind" is w = (cos 2 alpha + 1) / 2,
            "same-polarity" is w = (cos alpha + 1) / 2. Both circulate under the name NGI.
    """

    differentiable: ClassVar[bool] = True

    weight: Polarity = "polarity-blind"

    def __post_init__(self) -> None:
        check_polarity(self.weight)

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        (fixed_x, moving_x), (fixed_y, moving_y) = gradients(fixed, moving, valid)
        fixed_length, moving_length = magnitude(fixed_x, fixed_y), magnitude(moving_x, moving_y)
        shorter, longer = torch.minimum(fixed_length, moving_length), torch.maximum(fixed_length, moving_length)
        # dot / longer = cos(alpha) * shorter: no angle, no arc cosine, no division by zero.
        along = torch.addcmul(fixed_x * moving_x, fixed_y, moving_y) / longer
        if self.weight == "polarity-blind":
            information = (along.square() / shorter).sum(1)
        else:
            information = (_where_gradient(shorter) + along).sum(1) / 2
        return information / _where_gradient(fixed_length).sum(1).clamp_min(FLOOR)


def _where_gradient(length: Tensor) -> Tensor:
    """Lengths with the floor of ``magnitude`` taken back, so that a flat image has exactly no information."""
    return length.masked_fill(length <= 2 * FLOOR**0.5, 0)


plugin = NGI
card = Card(
    title="NGI (normalised gradient information)",
    source="Otake et al.",
    citation="Y. Otake et al., Phys. Med. Biol. 58, 2013",
    licence="Apache-2.0 (reimplemented)",
)
