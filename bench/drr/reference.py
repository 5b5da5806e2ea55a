"""The reference projector of the tests: trilinear samples in small steps, in plain torch, on any device."""

import numpy as np
import torch
from numpy.typing import ArrayLike

from bench.drr.attenuation import AttenuationMap
from bench.drr.rays import trace_rays
from bench.geometry import Camera, Matrix

_SAMPLES_AT_ONCE = 2_000_000


def project_reference(
    attenuation: AttenuationMap,
    camera_from_world: ArrayLike,
    camera: Camera,
    *,
    step_voxels: float = 0.25,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> torch.Tensor:
    """Line integrals (B, 1, H, W), dimensionless, of the trilinear field, by the midpoint rule.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.
        step_voxels: Longest step, in voxels along the axis it crosses fastest.
        dtype: ``torch.float32`` or ``torch.float64``, of arithmetic and answer.
        device: Any torch device.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    rays = trace_rays(attenuation, camera_from_world, camera)
    mu = torch.as_tensor(np.pad(attenuation.mu, 2)).to(device, dtype)
    sources, directions = (
        torch.as_tensor(array, dtype=dtype, device=device) for array in (rays.sources, rays.directions)
    )
    pixels, lengths = pixel_directions(camera, rays.camera_from_pixel, mu)
    images = [integrate(mu, s, pixels @ D.T, step_voxels) * lengths for s, D in zip(sources, directions, strict=True)]
    shape = (len(images), 1, camera.height, camera.width)
    return torch.stack(images).reshape(shape) if images else mu.new_zeros(shape)


def pixel_directions(
    camera: Camera, camera_from_pixel: Matrix, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pixel (u, v, 1), row by row (H W, 3), and the world length of its ray per mm of depth (H W)."""
    v, u = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    pixels = torch.stack([u.ravel(), v.ravel(), torch.ones(u.numel())], dim=1).to(like)
    return pixels, (pixels @ torch.as_tensor(camera_from_pixel).to(like).T).square().sum(dim=1).sqrt()


def integrate(mu: torch.Tensor, source: torch.Tensor, rays: torch.Tensor, step_voxels: float) -> torch.Tensor:
    """Integrate the field ``mu`` (padded by 2) along ``source + t * rays`` over t, each inside the box.

    Rays are (N, 3), the source (3) or one a ray (N, 3), in voxel indices. Differentiable in all three.
    """
    near, far = _box_range(source, rays, torch.tensor(mu.shape, device=mu.device) - 4)
    steps = int(((far - near) * rays.abs().amax(dim=1)).max().div(step_voxels).ceil().clamp(min=1))
    at_once = max(1, _SAMPLES_AT_ONCE // steps)
    middles = (torch.arange(steps, device=mu.device, dtype=mu.dtype) + 0.5) / steps
    sums: list[torch.Tensor] = []
    for first in range(0, len(rays), at_once):
        part = slice(first, first + at_once)
        t = near[part, None] + (far - near)[part, None] * middles
        points = source.expand_as(rays)[part, None] + t[..., None] * rays[part, None]
        sums.append(sample_trilinear(mu, points + 2).mean(dim=1))
    return torch.cat(sums) * (far - near)


def _box_range(source: torch.Tensor, rays: torch.Tensor, shape: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where rays enter and leave the box [-1, n] that the trilinear field fills; an empty range where they miss it."""
    safe = torch.where(rays.abs() < 1e-12, torch.full_like(rays, 1e-12), rays)
    first, last = (-1 - source) / safe, (shape - source) / safe
    near = torch.minimum(first, last).amax(dim=1).clamp(min=0)
    far = torch.maximum(first, last).amin(dim=1)
    return near, torch.maximum(near, far)


def sample_trilinear(field: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Trilinear values of ``field`` (3-D) at ``points`` (..., 3) in voxel indices; points beyond it take its border's.

    Plain indexing and products: differentiable in both arguments, as often as the field is smooth.
    """
    limit = torch.tensor(field.shape, device=field.device) - 2
    corner = points.detach().floor().long().clamp(min=torch.zeros_like(limit), max=limit)
    across, along = field.shape[1] * field.shape[2], field.shape[2]
    base = corner[..., 0] * across + corner[..., 1] * along + corner[..., 2]
    values, fractions = field.reshape(-1), (points - corner).unbind(-1)
    corners = [values[base + i * across + j * along + k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    for fraction in reversed(fractions):
        corners = [low + fraction * (high - low) for low, high in zip(corners[::2], corners[1::2], strict=True)]
    return corners[0]
