"""The network of Deep-reg / ProST: a residual 3D branch whose three channels are projected, and two 2D encoders.

Gao et al. 2020, "Generalizing Spatial Transformers to Projective Geometry with Applications to 2D/3D Registration"
(MICCAI), Fig. 2.
Published size: 781 723 parameters (3D 8 571, moving encoder 386 720, fixed encoder 386 432).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

FEATURE_CHANNELS = 3
"""Channels of the volume that are projected."""

_VOLUME_WIDTHS = (1, 4, 8, 16, 8, FEATURE_CHANNELS)
_ENCODER_WIDTHS = (16, 64, 128)
_OUTPUT_CHANNELS = 64


class VolumeBranch(nn.Module):
    """Five 3x3x3 convolutions with ReLU, added to the volume itself; (1, 1, D, H, W) -> (1, 3, D, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise(_VOLUME_WIDTHS):
            layers += [nn.Conv3d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers)

    def forward(self, volume: Tensor) -> Tensor:
        """(1, 1, D, H, W) -> (1, 3, D, H, W)."""
        change: Tensor = self.body(volume)
        return volume.expand(-1, FEATURE_CHANNELS, -1, -1, -1) + change


class Bottleneck(nn.Module):
    """Residual bottleneck without expansion; (B, C, H, W) -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        change: Tensor = self.body(image)
        return (image + change).relu()


class Encoder(nn.Sequential):
    """Three stages of convolution, bottleneck and pooling; (B, C, H, W) -> (B, 64, H/8, W/8)."""

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise((channels, *_ENCODER_WIDTHS)):
            layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
            layers += [Bottleneck(channels_out), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Conv2d(_ENCODER_WIDTHS[-1], _OUTPUT_CHANNELS, 3, padding=1), nn.ReLU())


class RegiNet(nn.Module):
    """The three branches; the projector stands between `volume` and `moving`, outside of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.volume = VolumeBranch()
        self.moving = Encoder(FEATURE_CHANNELS)
        self.fixed = Encoder(1)
