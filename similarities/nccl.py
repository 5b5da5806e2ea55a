"""NCC of the images plus half the cosine of their Laplacians."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.contract import Card
from bench.similarity.base import check_images, correlation, cosine, eroded, pixels
from bench.similarity.derivatives import laplacian_of_gaussian


@dataclass(frozen=True)
class NCCL:
    """NCC + 0.5 cos(LoG I, LoG J), in [-1.5, 1.5]: 1.5 minus the cost of SOPI's Opt-NCCL.

    Blind to gain and offset. A constant image gives 0. Unlike the original no border is padded with zeros:
    responses whose stencil leaves the image do not exist.

    Attributes:
        pseudo: Use the pseudo-NCC of the original code for the first term.
    """

    differentiable: ClassVar[bool] = True

    pseudo: bool = False

    def __call__(self, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
        """See ``Similarity``."""
        check_images(fixed, moving, valid, smallest=5)
        inner = eroded(valid, 5)
        edges = [pixels(laplacian_of_gaussian(image), inner) for image in (fixed, moving)]
        return correlation(pixels(fixed, valid), pixels(moving, valid), pseudo=self.pseudo) + 0.5 * cosine(*edges)


plugin = NCCL
card = Card(
    title="NCCL (NCC and correlation of Laplacians)",
    source="SOPI's code (Opt-NCCL)",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0 (reimplemented)",
    deviations=(
        "1.5 minus the cost of SOPI's code.",
        "Images are not padded with zeros: responses whose stencil leaves the image do not exist.",
    ),
)
