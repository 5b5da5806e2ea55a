"""Gradient correlation."""

from dataclasses import dataclass

from torch import Tensor

from bench.similarity.base import check_images, correlation, eroded, pixels
from bench.similarity.derivatives import sobel


@dataclass(frozen=True)
class GC:
    """Mean NCC of the two Sobel responses, (NCC(I_x, J_x) + NCC(I_y, J_y)) / 2, in [-1, 1]; blind to gain and offset.

    A direction along which either image has a constant derivative adds 0.

    Attributes:
        pseudo: Use the pseudo-NCC of SOPI's and ProST's code (there: Opt-GC, GradNCC).
    """

    pseudo: bool = False

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid, smallest=3)
        inner = eroded(valid, 3)
        along_x, along_y = (
            correlation(pixels(f, inner), pixels(m, inner), pseudo=self.pseudo)
            for f, m in zip(sobel(fixed), sobel(moving), strict=True)
        )
        return (along_x + along_y) / 2
