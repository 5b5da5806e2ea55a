"""LGFF-Reg's low-dose degradation of a rendered image: fog, artefacts, blur, brightness and contrast.

Yang et al., Journal of Image and Graphics 30(8), 2025, section on data synthesis. Images are as the network sees them:
bone bright, from 0 to ``top``; a detector's line integrals are scaled to that first (``on_line_integrals``).

Deviations:
1. The paper gives the order of the steps and the kernel of 5 pixels, but no strength: all ranges here are ours.
2. Contrast acts about mid-grey, brightness is added; the paper states only that both change.
3. The artefact's blur is a Gaussian as wide as OpenCV's kernels of 5 to 15 pixels; the paper gives no width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from bench.contract import Image
from bench.errors import FluorobenchError

Range = tuple[float, float]
Images = TypeVar("Images", torch.Tensor, NDArray[np.float32])

_STRENGTHS = ("fog", "artefact", "artefact_sigma_px", "contrast", "brightness")
_LARGEST_SEED = 2**53  # a record's numbers are floats: every integer up to here is exact
_BLUR_REACH, _ARTEFACT_REACH = 2, 7  # kernels of 5 and of 15 pixels


class LowDoseError(FluorobenchError):
    """Invalid strengths or images."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """The draw for one image, which repeats it to the last bit.

    Attributes:
        fog: Share a of the fog layer: image <- (1 - a) image + a layer.
        artefact: Height of the artefact field, as a share of the image's range.
        artefact_sigma_px: Standard deviation of the artefact field's blur, pixels.
        contrast: Factor on what differs from mid-grey.
        brightness: Added after it, as a share of the image's range.
        seed: Of the two noise fields.
    """

    fog: float
    artefact: float
    artefact_sigma_px: float
    contrast: float
    brightness: float
    seed: int

    def record(self) -> dict[str, float]:
        """The draw as recorded with a case."""
        return {f"low_dose_{name}": float(value) for name, value in asdict(self).items()}

    @classmethod
    def from_record(cls, record: Mapping[str, float]) -> "Degradation":
        """The draw that ``record`` wrote down.

        Raises:
            LowDoseError: A strength is missing.
        """
        try:
            strengths = {name: float(record[f"low_dose_{name}"]) for name in _STRENGTHS}
            return cls(**strengths, seed=int(record["low_dose_seed"]))
        except KeyError as error:
            raise LowDoseError(f"a low-dose record needs {error}; got {', '.join(record) or 'nothing'}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class LowDose:
    """The distribution: ranges that strengths are drawn from, evenly; a range of two equal numbers is a fixed strength.

    Attributes:
        fog: Of ``Degradation.fog``.
        white_share: Share of white in the fog layer; the rest is noise, uniform in [0, 1].
        artefact: Of ``Degradation.artefact``.
        artefact_sigma_px: Of ``Degradation.artefact_sigma_px``.
        blur_sigma_px: Of the final Gaussian of 5 x 5 pixels.
        contrast: Of ``Degradation.contrast``.
        brightness: Of ``Degradation.brightness``.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    fog: Range = (0.1, 0.4)
    white_share: float = 0.7
    artefact: Range = (0.02, 0.15)
    artefact_sigma_px: Range = (1.1, 2.6)
    blur_sigma_px: float = 1.1
    contrast: Range = (0.7, 1.3)
    brightness: Range = (-0.1, 0.1)

    def __post_init__(self) -> None:
        for name in _STRENGTHS:
            low, high = getattr(self, name)
            least = -1.0 if name == "brightness" else 0.0
            if not least <= low <= high < np.inf:
                raise LowDoseError(f"low_dose.{name} must be (low, high) from {least:g} up; got ({low}, {high})")
        if self.fog[1] > 1 or not 0 <= self.white_share <= 1:
            raise LowDoseError(f"low_dose.fog and white_share are shares up to 1; got {self.fog}, {self.white_share}")
        if self.blur_sigma_px <= 0 or self.artefact_sigma_px[0] <= 0:
            raise LowDoseError("low_dose.blur_sigma_px and artefact_sigma_px must be positive")

    def draw(self, random: np.random.Generator) -> Degradation:
        """Draw the strengths for one image."""
        ranges: dict[str, Range] = {name: getattr(self, name) for name in _STRENGTHS}
        strengths = {name: float(random.uniform(low, high)) for name, (low, high) in ranges.items()}
        return Degradation(**strengths, seed=int(random.integers(_LARGEST_SEED)))

    def apply(self, images: Images, draws: Sequence[Degradation], *, top: float = 1.0) -> Images:
        """Degrade a batch, each image by its own draw.

        Args:
            images: (H, W), (B, H, W) or (B, 1, H, W), numpy or torch on any device, from 0 to ``top``.
            draws: One an image.
            top: The brightest value: 1, or 255 for 8-bit scales.

        Returns:
            New float32 images of the same kind, shape and device, clipped to [0, top].

        Raises:
            LowDoseError: A shape that is not one of these, or another number of draws than of images.
        """
        if isinstance(images, torch.Tensor):
            batch = _batch(images, len(draws)) / top
            return (self._degraded(batch, draws) * top).reshape(images.shape)
        plain: NDArray[np.float32] = np.asarray(images, dtype=np.float32)
        batch = _batch(torch.as_tensor(plain), len(draws)) / top
        found: NDArray[np.float32] = (self._degraded(batch, draws) * top).reshape(plain.shape).numpy()
        return found

    def on_line_integrals(self, image: Image, draw: Degradation) -> Image:
        """Degrade line integrals (H, W): they are scaled to [0, 1] for it, and back to their own range."""
        low, high = float(image.min()), float(image.max())
        span = max(high - low, 1e-6)
        scaled = np.asarray((image - low) / span, dtype=np.float32)
        return np.asarray(low + span * self.apply(scaled, [draw]), dtype=np.float32)

    def _degraded(self, images: torch.Tensor, draws: Sequence[Degradation]) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1]."""
        fog, artefact, sigma, contrast, brightness = (_column(draws, name, images.device) for name in _STRENGTHS)
        noise, field = _fields(draws, images.shape[-2:], images.device)
        layer = self.white_share + (1 - self.white_share) * noise
        fogged = (1 - fog) * images + fog * layer
        marked = fogged + blurred(artefact * field, sigma.reshape(-1), reach=_ARTEFACT_REACH)
        width = torch.full((len(draws),), self.blur_sigma_px, device=images.device)
        soft = blurred(marked, width, reach=_BLUR_REACH)
        return (contrast * (soft - 0.5) + 0.5 + brightness).clamp(0, 1)


def blurred(images: torch.Tensor, sigma_px: torch.Tensor, *, reach: int) -> torch.Tensor:
    """Gaussian blur of every image by its own width, borders mirrored.

    Args:
        images: (B, 1, H, W).
        sigma_px: (B,).
        reach: Pixels that the kernel reaches to each side; its weights sum to one.
    """
    batch = images.shape[0]
    offsets = torch.arange(-reach, reach + 1, device=images.device, dtype=torch.float32)
    kernels = torch.exp(-0.5 * (offsets[None] / sigma_px[:, None]) ** 2)
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    padded = functional.pad(images, (reach, reach, reach, reach), mode="reflect")
    stacked = padded.reshape(1, batch, *padded.shape[-2:])
    rows = functional.conv2d(stacked, kernels[:, None, None, :], groups=batch)
    columns = functional.conv2d(rows, kernels[:, None, :, None], groups=batch)
    return columns.reshape(images.shape)


def _fields(
    draws: Sequence[Degradation], size: Sequence[int], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two fields an image, uniform in [0, 1], (B, 1, H, W); drawn by numpy, so that they are alike on any device."""
    height, width = size
    drawn = [np.random.default_rng(draw.seed).random((2, height, width), dtype=np.float32) for draw in draws]
    both = torch.as_tensor(np.stack(drawn), device=device)
    return both[:, :1], both[:, 1:]


def _column(draws: Sequence[Degradation], name: str, device: torch.device) -> torch.Tensor:
    found = torch.tensor([getattr(draw, name) for draw in draws], dtype=torch.float32, device=device)
    return found.reshape(-1, 1, 1, 1)


def _batch(images: torch.Tensor, draws: int) -> torch.Tensor:
    """As (B, 1, H, W) float32."""
    shape = tuple(images.shape)
    known = len(shape) in (2, 3) or (len(shape) == 4 and shape[1] == 1)
    if not known or min(shape[-2:]) <= _ARTEFACT_REACH:
        raise LowDoseError(f"expected images (H, W), (B, H, W) or (B, 1, H, W) of at least 8 pixels; got {shape}")
    batch = images.to(torch.float32).reshape(-1, 1, *shape[-2:])
    if batch.shape[0] != draws:
        raise LowDoseError(f"expected one draw an image; got {draws} draws for {batch.shape[0]} images")
    return batch
