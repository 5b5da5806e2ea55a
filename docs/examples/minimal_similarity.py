"""An image similarity: minus the mean squared difference of the pixels."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.base import check_images, pixels

card = Card(title="Minus SSD", source="textbook", citation="none", licence="Apache-2.0")


@dataclass(frozen=True)
class MinimalSimilarity:
    """Minus the mean of |I - J| to a power; at most 0, which equal images have.

    Attributes:
        power: 2 = squared differences.
    """

    differentiable: ClassVar[bool] = True

    power: float = 2.0

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """Compare (1, 1, H, W) with (B, 1, H, W); larger is more alike: (B,)."""
        check_images(fixed, moving, valid)
        return -(pixels(fixed, valid) - pixels(moving, valid)).abs().pow(self.power).mean(1)


plugin = MinimalSimilarity
