"""CT noise by place: it rises where the rays through a voxel pass much tissue and bone.

In filtered backprojection the noise variance at a place is the mean, over directions, of the variance of the rays that
cross it, and that of a ray grows as exp(line integral) (Kak and Slaney, Principles of Computerized Tomographic Imaging,
1988, section 5.2). Computed on blocks of about 8 mm; parallel rays; nothing is known beyond the grid.
"""

from typing import Literal

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix
from bench.volume import AttenuationLaw, FloatGrid

_BLOCK_MM = 8.0
_DIRECTIONS = 8
_BODY_HU = -400.0


def noise_level(hu: FloatGrid, spacing_mm: Matrix, *, modulation: float) -> FloatGrid:
    """Noise relative to the body's mean, float32, shape of ``hu``.

    Args:
        hu: True HU (i left, j posterior, k superior).
        spacing_mm: Voxel edges.
        modulation: 0 even noise, 1 the full course; between, its logarithm is scaled, as bow-tie filters and tube
            current modulation even noise out.
    """
    steps = np.maximum(1, np.round(_BLOCK_MM / spacing_mm)).astype(int)
    coarse = _blocks(hu, steps)
    mu = AttenuationLaw()(coarse)
    variance = np.zeros_like(mu)
    # Turned in index space: blocks are near enough square for a course this smooth.
    step_mm = float(np.mean(steps[:2] * spacing_mm[:2]))
    for turn in np.arange(_DIRECTIONS) * 180.0 / _DIRECTIONS:
        absorbed = _turned(mu * np.float32(step_mm), turn, "constant").sum(axis=1, keepdims=True)
        variance += _turned(np.broadcast_to(np.exp(absorbed), mu.shape), -turn, "nearest")
    level = np.power(variance, 0.5 * modulation)
    body = coarse > _BODY_HU
    level /= level[body].mean() if body.any() else level.mean()
    return _spread(level, steps, hu.shape)


def _turned(grid: FloatGrid, degrees: float, beyond: Literal["constant", "nearest"]) -> FloatGrid:
    """Turned in the plane; beyond the grid lies nothing, or the edge's value."""
    return np.asarray(ndimage.rotate(grid, degrees, axes=(0, 1), reshape=False, order=1, mode=beyond))


def _blocks(hu: FloatGrid, steps: Matrix) -> FloatGrid:
    short = [(0, int(-size % step)) for size, step in zip(hu.shape, steps, strict=True)]
    padded = np.pad(hu, short, mode="edge")
    i, j, k = (int(size // step) for size, step in zip(padded.shape, steps, strict=True))
    blocks = padded.reshape(i, int(steps[0]), j, int(steps[1]), k, int(steps[2]))
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


def _spread(coarse: FloatGrid, steps: Matrix, shape: tuple[int, ...]) -> FloatGrid:
    """Linear interpolation from the middles of blocks, axis by axis."""
    fine = coarse
    for axis, (step, size) in enumerate(zip(steps, shape, strict=True)):
        weights = _hats(fine.shape[axis], int(step), size)
        fine = np.moveaxis(np.tensordot(weights, fine, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(fine, dtype=np.float32)


def _hats(blocks: int, step: int, size: int) -> FloatGrid:
    place = np.clip((np.arange(size) - (step - 1) / 2) / step, 0, blocks - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(blocks))), dtype=np.float32)
