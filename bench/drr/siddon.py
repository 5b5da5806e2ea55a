"""The exact oracle: the path of every ray through every voxel, in float64.

R. L. Siddon, "Fast calculation of the exact radiological path for a three-dimensional CT array", Med. Phys. 12 (1985)
252-255. The image model differs from the trilinear one of the other kernels: voxels are uniform boxes.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.drr.attenuation import AttenuationMap
from bench.drr.compiled import compiled, parallel_range
from bench.drr.rays import trace_rays
from bench.geometry import Camera


@compiled(fastmath=False)
def walk(mu: Any, s: Any, d: Any) -> float:
    """Integrate over t the piecewise constant field ``mu`` along ``s + t * d``, voxel by voxel."""
    near, far = 0.0, np.inf
    for axis in range(3):
        if d[axis] == 0.0:
            if s[axis] <= -0.5 or s[axis] >= mu.shape[axis] - 0.5:
                return 0.0
        else:
            first, last = (-0.5 - s[axis]) / d[axis], (mu.shape[axis] - 0.5 - s[axis]) / d[axis]
            near, far = max(near, min(first, last)), min(far, max(first, last))
    if near >= far:
        return 0.0
    index, turn, stride, step = np.empty(3, np.int64), np.empty(3), np.empty(3), np.empty(3, np.int64)
    for axis in range(3):
        inside = int(np.floor(s[axis] + (near + 1e-12 * (far - near)) * d[axis] + 0.5))
        index[axis] = min(max(inside, 0), mu.shape[axis] - 1)
        step[axis] = 1 if d[axis] > 0.0 else -1
        stride[axis] = abs(1.0 / d[axis]) if d[axis] != 0.0 else np.inf
        face = index[axis] + 0.5 * step[axis]
        turn[axis] = (face - s[axis]) / d[axis] if d[axis] != 0.0 else np.inf
    total, t = 0.0, near
    while t < far:
        axis = int(np.argmin(turn))
        until = min(turn[axis], far)
        total += max(until - t, 0.0) * mu[index[0], index[1], index[2]]
        t = until
        index[axis] += step[axis]
        turn[axis] += stride[axis]
        if index[axis] < 0 or index[axis] >= mu.shape[axis]:
            break
    return total


@compiled(parallel=True, fastmath=False)
def render_exact(mu: Any, sources: Any, directions: Any, camera_from_pixel: Any, images: Any) -> None:
    """Fill images (B, H, W); parallel over every row of every image."""
    height, width = images.shape[1], images.shape[2]
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        for u in range(width):
            d = directions[pose, :, 0] * u + directions[pose, :, 1] * v + directions[pose, :, 2]
            length = np.sqrt(
                (camera_from_pixel[0, 0] * u + camera_from_pixel[0, 2]) ** 2
                + (camera_from_pixel[1, 1] * v + camera_from_pixel[1, 2]) ** 2
                + 1
            )
            images[pose, v, u] = walk(mu, sources[pose], d) * length


def project_siddon(attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera) -> NDArray[np.float64]:
    """Exact line integrals (B, H, W) float64 of uniform voxels, dimensionless.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    rays = trace_rays(attenuation, camera_from_world, camera)
    images = np.empty((len(rays.sources), camera.height, camera.width))
    render_exact(attenuation.mu, rays.sources, rays.directions, rays.camera_from_pixel, images)
    return images
