"""ResRegNet, reconstructed: a residual network from a binary image to six parameters.

Meng et al. 2022, IEEE Transactions on Medical Robotics and Bionics 4(2):381-390. Neither text nor code is public:
only descriptions by others are known (residual blocks, binarised images, six parameters). All else is a reconstruction.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

_WIDTHS = (32, 64, 128, 256)
PARAMETERS = 6


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection; (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.skip = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""
        change: Tensor = self.body(image)
        kept: Tensor = self.skip(image)
        return (change + kept).relu()


class ResRegNetwork(nn.Sequential):
    """Input (B, 1, S, S), zeros and ones; output (B, 6).

    Attributes:
        image_size: S that it is trained for.
    """

    def __init__(self, image_size: int = 128) -> None:
        stem = [
            nn.Conv2d(1, _WIDTHS[0], 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(_WIDTHS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
        stages: list[nn.Module] = [BasicBlock(_WIDTHS[0], _WIDTHS[0]), BasicBlock(_WIDTHS[0], _WIDTHS[0])]
        for channels_in, channels_out in pairwise(_WIDTHS):
            stages += [BasicBlock(channels_in, channels_out, stride=2), BasicBlock(channels_out, channels_out)]
        head = [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(_WIDTHS[-1], 256),
            nn.ReLU(inplace=True),
            nn.Linear(256, PARAMETERS),
        ]
        super().__init__(*stem, *stages, *head)
        self.image_size = image_size
