"""Inputs of the network: the volume on a grid of the nominal view, the image made small and standardised."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.drr import AttenuationMap
from bench.geometry import Matrix
from bench.learn import local_contrast

# Attenuation per mm that becomes 1: dense trabecular bone at 60 keV.
_BONE_PER_MM = 0.03
_SMALLEST = 1e-6


def volume_input(
    attenuation: AttenuationMap,
    camera_from_world: Matrix,
    *,
    centre: Matrix,
    shape: tuple[int, int, int],
    voxel_mm: float,
) -> Tensor:
    """The volume in the axes of the nominal camera: (1, D, H, W), axes along the beam, down and right, 1 = bone.

    Args:
        attenuation: Of the moving volume.
        camera_from_world: Nominal pose; its rotation gives the axes.
        centre: World point in the grid's middle, mm.
        shape: Voxels (D, H, W).
        voxel_mm: Their edge.
    """
    index_from_world = np.linalg.inv(attenuation.affine)
    # Columns: steps along W (x), H (y), D (z) of the camera, in voxels of the volume.
    steps = index_from_world[:3, :3] @ camera_from_world[:3, :3].T * voxel_mm
    middle = index_from_world[:3, :3] @ centre + index_from_world[:3, 3]
    sizes = np.array(attenuation.shape, dtype=np.float64)
    half_extent = np.array(shape[::-1], dtype=np.float64) / 2
    # grid_sample's coordinates: the volume's edges are -1 and 1, its last axis comes first.
    scaled = np.concatenate([steps * half_extent, (middle + 0.5 - sizes / 2)[:, None]], axis=1) * (2 / sizes)[:, None]
    theta = torch.as_tensor(scaled[::-1].copy(), dtype=torch.float32)[None]
    grid = functional.affine_grid(theta, [1, 1, *shape], align_corners=False)
    source = torch.as_tensor(attenuation.mu)[None, None]
    return functional.grid_sample(source, grid, align_corners=False)[0] / _BONE_PER_MM


def image_input(images: Tensor, edge: int, *, local: bool) -> Tensor:
    """Means of blocks, then mean 0 and standard deviation 1: (B, 1, H, W) to (B, 1, edge, edge).

    With ``local`` a second channel holds the local contrast, found on pixels half as large: (B, 2, edge, edge).
    """
    width = images.shape[-1]
    small = functional.avg_pool2d(images, width // edge)
    centred = small - small.mean((2, 3), keepdim=True)
    whole = centred / centred.square().mean((2, 3), keepdim=True).sqrt().clamp_min(_SMALLEST)
    if not local:
        return whole
    finer = functional.avg_pool2d(images, max(1, width // (2 * edge)))
    return torch.cat([whole, functional.avg_pool2d(local_contrast(finer), finer.shape[-1] // edge)], dim=1)
