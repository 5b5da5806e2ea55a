"""The network of Deep-reg / ProST: a residual 3D branch whose three channels are projected, and two 2D encoders.

Gao et al. 2020, "Generalizing Spatial Transformers to Projective Geometry with Applications to 2D/3D Registration"
(MICCAI), Fig. 2.
Published size: 781 723 parameters (3D 8 571, moving encoder 386 720, fixed encoder 386 432).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.learn import TrainingError
from bench.learn.distance import LearntDistance, scaled

FEATURE_CHANNELS = 3
"""Channels of the volume that are projected."""

_VOLUME_WIDTHS = (1, 4, 8, 16, 8, FEATURE_CHANNELS)
_ENCODER_WIDTHS = (16, 64, 128)
_OUTPUT_CHANNELS = 64

# Share of every 3 x 3 kernel that is its own mean in the beginning, and what that mean is multiplied by.
_SMOOTH, _STRONGER = 0.4, 3.0
# Of the last 3D convolution: in the beginning the projected channels are nearly the plain projection.
_FAINT = 0.05


# Beyond these no memory would do.
_MAX_PIXELS, _MAX_VOXELS, _MAX_DEPTH_SCALE = 4096, 1024, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What inference must know of a training; the network itself is always the same.

    Attributes:
        image: Pixels along an edge of the images that it compares.
        longest: Voxels along the longest axis of the volume at most.
        depth_scale: mm along the beam that count as one across (``bench.learn.pose_gradient.PoseChart``).
        shared: One 2D encoder for both images; off = two, as published.
    """

    image: int
    longest: int
    depth_scale: float
    shared: bool

    def __post_init__(self) -> None:
        # Three poolings stand in each 2D encoder.
        if not 8 <= self.image <= _MAX_PIXELS:
            raise TrainingError(f"image should be 8 to {_MAX_PIXELS} pixels; got {self.image}")
        if not 1 <= self.longest <= _MAX_VOXELS:
            raise TrainingError(f"longest should be 1 to {_MAX_VOXELS} voxels; got {self.longest}")
        if not 0 < self.depth_scale <= _MAX_DEPTH_SCALE:
            raise TrainingError(f"depth_scale should be above 0 and at most 1000; got {self.depth_scale}")


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
        )
        self.last = nn.BatchNorm2d(channels)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        change: Tensor = self.last(self.body(image))
        return (image + change).relu()


class Encoder(nn.Sequential):
    """Three stages of convolution, bottleneck and pooling; (B, C, H, W) -> (B, 64, H/8, W/8).

    An image of one channel is shown to all of them.
    """

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise((channels, *_ENCODER_WIDTHS)):
            layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
            layers += [Bottleneck(channels_out), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Conv2d(_ENCODER_WIDTHS[-1], _OUTPUT_CHANNELS, 3, padding=1), nn.ReLU())
        self._channels = channels
        self._begin_plainly()

    def forward(self, image: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """(B, C, H, W) or (B, 1, H, W) -> (B, 64, H/8, W/8)."""
        # Torch leaves the types of a sequence's call open.
        return cast(Tensor, cast(Any, super()).forward(image.expand(-1, self._channels, -1, -1)))

    def _begin_plainly(self) -> None:
        """Residual branches at zero, kernels half smooth: gradients of distances then lead to the truth from nearby."""
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Bottleneck):
                    nn.init.zeros_(module.last.weight)
                elif isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                    mean = module.weight.mean((2, 3), keepdim=True).expand_as(module.weight)
                    module.weight.copy_(_SMOOTH * _STRONGER * mean + (1 - _SMOOTH) * module.weight)


class RegiNet(LearntDistance):
    """The three branches; the projector stands between `volume` and `moving`, outside of the network.

    A shared 2D encoder keeps equal images at distance zero whatever is learnt. Two only begin alike (but for the number
    of channels).
    """

    def __init__(self, *, shared: bool) -> None:
        if shared:
            super().__init__(Encoder(FEATURE_CHANNELS), None)
        else:
            super().__init__(Encoder(1), Encoder(FEATURE_CHANNELS))
            theirs = self.fixed.state_dict()
            theirs["0.weight"] = theirs["0.weight"].expand(-1, FEATURE_CHANNELS, -1, -1) / FEATURE_CHANNELS
            self.moving.load_state_dict(theirs)
        self.volume = VolumeBranch()
        self._begin_nearly_plain()

    def _begin_nearly_plain(self) -> None:
        last = self.volume.body[-2]
        with torch.no_grad():
            # Not negative: a last ReLU that answers nothing anywhere would learn nothing.
            for parameter in last.parameters():
                parameter.abs_().mul_(_FAINT if parameter.ndim > 1 else 0)

    def distance(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """L_N, (B,): mean squared difference between features and those of projected channels (B, 3, H, W)."""
        found: Tensor = self.moving(scaled(moving))
        return (found - fixed).square().mean((1, 2, 3))
