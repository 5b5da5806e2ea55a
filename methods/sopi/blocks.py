"""The parts of SOPI's composite encoder: split attention, focal and cascade-fusion blocks (Chen et al. 2024, Fig. 3).

Wiring and sizes follow the published code where it parts from the paper's text. All maps are (B, C, H, W) float
tensors. Every layer can be differentiated twice (training takes the gradient of a gradient).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as nnf


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel; (B, C, H, W) -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-5)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        normed: Tensor = self.norm(image.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class SplitAttention(nn.Module):
    """Two splits of a grouped convolution, weighted per channel by a softmax over the splits (ResNeSt, radix 2).

    Args:
        channels: Of input and output.
        kernel: 1 as in the published code, or 3 as in ResNeSt.
    """

    def __init__(self, channels: int, *, kernel: int) -> None:
        super().__init__()
        hidden = max(channels // 2, 32)
        self.splits = nn.Conv2d(channels, 2 * channels, kernel, padding=kernel // 2, groups=2)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, 2 * channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        splits: Tensor = self.splits(image).relu().unflatten(1, (2, -1))
        pooled = splits.sum(1).mean((2, 3), keepdim=True)
        weights: Tensor = self.excite(self.squeeze(pooled).relu()).unflatten(1, (2, -1)).softmax(1)
        return (weights * splits).sum(1)


class SplatBottleneck(nn.Module):
    """Residual bottleneck round a split attention; (B, C, H, W) -> same."""

    def __init__(self, channels: int, *, split_kernel: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            SplitAttention(channels, kernel=split_kernel),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        change: Tensor = self.body(image)
        return (image + change).relu()


class Focal(nn.Module):
    """Two depthwise 7x7 convolutions, the second one dilated, then a four-fold pointwise MLP; (B, C, H, W) -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels), ChannelNorm(channels), nn.GELU()
        )
        self.far = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=6, dilation=2, groups=channels), ChannelNorm(channels), nn.GELU()
        )
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, 4 * channels, 1, bias=False),
            nn.GELU(),
            nn.Conv2d(4 * channels, channels, 1, bias=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        near: Tensor = image + self.near(image)
        far: Tensor = near + self.far(near)
        change: Tensor = self.mlp(far)
        return image + change


def _double(image: Tensor) -> Tensor:
    return nnf.interpolate(image, scale_factor=2, mode="bilinear", align_corners=True)


class CascadeFusion(nn.Module):
    """A cascade-fusion block: down twice, focal block, and back up with sums.

    (B, 64, H, W) -> (B, 64, H, W), (B, 64, H, W), (B, 128, H/2, W/2), the published p3, p4 and p5.
    """

    WIDTHS = (64, 128, 256)

    def __init__(self, *, split_kernel: int = 1) -> None:
        super().__init__()
        fine, middle, coarse = self.WIDTHS
        self.fine = SplatBottleneck(fine, split_kernel=split_kernel)
        self.to_middle = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.middle = SplatBottleneck(middle, split_kernel=split_kernel)
        self.to_coarse = nn.Conv2d(middle, coarse, 3, stride=2, padding=1)
        self.coarse = Focal(coarse)
        self.from_coarse = nn.Conv2d(coarse, middle, 1, bias=False)
        self.from_middle = nn.Conv2d(middle, fine, 1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 64, H, W) -> p3 (B, 64, H, W), p4 (B, 64, H, W), p5 (B, 128, H/2, W/2)."""
        fine: Tensor = self.fine(image)
        middle: Tensor = self.middle(self.to_middle(fine))
        coarse: Tensor = self.coarse(self.to_coarse(middle))
        p5 = _double(self.from_coarse(coarse))
        p4 = _double(self.from_middle(p5 + middle))
        return p4 + fine, p4, p5


def coupling(channels: int) -> nn.Sequential:
    """The cross-connection unit: 1x1 convolution and batch normalisation; (B, C, H, W) -> same."""
    return nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))


def stem() -> nn.Sequential:
    """Two strided convolutions with channel normalisation and GELU; (B, 1, H, W) -> (B, 16, H/4, W/4)."""
    layers: list[nn.Module] = []
    for channels_in, channels_out in ((1, 4), (4, 16)):
        layers += [nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1), ChannelNorm(channels_out), nn.GELU()]
    return nn.Sequential(*layers)
