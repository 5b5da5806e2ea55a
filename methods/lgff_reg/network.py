"""The network of LGFF-Reg: stem, local branch, global branch, fusion, auxiliary heads (Yang et al. 2025, Fig. 1).

The switches are those of the paper's Tables 1 and 2 and the points where paper and published code differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, cat, nn

from bench.learn import TrainingError

from .blocks import DualBranchFusion, GlobalStage, LocalStage, conv_bn_relu

STEM_CHANNELS = 16
PARAMETERS = 6
# Beyond it no memory would do.
_MAX_PIXELS = 4096


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Switches of the paper's ablations.

    Attributes:
        image_size: Pixels along each edge of the input; a multiple of 2^stages.
        stages: 3, 4 or 5 (Table 1).
        local: The convolutional branch (LB, Table 2).
        global_branch: The transformer branch (GB, Table 2).
        fusion: Dual-branch fusion (DBFF); without it the last maps of the branches are concatenated.
        heads: Auxiliary heads of the stages before the last one.
        downsampling: "code": 3x3 at the first stage and 2x2 later; "paper": 3x3 everywhere.
        interpolation: Of the previous stage's features: "nearest" (code) or "bilinear" (paper).
        plain_projection: The global features' 1x1 without normalisation (paper).
    """

    image_size: int = 128
    stages: Literal[3, 4, 5] = 4
    local: bool = True
    global_branch: bool = True
    fusion: bool = True
    heads: bool = True
    downsampling: Literal["code", "paper"] = "code"
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    plain_projection: bool = False

    def __post_init__(self) -> None:
        coarsest = 2**self.stages
        if self.image_size < coarsest or self.image_size % coarsest or self.image_size > _MAX_PIXELS:
            raise TrainingError(
                f"{self.stages} stages need image_size, {_MAX_PIXELS} at most, to be a multiple of {coarsest} pixels; "
                f"got {self.image_size}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels after each stage: 32, 64, 128, ..."""
        return tuple(STEM_CHANNELS * 2 ** (stage + 1) for stage in range(self.stages))

    @property
    def fused(self) -> bool:
        """Whether both branches and their fusion are there."""
        return self.local and self.global_branch and self.fusion


class RegressionHead(nn.Sequential):
    """The main head: three convolutions, then 100, 32 and 6 units; (B, C, H, W) -> (B, 6)."""

    def __init__(self, channels: int, edge: int) -> None:
        super().__init__(
            conv_bn_relu(channels, 128, kernel=1, eps=1e-5),
            conv_bn_relu(128, 64, kernel=3, eps=1e-5),
            conv_bn_relu(64, 32, kernel=3, eps=1e-5),
            nn.Flatten(),
            nn.Linear(32 * edge * edge, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 32),
            nn.ReLU(inplace=True),
            nn.Linear(32, PARAMETERS),
        )


class AuxiliaryHead(nn.Sequential):
    """Average over space, 100 units, six parameters; (B, C, H, W) -> (B, 6)."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, PARAMETERS),
        )


class LgffNetwork(nn.Module):
    """LGFF-Reg's network.

    Input (B, 1, S, S), grey values 0 to 255; output a tuple of (B, 6): the main head's, then those of stages 1, 2, ...
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        steps = list(pairwise((STEM_CHANNELS, *widths)))
        self.stem = nn.Sequential(
            conv_bn_relu(1, STEM_CHANNELS, kernel=3), conv_bn_relu(STEM_CHANNELS, STEM_CHANNELS, kernel=3)
        )
        kernels = [3 if index == 0 or architecture.downsampling == "paper" else 2 for index in range(len(steps))]
        self.local_stages = nn.ModuleList(
            LocalStage(a, b, kernel=kernel) for (a, b), kernel in zip(steps, kernels, strict=True) if architecture.local
        )
        self.global_stages = nn.ModuleList(GlobalStage(a, b) for a, b in steps if architecture.global_branch)
        self.fusions = nn.ModuleList(
            self._fusion(index, width) for index, width in enumerate(widths) if architecture.fused
        )
        helped = widths[:-1] if architecture.heads and architecture.fused else ()
        self.auxiliary_heads = nn.ModuleList(AuxiliaryHead(2 * width) for width in helped)
        both = architecture.local and architecture.global_branch
        edge = architecture.image_size >> architecture.stages
        self.main_head = RegressionHead(2 * widths[-1] if both else widths[-1], edge)

    def _fusion(self, index: int, width: int) -> DualBranchFusion:
        settings = self.architecture
        return DualBranchFusion(
            width,
            previous=index > 0,
            interpolation=settings.interpolation,
            plain_projection=settings.plain_projection,
        )

    @staticmethod
    def _maps(stages: nn.ModuleList, image: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for stage in stages:
            image = stage(image)
            maps.append(image)
        return maps

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 1, S, S) -> ((B, 6), ...)."""
        stem = self.stem(image)
        local, global_branch = self._maps(self.local_stages, stem), self._maps(self.global_stages, stem)
        if not self.architecture.fused:
            last = [maps[-1] for maps in (local, global_branch) if maps]
            return (self.main_head(cat(last, dim=1)),)
        fused: list[Tensor] = []
        for fuse, one, other in zip(self.fusions, local, global_branch, strict=True):
            fused.append(fuse(one, other, fused[-1] if fused else None))
        helped = tuple(head(each) for head, each in zip(self.auxiliary_heads, fused, strict=False))
        return (self.main_head(fused[-1]), *helped)
