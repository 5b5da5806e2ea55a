"""The network of Zhang et al. 2023: EfficientNet-B0, a decoder to the gradient image, attention, pose.

Zhang et al. 2023, "A Patient-Specific Self-Supervised Model for Automatic X-Ray/CT Registration" (MICCAI). The
network itself is not published: the layout follows the paper's figure and text, the sizes they leave open are ours.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.learn import WeightsError

from .backbone import FEATURES, REDUCTION, efficientnet_b0

_WIDTH = 256
_HEADS = 8
_DECODER_WIDTHS = (_WIDTH, 128, 64, 32, 16, 16)
_TEMPERATURE = 10_000.0
PARAMETERS = 6


class Prediction(NamedTuple):
    """Outputs of the network for images (B, 1, S, S).

    Attributes:
        pose: (B, 6).
        gradient: (B, 1, S, S), the reconstructed gradient image.
    """

    pose: Tensor
    gradient: Tensor


def positions(channels: int, height: int, width: int) -> Tensor:
    """Sine and cosine of row and column, a quarter of the channels each; (height * width, channels)."""
    quarter = channels // 4
    rates = torch.exp(-math.log(_TEMPERATURE) * torch.arange(quarter) / quarter)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = [axis.reshape(-1, 1) * rates for axis in (rows, columns)]
    return torch.cat([function(angle) for angle in angles for function in (torch.sin, torch.cos)], dim=1)


def decoder() -> nn.Sequential:
    """Five doublings from the bottleneck; (B, 256, S/32, S/32) -> (B, 1, S, S)."""
    layers: list[nn.Module] = []
    for channels_in, channels_out in pairwise(_DECODER_WIDTHS):
        layers += [
            nn.Upsample(scale_factor=2),
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(_DECODER_WIDTHS[-1], 1, 1))


class ZhangNetwork(nn.Module):
    """Input (B, 1, S, S) with S a multiple of 32, normalised to [0, 1]; output a `Prediction`.

    Attributes:
        image_size: S that it is trained for.
    """

    def __init__(self, image_size: int = 128) -> None:
        super().__init__()
        if image_size < REDUCTION or image_size % REDUCTION:
            raise WeightsError(f"image_size must be a multiple of {REDUCTION}; got {image_size}")
        self.image_size = image_size
        self.backbone = efficientnet_b0(image_size)
        self.bottleneck = nn.Conv2d(FEATURES, _WIDTH, 1)
        self.attention = nn.MultiheadAttention(_WIDTH, _HEADS, batch_first=True)
        self.norm = nn.LayerNorm(_WIDTH)
        self.pose = nn.Sequential(nn.Linear(_WIDTH, 128), nn.ReLU(inplace=True), nn.Linear(128, PARAMETERS))
        self.decoder = decoder()

    def forward(self, image: Tensor) -> Prediction:
        """(B, 1, S, S) -> pose (B, 6), gradient image (B, 1, S, S)."""
        code = self.code(image)
        return Prediction(self.pose_of(code), self.decoder(code))

    def code(self, image: Tensor) -> Tensor:
        """(B, 1, S, S) -> the bottleneck, (B, 256, S/32, S/32)."""
        # Depthwise convolutions on a CPU take two thirds of the time in this order of memory.
        code: Tensor = self.bottleneck(self.backbone(image.contiguous(memory_format=torch.channels_last)))
        return code

    def pose_of(self, code: Tensor) -> Tensor:
        """Pose (B, 6) of the bottleneck; all that is needed once it is trained."""
        tokens = code.flatten(2).transpose(1, 2) + positions(_WIDTH, *code.shape[-2:]).to(code)
        mixed: Tensor = self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])
        pose: Tensor = self.pose(mixed.mean(1))
        return pose
