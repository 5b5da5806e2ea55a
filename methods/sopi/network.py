"""SOPI's fine registration network: an encoder for each image, and the distance L_N of their features (eq. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import registry
from bench.errors import FluorobenchError
from bench.geometry import Matrix

from .beginning import begin_plainly
from .encoder import CompositeEncoder

LEVELS = ("p3", "p4", "p5")
_SHADOW = 0.01
_TINY = 1e-6
# How fast the calibrated step forgets.
_FORGET = 0.02
_STATISTICS_FORGET = 0.1


class SopiError(FluorobenchError):
    """Settings or images that SOPI's network cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What the network is built from.

    Attributes:
        image: Pixels along an edge of the images that it compares; a multiple of 32 that divides the detector's.
        composite: The composite encoder (CE); off = the 2D encoder of Deep-reg.
        masked: Features count where the volume's mask casts its shadow (EL); off = everywhere.
        levels: Of the composite encoder's feature maps.
        split_kernel: Of its split attention: 1 as in the published code, 3 as in ResNeSt.
        depth_scale: mm along the beam that count as one across (``bench.learn.PoseChart``).
    """

    image: int = 128
    composite: bool = True
    masked: bool = True
    levels: tuple[str, ...] = LEVELS
    split_kernel: int = 1
    depth_scale: float = 4.0

    def __post_init__(self) -> None:
        if self.image < 32 or self.image % 32:
            raise SopiError(f"image must be a multiple of 32 pixels; got {self.image}")
        if not self.levels or not set(self.levels) <= set(LEVELS):
            raise SopiError(f"levels must be some of {', '.join(LEVELS)}; got {self.levels}")
        if self.split_kernel not in (1, 3) or not self.depth_scale > 0:
            raise SopiError(f"split_kernel is 1 or 3 and depth_scale positive; got {self}")

    def described(self) -> dict[str, Any]:
        """As plain values, for a weights' card."""
        return {key: list(each) if isinstance(each, tuple) else each for key, each in asdict(self).items()}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Architecture":
        """From a weights' card."""
        settings: dict[str, Any] = {
            key: tuple(cast("list[str]", each)) if isinstance(each, list) else each for key, each in described.items()
        }
        return cls(**settings)


class Sopi(nn.Module):
    """Two encoders that begin alike and are learnt apart, and the calibrated step of a descent.

    Attributes:
        gain: (2,) buffer: mean (geometric) way to the truth per length of the gradient of L_N, of rotation (radians)
            and translation (units of the chart), measured while training: the step of a descent. Nothing learns it.
    """

    gain: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.architecture = architecture
        self.fixed, self.moving = self._encoder(), self._encoder()
        self.moving.load_state_dict(self.fixed.state_dict())
        self.register_buffer("gain", torch.ones(2))
        self.register_buffer("measured", torch.zeros(1))

    def _encoder(self) -> nn.Module:
        if self.architecture.composite:
            encoder = CompositeEncoder(split_kernel=self.architecture.split_kernel)
            begin_plainly(encoder)
            return encoder
        return cast(nn.Module, registry.module("methods", "deep_reg").Encoder(1))

    def features(self, encoder: nn.Module, images: Tensor) -> Sequence[Tensor]:
        """Feature maps of images (B, 1, H, W) in [0, 1], of the levels that count."""
        found: Any = encoder(images)
        if not self.architecture.composite:
            return (cast(Tensor, found),)
        return tuple(getattr(found, level) for level in self.architecture.levels)

    def distance(self, fixed: Sequence[Tensor], moving: Tensor) -> Tensor:
        """L_N, (B,), between the features of the fixed images and moving line integrals (B, 1, H, W).

        The mask is the moving projection's shadow, a constant: no gradient goes through it.
        """
        mask = shadow(moving) if self.architecture.masked else None
        levels = zip(fixed, self.features(self.moving, scaled(moving)), strict=True)
        return torch.stack([_level(ours, theirs, mask) for ours, theirs in levels]).sum(dim=0)

    def gather(self, fixed: Tensor, moving: Tensor) -> None:
        """Take images (scaled, (B, 1, H, W) each) into the statistics of the batch normalisations, then hold them.

        A descent meets one image at a time, with these statistics. A gradient taught through those of a batch would be
        another one.
        """
        share = max(_STATISTICS_FORGET, 1 / (1 + float(self.get_buffer("measured"))))
        norms = [each for each in self.modules() if isinstance(each, nn.BatchNorm2d)]
        for each in norms:
            each.momentum = share
        self.train()
        with torch.no_grad():
            self.fixed(fixed)
            self.moving(moving.detach())
        self.eval()

    def calibrate(self, slopes: Tensor, ways: Tensor) -> None:
        """Take lengths of gradients and of ways to the truth, (B, 2) each, into the calibrated step."""
        with torch.no_grad():
            seen = (ways.clamp_min(_TINY).log() - slopes.clamp_min(1e-12).log()).mean(dim=0)
            # The first batch stands alone; then a mean that forgets.
            share = torch.maximum(1 / (1 + self.get_buffer("measured")), self.gain.new_tensor([_FORGET]))
            self.gain.copy_(self.gain.log().lerp(seen.to(self.gain.dtype), share).exp())
            self.get_buffer("measured").add_(1)

    def gains(self) -> Matrix:
        """The calibrated step as numbers."""
        return np.asarray(self.gain.detach().cpu().double().numpy())


def scaled(images: Tensor) -> Tensor:
    """Every image from its own minimum to its own maximum, 0 to 1; the extremes are constants to the gradient.

    Raises:
        SopiError: An image without contrast: the volume is out of sight.
    """
    low, high = images.detach().amin((2, 3), keepdim=True), images.detach().amax((2, 3), keepdim=True)
    if not bool((high - low > _TINY).all()):
        raise SopiError("an image is empty: all of its pixels are equal; is the object before the detector?")
    return (images - low) / (high - low)


def shadow(images: Tensor) -> Tensor:
    """1 where a projection exceeds 1 % of its largest value, else 0."""
    values = images.detach()
    return (values > _SHADOW * values.amax((2, 3), keepdim=True)).to(values.dtype)


def small(images: Tensor, size: int) -> Tensor:
    """Means of blocks of pixels: (B, 1, H, W) to (B, 1, size, size).

    Raises:
        SopiError: No square image of a multiple of ``size`` pixels.
    """
    height, width = images.shape[-2:]
    if height != width or height % size:
        raise SopiError(f"a square image of a multiple of {size} pixels is needed; got {height} x {width}")
    return images if height == size else functional.avg_pool2d(images, height // size)


def _level(fixed: Tensor, moving: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared difference over channels and pixels, weighted by the mask's share of each pixel."""
    squares = (moving - fixed).square().mean(dim=1)
    if mask is None:
        return squares.mean((1, 2))
    height, width = fixed.shape[-2:]
    share = functional.adaptive_avg_pool2d(mask, (height, width))[:, 0]
    return (squares * share).sum((1, 2)) / (share.sum((1, 2)) + _TINY)
