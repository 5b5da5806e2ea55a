"""Coarser copies of images, masks and volumes: means of blocks."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import View
from bench.drr import AttenuationMap
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix

# Factors of coarser copies of a volume.
COARSENINGS = (1, 2, 4)


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


def coarsened(attenuation: AttenuationMap, factors: int | tuple[int, int, int]) -> AttenuationMap:
    """The map on larger voxels: means of blocks, the last ones padded with zeros.

    Args:
        attenuation: The map.
        factors: Voxels of a block's edge, one number or one along each axis.
    """
    i, j, k = (factors,) * 3 if isinstance(factors, int) else factors
    if (i, j, k) == (1, 1, 1):
        return attenuation
    padding = [(0, -side % factor) for side, factor in zip(attenuation.mu.shape, (i, j, k), strict=True)]
    padded = np.pad(attenuation.mu, padding)
    a, b, c = (side // factor for side, factor in zip(padded.shape, (i, j, k), strict=True))
    mu = padded.reshape(a, i, b, j, c, k).mean(axis=(1, 3, 5), dtype=np.float32)
    affine, edges = attenuation.affine.copy(), np.array([i, j, k])
    affine[:3, 3] += affine[:3, :3] @ ((edges - 1) / 2)
    affine[:3, :3] *= edges
    return AttenuationMap(np.ascontiguousarray(mu), affine)


def evened(attenuation: AttenuationMap, most_mm: float) -> AttenuationMap:
    """A map of thick slices on voxels that are coarser within them; made at its first use and kept with the map.

    Thin voxels cost samples along the rays that thick slices do not repay.

    Args:
        attenuation: The map.
        most_mm: Edges grow to so much at most, and to no more than the longest edge there is.
    """
    edges = attenuation.spacing_mm
    most = min(float(edges.max()), most_mm)
    i, j, k = (max(factor for factor in COARSENINGS if factor == 1 or edge * factor <= most) for edge in edges)
    name = f"evened {i} {j} {k}"
    if name not in attenuation.kept:
        attenuation.kept[name] = coarsened(attenuation, (i, j, k))
    found: AttenuationMap = attenuation.kept[name]
    return found
