"""Shared by networks that learn a distance between image and projection: batch statistics, step size, image scale."""

import numpy as np
import torch
from torch import Tensor, nn

from bench.geometry import Matrix
from bench.learn.errors import WeightsError

_TINY = 1e-6
_LEAST_SLOPE = 1e-12
# How fast batch statistics and the calibrated step forget.
_STATISTICS_FORGET, _STEP_FORGET = 0.1, 0.02


class LearntDistance(nn.Module):
    """Two 2D encoders, of the fixed and of the moving image, and the calibrated step of a descent.

    Attributes:
        fixed: Encoder of the X-ray.
        moving: Encoder of the projection.
        log_gain: (2,) buffer: mean logarithm of the way to the truth per length of the distance's gradient, of rotation
            (radians) and translation (units of the chart), measured while training: the step of a descent. It
            is not a trained parameter; its logarithm fits into half precision.
        measured: (1,) buffer: steps that were measured.
    """

    log_gain: Tensor
    measured: Tensor

    moving: nn.Module

    def __init__(self, fixed: nn.Module, moving: nn.Module | None) -> None:
        """``moving`` = None: one encoder sees both images."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.fixed = fixed
        if moving is None:
            # Past torch's registry of modules: its weights are counted, trained and saved once.
            self.__dict__["moving"] = fixed
        else:
            self.moving = moving
        self.register_buffer("log_gain", torch.zeros(2))
        self.register_buffer("measured", torch.zeros(1))

    def gather(self, fixed: Tensor, moving: Tensor) -> None:
        """Take scaled images (B, C, H, W) into the statistics of the batch normalisations, then hold them.

        A descent evaluates one image at a time with these statistics. Gradients through the statistics of a batch
        would differ from those of the descent.
        """
        share = max(_STATISTICS_FORGET, 1 / (1 + float(self.measured)))
        for each in self.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.momentum = share
        self.train()
        with torch.no_grad():
            if self.moving is self.fixed:
                self.fixed(torch.cat([fixed.expand(-1, moving.shape[1], -1, -1), moving.detach()]))
            else:
                self.fixed(fixed)
                self.moving(moving.detach())
        self.eval()

    def calibrate(self, slopes: Tensor, ways: Tensor) -> None:
        """Take lengths of gradients and of ways to the truth, (B, 2) each, into the calibrated step."""
        with torch.no_grad():
            seen = (ways.clamp_min(_TINY).log() - slopes.clamp_min(_LEAST_SLOPE).log()).mean(dim=0)
            # The first batch stands alone; then a mean that forgets.
            share = torch.maximum(1 / (1 + self.measured), self.log_gain.new_tensor([_STEP_FORGET]))
            self.log_gain.lerp_(seen.to(self.log_gain), share)
            self.measured.add_(1)

    def gains(self) -> Matrix:
        """The calibrated step as numbers."""
        return np.asarray(self.log_gain.detach().cpu().double().exp().numpy())


def scaled(images: Tensor) -> Tensor:
    """Images (B, C, H, W) from their own minimum to their own maximum, over all channels, as 0 to 1.

    The extremes are constants to the gradient.

    Raises:
        WeightsError: An image without contrast: the volume is outside the view.
    """
    low, high = images.detach().amin((1, 2, 3), keepdim=True), images.detach().amax((1, 2, 3), keepdim=True)
    if not bool((high - low > _TINY).all()):
        raise WeightsError("an image is empty: all of its pixels are equal; is the object before the detector?")
    return (images - low) / (high - low)


def small(images: Tensor, size: int) -> Tensor:
    """Means of blocks of pixels: (B, 1, H, W) to (B, 1, size, size).

    Raises:
        WeightsError: No square image of a multiple of ``size`` pixels.
    """
    height, width = images.shape[-2:]
    if height != width or height % size:
        raise WeightsError(f"a square image of a multiple of {size} pixels is needed; got {height} x {width}")
    return images if height == size else nn.functional.avg_pool2d(images, height // size)
