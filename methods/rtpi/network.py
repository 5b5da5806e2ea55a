"""RTPI's network: a volume branch, an image branch, a localisation part that regresses six numbers in [0, 1].

Facts: SOPI (Chen et al., ICASSP 2024), section 2.1; layout and widths of the authors' second version.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.learn import TrainingError

_GROUPS = 8
# Beyond these no memory would do.
_MAX_CHANNELS, _MAX_VOXELS, _MAX_PIXELS = 8192, 512, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the network is built from; the defaults are what a CPU can train, ``PAPER`` is the paper's.

    Attributes:
        volume: Voxels of the volume input: along the beam, rows, columns of the nominal view.
        image: Pixels along each edge of the image input.
        volume_widths: Channels of the three 3D blocks.
        image_widths: Channels of the two 2D blocks.
        localisation_widths: Channels of the residual blocks behind both; one an entry.
        hidden: Width of the hidden fully connected layer.
        join: ``reshape`` reshapes the volume's voxels into an image, as published; ``beam`` stacks those along the
            beam as channels and puts them where the image has them.
        norm: ``batch`` or ``group``.
        dropout: After every activation of both branches.
        covered: Part of the volume's (rows, columns) that the image sees at the nominal pose; for ``beam``.
        local: The image input has a second channel, of local contrast: what a body leaves to be seen of its bone.
    """

    volume: tuple[int, int, int] = (40, 56, 48)
    image: int = 64
    volume_widths: tuple[int, int, int] = (8, 16, 32)
    image_widths: tuple[int, int] = (16, 32)
    localisation_widths: tuple[int, ...] = (64, 32)
    hidden: int = 256
    join: Literal["reshape", "beam"] = "beam"
    norm: Literal["batch", "group"] = "group"
    dropout: float = 0.0
    covered: tuple[float, float] = (0.72, 0.84)
    local: bool = False

    def __post_init__(self) -> None:
        widths = (*self.volume_widths, *self.image_widths, *self.localisation_widths, self.hidden)
        if not self.localisation_widths or min(widths) < 1 or max(widths) > _MAX_CHANNELS:
            raise TrainingError(f"every width should be 1 to {_MAX_CHANNELS} channels; got {widths}")
        if any(each % min(_GROUPS, each) for each in (*self.volume_widths, *self.image_widths)):
            raise TrainingError(f"widths of the branches above {_GROUPS} should be multiples of it; got {widths}")
        if any(each < 8 or each % 8 or each > _MAX_VOXELS for each in self.volume):
            raise TrainingError(f"volume should be multiples of 8 up to {_MAX_VOXELS} voxels; got {self.volume}")
        coarsest = 4 * 2 ** len(self.localisation_widths)
        if self.image < coarsest or self.image % coarsest or self.image > _MAX_PIXELS:
            raise TrainingError(
                f"image should be a multiple of {coarsest} up to {_MAX_PIXELS} pixels; got {self.image}"
            )
        if not 0 <= self.dropout < 1 or not all(0 < each <= 1 for each in self.covered):
            raise TrainingError(f"dropout and covered should be shares; got {self.dropout}, {self.covered}")


PAPER = Shape(
    volume=(128, 128, 128), image=256, volume_widths=(64, 32, 32), image_widths=(64, 32),
    localisation_widths=(32, 16, 8), join="reshape", norm="batch", dropout=0.2,
)  # fmt: skip


class Rtpi(nn.Module):
    """Volumes (P, 1, D, H, W) and images (P * B, 1 or 2, h, w), B of each patient in a row, to (P * B, 6) in [0, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.shape = shape
        self.volume_blocks = _volume_branch(shape)
        self.image_blocks = _image_branch(shape)
        self.beam = nn.Conv2d(shape.volume_widths[-1] * (shape.volume[0] // 8), shape.image_widths[-1], 1)
        if shape.join == "reshape":
            del self.beam
        widths = (2 * shape.image_widths[-1], *shape.localisation_widths)
        parts = [_localisation(a, b) for a, b in pairwise(widths)]
        self.localisation = nn.Sequential(*parts)
        edge = shape.image // 4 // 2 ** len(parts)
        self.hidden = nn.Linear(widths[-1] * edge * edge, shape.hidden)
        self.last = nn.Linear(shape.hidden, 6)
        nn.init.zeros_(self.last.bias)

    def volume_features(self, volumes: Tensor) -> Tensor:
        """Feature images (P, C, h/4, w/4): computed once a patient."""
        features = self.volume_blocks(volumes)
        edge = self.shape.image // 4
        if self.shape.join == "reshape":
            return torch.reshape(features, (len(features), features.shape[1], edge, edge))
        stacked = self.beam(features.flatten(1, 2))
        rows, columns = self.shape.covered
        scale = stacked.new_tensor([[columns, 0, 0], [0, rows, 0]]).expand(len(stacked), 2, 3)
        grid = functional.affine_grid(scale, [len(stacked), stacked.shape[1], edge, edge], align_corners=False)
        return functional.grid_sample(stacked, grid, align_corners=False)

    def forward(self, features: Tensor, images: Tensor) -> Tensor:
        """Six numbers in [0, 1] an image; ``features`` of ``volume_features``."""
        repeated = features.repeat_interleave(len(images) // len(features), dim=0)
        joined = torch.cat([repeated, self.image_blocks(images)], dim=1)
        hidden = functional.relu(self.hidden(self.localisation(joined).flatten(1)))
        return torch.sigmoid(self.last(hidden))


class _Block(nn.Module):
    """Twice convolution, normalisation (one and the same), ReLU and dropout, then mean pooling."""

    def __init__(self, a: int, b: int, shape: Shape, *, pool: tuple[int, ...], bias: bool) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        solid = len(pool) == 3
        convolution = nn.Conv3d if solid else nn.Conv2d
        self.first, self.second = (convolution(n, b, 3, padding=1, bias=bias) for n in (a, b))
        batch = nn.BatchNorm3d if solid else nn.BatchNorm2d
        self.norm = batch(b) if shape.norm == "batch" else nn.GroupNorm(min(_GROUPS, b), b)
        dropout = nn.Dropout3d if solid else nn.Dropout2d
        self.after = nn.Sequential(nn.ReLU(), dropout(shape.dropout))
        pooling: Any = nn.AvgPool3d if solid else nn.AvgPool2d
        self.pool = pooling(pool)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size, or by the factors of ``pool``."""
        pooled: Tensor = self.pool(self.after(self.norm(self.second(self.after(self.norm(self.first(x)))))))
        return pooled


def _volume_branch(shape: Shape) -> nn.Sequential:
    a, b, c = shape.volume_widths
    # In the beam join the later poolings keep rows and columns, which are the image's.
    later = (2, 2, 2) if shape.join == "reshape" else (2, 1, 1)
    pools = ((2, 2, 2), later, later)
    widths = ((1, a), (a, b), (b, c))
    return nn.Sequential(*(_Block(*w, shape, pool=pool, bias=True) for w, pool in zip(widths, pools, strict=True)))


def _image_branch(shape: Shape) -> nn.Sequential:
    a, b = shape.image_widths
    channels = 2 if shape.local else 1
    return nn.Sequential(*(_Block(*w, shape, pool=(2, 2), bias=False) for w in ((channels, a), (a, b))))


def _localisation(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), _SplitAttention(b), nn.MaxPool2d(2))


class _SplitAttention(nn.Module):
    """Residual bottleneck whose middle is a split-attention 1x1 convolution: radix 2, cardinality 1, two groups."""

    def __init__(self, c: int) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        inner = max(c // 2, 32)
        self.enter = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.split = nn.Conv2d(c, 2 * c, 1, groups=2)
        self.attend = nn.Sequential(nn.Conv2d(c, inner, 1), nn.ReLU(), nn.Conv2d(inner, 2 * c, 1))
        self.leave = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        both = functional.relu(self.split(self.enter(x)))
        halves = both.reshape(len(x), 2, -1, *x.shape[2:])
        pooled = halves.sum(1).mean((2, 3), keepdim=True)
        weights = self.attend(pooled).reshape(len(x), 2, -1, 1, 1).softmax(1)
        return functional.relu(self.leave((halves * weights).sum(1)) + x)
