"""The parts of LGFF-Reg: local blocks, transformer blocks and the dual-branch fusion (Yang et al. 2025, section 2).

All maps are (B, C, H, W) float tensors; tokens are (B, H*W, C).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

HEAD_CHANNELS = 32
"""Channels of one attention head; a stage of C channels has C / 32 heads."""


def conv_bn_relu(
    channels_in: int, channels_out: int, *, kernel: int, groups: int = 1, eps: float = 1e-6
) -> nn.Sequential:
    """Convolution that keeps the size, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups),
        nn.BatchNorm2d(channels_out, eps=eps),
        nn.ReLU(inplace=True),
    )


class LocalBlock(nn.Module):
    """Depthwise 3x3, then pointwise 1x1, with a residual connection; (B, C, H, W) -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn_relu(channels, channels, kernel=3, groups=channels),
            conv_bn_relu(channels, channels, kernel=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        change: Tensor = self.body(image)
        return image + change


class TransformerBlock(nn.Module):
    """Pre-norm self-attention over all tokens and a four-fold MLP; (B, N, C) -> same.

    Attention runs through PyTorch's fused operator: the same numbers as softmax(q k^T / sqrt d) v, at an eighth of
    the time on a CPU, and without the N x N matrix.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // HEAD_CHANNELS)
        self.norm_attention = nn.LayerNorm(channels, eps=1e-6)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.merge = nn.Linear(channels, channels)
        self.norm_mlp = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))

    def _attention(self, tokens: Tensor) -> Tensor:
        batch, count, channels = tokens.shape
        parts = self.query_key_value(tokens).view(batch, count, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nnf.scaled_dot_product_attention(query, key, value)
        merged: Tensor = self.merge(mixed.transpose(1, 2).reshape(batch, count, channels))
        return merged

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        tokens = tokens + self._attention(self.norm_attention(tokens))
        change: Tensor = self.mlp(self.norm_mlp(tokens))
        return tokens + change


class GlobalStage(nn.Module):
    """Patch embedding of stride two, then two transformer blocks; (B, C_in, H, W) -> (B, C_out, H/2, W/2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels_in, channels_out, 2, stride=2)
        self.norm = nn.LayerNorm(channels_out, eps=1e-5)
        self.blocks = nn.Sequential(TransformerBlock(channels_out), TransformerBlock(channels_out))

    def forward(self, image: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H/2, W/2)."""
        embedded = self.embed(image)
        tokens: Tensor = self.blocks(self.norm(embedded.flatten(2).transpose(1, 2)))
        return tokens.transpose(1, 2).reshape(embedded.shape)


class LocalStage(nn.Module):
    """Downsampling by two, then two local blocks; (B, C_in, H, W) -> (B, C_out, H/2, W/2)."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=kernel // 3),
            nn.BatchNorm2d(channels_out, eps=1e-6),
            LocalBlock(channels_out),
            LocalBlock(channels_out),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H/2, W/2)."""
        result: Tensor = self.body(image)
        return result


class ChannelAttention(nn.Module):
    """Weights per channel from the average and the maximum over space (as CBAM); (B, C, H, W) -> (B, C, 1, 1)."""

    def __init__(self, channels: int, *, ratio: int = 4) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, channels // ratio, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // ratio, channels, 1, bias=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1) in (0, 1)."""
        average, largest = image.mean((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
        evidence: Tensor = self.mlp(average) + self.mlp(largest)
        return evidence.sigmoid()


class SpatialAttention(nn.Module):
    """Weights per pixel from the mean and the maximum over channels (as CBAM); (B, C, H, W) -> (B, 1, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 1, H, W) in (0, 1)."""
        pooled = torch.cat([image.mean(1, keepdim=True), image.amax(1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(pooled))


class DualBranchFusion(nn.Module):
    """DBFF (section 2.4, eq. 4 to 7): both branches weighted by channel and by pixel, plus the previous stage's map.

    Args:
        channels: Of each branch; the result has twice as many.
        previous: Whether a previous stage's fused features (C channels, twice the size) are added.
        interpolation: How these are resized: "nearest" (code) or "bilinear" (paper).
        plain_projection: 1x1 convolution alone on the global features (paper), no normalisation, no ReLU (code).
    """

    def __init__(self, channels: int, *, previous: bool, interpolation: str, plain_projection: bool) -> None:
        super().__init__()
        pointwise = nn.Conv2d(channels, channels, 1)
        self.project: nn.Module = (
            pointwise if plain_projection else nn.Sequential(pointwise, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        )
        self.channel_attention = ChannelAttention(2 * channels)
        self.spatial_attention = SpatialAttention()
        self.skip = nn.Conv2d(channels, 2 * channels, 1) if previous else None
        self.interpolation = interpolation

    def forward(self, local: Tensor, global_branch: Tensor, previous: Tensor | None) -> Tensor:
        """(B, C, H, W) twice and (B, C, 2H, 2W) or None -> (B, 2C, H, W)."""
        both = torch.cat([local, self.project(global_branch)], dim=1)
        fused: Tensor = self.channel_attention(both) * both + self.spatial_attention(both) * both
        if self.skip is None or previous is None:
            return fused
        corners = False if self.interpolation == "bilinear" else None
        resized = nnf.interpolate(previous, size=both.shape[-2:], mode=self.interpolation, align_corners=corners)
        skipped: Tensor = self.skip(resized)
        return fused + skipped
