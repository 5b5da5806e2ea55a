"""Normalised cross-correlation."""

from dataclasses import dataclass

from torch import Tensor

from bench.similarity.base import check_images, correlation, pixels


@dataclass(frozen=True)
class NCC:
    """Zero-mean normalised cross-correlation of the pixels, in [-1, 1]; blind to gain and offset.

    A constant image gives 0.

    Attributes:
        pseudo: sum ab / sum |ab| of the mean-free images, as in the public code of ProST and SOPI, which calls it NCC.
    """

    pseudo: bool = False

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid)
        return correlation(pixels(fixed, valid), pixels(moving, valid), pseudo=self.pseudo)
