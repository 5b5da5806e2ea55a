"""Normalised cross-correlation."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.base import check_images, correlation, pixels


@dataclass(frozen=True)
class NCC:
    """Zero-mean normalised cross-correlation of the pixels, in [-1, 1]; blind to gain and offset.

    A constant image gives 0.

    Attributes:
        pseudo: sum ab / sum |ab| of the mean-free images, as in the public code of ProST and SOPI, which calls it NCC.
    """

    differentiable: ClassVar[bool] = True

    pseudo: bool = False

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid)
        return correlation(pixels(fixed, valid), pixels(moving, valid), pseudo=self.pseudo)


plugin = NCC
card = Card(
    title="NCC (normalised cross-correlation)",
    source="textbook; the pseudo-NCC: code of ProST and SOPI",
    citation="G. P. Penney et al., IEEE Trans. Med. Imaging 17(4), 1998",
    licence="Apache-2.0 (reimplemented)",
)
