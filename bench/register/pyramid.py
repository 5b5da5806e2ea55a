"""Coarser copies of images, masks and volumes: means of blocks."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import View
from bench.drr import AttenuationMap
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix


class PyramidError(FluorobenchError):
    """A view that cannot be binned to a level."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelView:
    """A view at one level of the pyramid.

    Attributes:
        camera: Of the binned image.
        camera_from_rig: 4x4, mm.
        fixed: The target, (1, 1, H, W) float32.
        valid: Pixels all of whose block is valid, (1, 1, H, W) bool; None = all.
    """

    camera: Camera
    camera_from_rig: Matrix
    fixed: torch.Tensor
    valid: torch.Tensor | None


def bin_factor(camera: Camera, size: int) -> int:
    """The largest binning factor that leaves at least ``size`` pixels along the longer side of the detector."""
    return max(1, max(camera.height, camera.width) // size)


def bin_view(view: View, factor: int) -> LevelView:
    """Bin a view's image and mask by block means.

    A block counts as valid where all its pixels are valid and finite: the mean of a part would sit off its centre.

    Raises:
        PyramidError: The view has no image, or no block is valid.
    """
    if view.image is None:
        raise PyramidError("registration needs an image in every view; got a view without one")
    usable = np.isfinite(view.image)
    if view.valid is not None:
        usable &= view.valid
    image = _blocks(np.where(usable, view.image, np.float32(0)), factor).mean(axis=(1, 3), dtype=np.float64)
    valid = _blocks(usable, factor).all(axis=(1, 3))
    if not valid.any():
        raise PyramidError(f"no block of {factor} x {factor} pixels is valid; widen the mask or use a finer level")
    return LevelView(
        camera=view.camera.binned(factor),
        camera_from_rig=view.camera_from_rig,
        fixed=torch.tensor(image, dtype=torch.float32)[None, None],
        valid=None if valid.all() else torch.tensor(valid)[None, None],
    )


def _blocks(pixels: NDArray[np.generic], factor: int) -> NDArray[np.generic]:
    """(H, W) -> (H // factor, factor, W // factor, factor); incomplete blocks are cut, as by ``Camera.binned``."""
    height, width = (side // factor for side in pixels.shape)
    return pixels[: height * factor, : width * factor].reshape(height, factor, width, factor)


def coarsened(attenuation: AttenuationMap, factor: int) -> AttenuationMap:
    """The map on voxels of ``factor`` times the edge: means of blocks, the last ones padded with zeros."""
    if factor == 1:
        return attenuation
    padding = [(0, -side % factor) for side in attenuation.mu.shape]
    padded = np.pad(attenuation.mu, padding)
    i, j, k = (side // factor for side in padded.shape)
    mu = padded.reshape(i, factor, j, factor, k, factor).mean(axis=(1, 3, 5), dtype=np.float32)
    affine = attenuation.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    affine[:3, :3] *= factor
    return AttenuationMap(np.ascontiguousarray(mu), affine)
