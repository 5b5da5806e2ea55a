"""Gradient correlation."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.base import check_images, correlation, eroded, pixels
from bench.similarity.derivatives import sobel


@dataclass(frozen=True)
class GC:
    """Mean NCC of the two Sobel responses, (NCC(I_x, J_x) + NCC(I_y, J_y)) / 2, in [-1, 1]; blind to gain and offset.

    A direction along which either image has a constant derivative adds 0.

    Attributes:
        pseudo: Use the pseudo-NCC of SOPI's and ProST's code (there: Opt-GC, GradNCC).
    """

    differentiable: ClassVar[bool] = True

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


plugin = GC
card = Card(
    title="GC (gradient correlation)",
    source="Penney et al.; SOPI's and ProST's code",
    citation="G. P. Penney et al., IEEE Trans. Med. Imaging 17(4), 1998",
    licence="Apache-2.0 (reimplemented)",
    deviations=("No border is padded; the pseudo-NCC of SOPI's code is a setting.",),
)
