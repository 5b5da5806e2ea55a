"""Gradient correlation."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.base import correlation
from bench.similarity.derivatives import gradients


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
        along_x, along_y = (correlation(*along, pseudo=self.pseudo) for along in gradients(fixed, moving, valid))
        return (along_x + along_y) / 2


plugin = GC
card = Card(
    title="GC (gradient correlation)",
    source="Penney et al.; SOPI's and ProST's code",
    citation="G. P. Penney et al., IEEE Trans. Med. Imaging 17(4), 1998",
    licence="Apache-2.0 (reimplemented)",
    deviations=("No border is padded; the pseudo-NCC of SOPI's code is a setting.",),
)
