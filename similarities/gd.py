"""Gradient difference."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.derivatives import FLOOR, gradients


@dataclass(frozen=True)
class GD:
    """Gradient difference of SOPI's initialiser (after Penney 1998), in (0, 1]: 1 minus that loss.

    Half the sum over both Sobel directions of mean(A / (A + (I' - J')^2)), A the variance (over N) of the fixed
    image's response I'. Blind to offsets and to a gain common to both images. Where A is zero a pixel scores 1 if the
    two responses are equal, else 0: a fixed constant scores the share of pixels that are flat in the moving image too.
    """

    differentiable: ClassVar[bool] = True

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        along_x, along_y = (_closeness(*along) for along in gradients(fixed, moving, valid))
        return (along_x + along_y) / 2


def _closeness(fixed: Tensor, moving: Tensor) -> Tensor:
    variance = fixed.var(dim=1, correction=0, keepdim=True).clamp_min(FLOOR)
    return (variance / (variance + (fixed - moving).square())).mean(1)


plugin = GD
card = Card(
    title="GD (gradient difference)",
    source="SOPI's initialiser, after Penney et al.",
    citation="G. P. Penney et al., IEEE Trans. Med. Imaging 17(4), 1998",
    licence="Apache-2.0 (reimplemented)",
    deviations=("1 minus SOPI's loss.",),
)
