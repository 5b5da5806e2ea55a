"""SOPI's fine registration network: an encoder for each image, and the distance L_N of their features (eq. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import registry
from bench.errors import FluorobenchError
from bench.learn import local_contrast
from bench.learn.distance import LearntDistance, scaled
from bench.learn.plain import PlainError, from_plain

from .beginning import begin_plainly
from .encoder import CompositeEncoder

LEVELS = ("p3", "p4", "p5")
# Beyond these no memory, and no X-ray, would do.
_MAX_PIXELS, _MAX_DEPTH_SCALE = 4096, 1e3
_SHADOW = 0.01
_TINY = 1e-6
# Of local contrast on the encoder's scale.
_LOCAL_UNIT = 0.2


class SopiError(FluorobenchError):
    """Invalid settings or images of SOPI's network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What the network is built from.

    Attributes:
        image: Pixels along an edge of the images that it compares; a multiple of 32 that divides the detector's.
        composite: The composite encoder (CE); off = the 2D encoder of Deep-reg.
        masked: Features count where the volume's mask casts its shadow (EL); off = everywhere.
        levels: Of the composite encoder's feature maps.
        split_kernel: Of its split attention: 1 as in the published code, 3 as in ResNeSt.
        depth_scale: mm along the beam that count as one across (``bench.learn.pose_gradient.PoseChart``).
        shared: One encoder for both images; off = two with equal initial weights, trained separately, as published.
        contrast: Input of the encoder: ``range``, images from their smallest value to their largest as published,
            or ``local`` contrast, in which bone looks alike alone and within a body.
    """

    image: int = 128
    composite: bool = True
    masked: bool = True
    levels: tuple[str, ...] = LEVELS
    split_kernel: int = 1
    depth_scale: float = 4.0
    shared: bool = True
    contrast: Literal["range", "local"] = "range"

    def __post_init__(self) -> None:
        if self.image < 32 or self.image % 32 or self.image > _MAX_PIXELS:
            raise SopiError(f"image must be a multiple of 32 pixels, at most {_MAX_PIXELS}; got {self.image}")
        if not self.levels or not set(self.levels) <= set(LEVELS):
            raise SopiError(f"levels must be some of {', '.join(LEVELS)}; got {self.levels}")
        if self.split_kernel not in (1, 3) or not 0 < self.depth_scale <= _MAX_DEPTH_SCALE:
            raise SopiError(f"split_kernel is 1 or 3, depth_scale above 0 and at most 1000; got {self}")
        if self.contrast not in ("range", "local"):
            raise SopiError(f"contrast is range or local; got {self.contrast!r}")

    def described(self) -> dict[str, Any]:
        """As plain values, for a weights' card."""
        return {**asdict(self), "levels": list(self.levels)}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Architecture":
        """From a weights' card.

        Raises:
            SopiError: A card that describes another network, or a part that this program does not know.
        """
        # Cards from before there was a choice of contrast have none.
        table = {"contrast": "range", **described}
        try:
            return from_plain(cls, table, "architecture")
        except (PlainError, SopiError) as error:
            raise SopiError(f"the weights' card describes no network of SOPI's ({error}); train again") from None


class Sopi(LearntDistance):
    """The encoders of both images, and the distance of their features."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(_encoder(architecture), None if architecture.shared else _encoder(architecture))
        self.architecture = architecture
        self.moving.load_state_dict(self.fixed.state_dict())

    def seen(self, images: Tensor) -> Tensor:
        """Line integrals (B, 1, H, W) as input of the encoder, about 0 to 1.

        Raises:
            WeightsError: An image without contrast.
        """
        if self.architecture.contrast == "range":
            return scaled(images)
        return 0.5 + _LOCAL_UNIT * local_contrast(images)

    def features(self, encoder: nn.Module, images: Tensor) -> Sequence[Tensor]:
        """Feature maps of images (B, 1, H, W) as ``seen``, of the levels that count."""
        found: Any = encoder(images)
        if not self.architecture.composite:
            return (cast(Tensor, found),)
        return tuple(getattr(found, level) for level in self.architecture.levels)

    def distance(self, fixed: Sequence[Tensor], moving: Tensor) -> Tensor:
        """L_N, (B,), between the features of the fixed images and moving line integrals (B, 1, H, W).

        The mask is the moving projection's shadow, a constant: no gradient goes through it.
        """
        mask = shadow(moving) if self.architecture.masked else None
        levels = zip(fixed, self.features(self.moving, self.seen(moving)), strict=True)
        return torch.stack([_level(ours, theirs, mask) for ours, theirs in levels]).sum(dim=0)


def shadow(images: Tensor) -> Tensor:
    """1 where a projection exceeds 1 % of its largest value, else 0."""
    values = images.detach()
    return (values > _SHADOW * values.amax((2, 3), keepdim=True)).to(values.dtype)


def _level(fixed: Tensor, moving: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared difference over channels and pixels, weighted by the mask's share of each pixel."""
    squares = (moving - fixed).square().mean(dim=1)
    if mask is None:
        return squares.mean((1, 2))
    height, width = fixed.shape[-2:]
    share = functional.adaptive_avg_pool2d(mask, (height, width))[:, 0]
    return (squares * share).sum((1, 2)) / (share.sum((1, 2)) + _TINY)


def _encoder(architecture: Architecture) -> nn.Module:
    if not architecture.composite:
        return cast(nn.Module, registry.module("methods", "deep_reg").Encoder(1))
    encoder = CompositeEncoder(split_kernel=architecture.split_kernel)
    begin_plainly(encoder)
    return encoder
