"""Exact line integrals: the path of every ray through every voxel, in float64.

R. L. Siddon, "Fast calculation of the exact radiological path for a three-dimensional CT array", Med. Phys. 12 (1985)
252-255. The image model differs from the trilinear one of the other kernels: voxels are uniform boxes.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.drr.attenuation import AttenuationMap
from bench.drr.compiled import compiled, parallel_range
from bench.drr.rays import ProjectionError, trace_rays
from bench.geometry import Camera


@compiled(fastmath=False)
def walk(first: Any, second: Any, s: Any, d: Any) -> tuple[float, float]:
    """Integrate over t two piecewise constant fields of one grid along ``s + t * d``, voxel by voxel."""
    near, far = 0.0, np.inf
    for axis in range(3):
        if d[axis] == 0.0:
            if s[axis] <= -0.5 or s[axis] >= first.shape[axis] - 0.5:
                return 0.0, 0.0
        else:
            enters, leaves = (-0.5 - s[axis]) / d[axis], (first.shape[axis] - 0.5 - s[axis]) / d[axis]
            near, far = max(near, min(enters, leaves)), min(far, max(enters, leaves))
    if near >= far:
        return 0.0, 0.0
    i, i_step, i_stride, i_turn = begin(s[0], d[0], first.shape[0], near, far)
    j, j_step, j_stride, j_turn = begin(s[1], d[1], first.shape[1], near, far)
    k, k_step, k_stride, k_turn = begin(s[2], d[2], first.shape[2], near, far)
    total, other, t = 0.0, 0.0, near
    # Numbers of their own instead of arrays of three: they stay in registers.
    while t < far:
        until = min(min(i_turn, j_turn), min(k_turn, far))
        length = max(until - t, 0.0)
        total += length * first[i, j, k]
        other += length * second[i, j, k]
        t = until
        if i_turn <= j_turn and i_turn <= k_turn:
            i, i_turn = i + i_step, i_turn + i_stride
            if i < 0 or i >= first.shape[0]:
                break
        elif j_turn <= k_turn:
            j, j_turn = j + j_step, j_turn + j_stride
            if j < 0 or j >= first.shape[1]:
                break
        else:
            k, k_turn = k + k_step, k_turn + k_stride
            if k < 0 or k >= first.shape[2]:
                break
    return total, other


@compiled(fastmath=False)
def begin(s: float, d: float, size: int, near: float, far: float) -> tuple[int, int, float, float]:
    """Along one axis: the first voxel, its step, how long a voxel lasts in t, and when it ends."""
    index = min(max(int(np.floor(s + (near + 1e-12 * (far - near)) * d + 0.5)), 0), size - 1)
    if d == 0.0:
        return index, -1, np.inf, np.inf
    step = 1 if d > 0.0 else -1
    return index, step, abs(1.0 / d), (index + 0.5 * step - s) / d


@compiled(parallel=True, fastmath=False)
def render_exact(first: Any, second: Any, sources: Any, directions: Any, camera_from_pixel: Any, images: Any) -> None:
    """Fill images (2, B, H, W), one a field; parallel over every row of every image."""
    height, width = images.shape[2], images.shape[3]
    for task in parallel_range(images.shape[1] * height):
        pose, v = task // height, task % height
        for u in range(width):
            d = directions[pose, :, 0] * u + directions[pose, :, 1] * v + directions[pose, :, 2]
            length = np.sqrt(
                (camera_from_pixel[0, 0] * u + camera_from_pixel[0, 2]) ** 2
                + (camera_from_pixel[1, 1] * v + camera_from_pixel[1, 2]) ** 2
                + 1
            )
            total, other = walk(first, second, sources[pose], d)
            images[0, pose, v, u], images[1, pose, v, u] = total * length, other * length


def project_siddon_pair(
    first: AttenuationMap, second: AttenuationMap, camera_from_world: ArrayLike, camera: Camera
) -> NDArray[np.float64]:
    """As ``project_siddon``, of two maps on one grid in one walk: (2, B, H, W).

    Raises:
        ProjectionError: The maps' grids differ, a pose is not rigid, or the source lies inside the volume's box.
    """
    if first.shape != second.shape or not np.array_equal(first.affine, second.affine):
        raise ProjectionError(f"two maps on one grid expected; got shapes {first.shape} and {second.shape}")
    rays = trace_rays(first, camera_from_world, camera)
    images = np.empty((2, len(rays.sources), camera.height, camera.width))
    render_exact(first.mu, second.mu, rays.sources, rays.directions, rays.camera_from_pixel, images)
    return images


def project_siddon(attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera) -> NDArray[np.float64]:
    """Exact line integrals (B, H, W) float64 of uniform voxels, dimensionless.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    images: NDArray[np.float64] = project_siddon_pair(attenuation, attenuation, camera_from_world, camera)[0]
    return images
