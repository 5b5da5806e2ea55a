"""SOPI's composite encoder: five cascade-fusion blocks in two coupled columns (Chen et al. 2024, section 2.3, Fig. 3).

Published size: 5 349 792 parameters; two unshared copies make 10 699 584.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from .blocks import CascadeFusion, SplatBottleneck, coupling, stem

_CHANNELS = CascadeFusion.WIDTHS[0]


class Features(NamedTuple):
    """What the encoder returns for an image (B, 1, H, W).

    Attributes:
        p3: (B, 64, H/8, W/8).
        p4: (B, 64, H/8, W/8).
        p5: (B, 128, H/16, W/16).
    """

    p3: Tensor
    p4: Tensor
    p5: Tensor


class CompositeEncoder(nn.Module):
    """An assisting column of three blocks feeds the leading column of two through coupling units.

    Args:
        split_kernel: Kernel of the split attention: 1 as in the published code, 3 as in ResNeSt.
    """

    def __init__(self, *, split_kernel: int = 1) -> None:
        super().__init__()
        self.shallow = nn.Sequential(
            stem(),
            nn.Conv2d(16, _CHANNELS, 3, padding=1),
            nn.LeakyReLU(0.01),
            SplatBottleneck(_CHANNELS, split_kernel=split_kernel),
            nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=2, padding=1),
        )
        self.blocks = nn.ModuleList(CascadeFusion(split_kernel=split_kernel) for _ in range(5))
        self.couplings = nn.ModuleList(coupling(_CHANNELS) for _ in range(2))

    def forward(self, image: Tensor) -> Features:
        """(B, 1, H, W), H and W multiples of 32 -> features."""
        first, second, third, fourth, last = self.blocks
        start: Tensor = first(self.shallow(image))[0]
        near: Tensor = second(start)[0]
        far: Tensor = third(near)[0]
        lead: Tensor = fourth(start + self.couplings[0](near))[0]
        return Features(*last(lead + self.couplings[1](far)))
