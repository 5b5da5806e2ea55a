"""Derivative images of the reference: derivatives of its fine-step quadrature with respect to the pose."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.drr.attenuation import AttenuationMap
from bench.drr.rays import rotation_centres, trace_rays
from bench.drr.reference import integrate, pixel_directions
from bench.geometry import Camera


def project_reference_with_jacobian(
    attenuation: AttenuationMap,
    camera_from_world: ArrayLike,
    camera: Camera,
    centre: ArrayLike,
    *,
    step_voxels: float = 0.25,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """As ``project_with_jacobian``, slow and in plain torch: the quadrature's own derivative, by autograd.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.
        centre: The rotation centre c, a world point, mm.
        step_voxels: As of ``project_reference``.
        dtype: As of ``project_reference``.

    Returns:
        Images (B, 1, H, W) and derivatives (B, 6, H, W): per radian, then per mm.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    rays = trace_rays(attenuation, camera_from_world, camera)
    centres = rotation_centres(camera_from_world, centre)
    mu = torch.as_tensor(np.pad(attenuation.mu, 2)).to(dtype)
    pixels, lengths = pixel_directions(camera, rays.camera_from_pixel, mu)
    in_camera = pixels @ torch.as_tensor(rays.camera_from_pixel).to(dtype).T
    images, derivatives = [mu.new_zeros(0, 1, len(pixels))], [mu.new_zeros(0, 6, len(pixels))]
    for source, directions, index_from_camera, point in zip(
        rays.sources, rays.directions, rays.index_from_camera, centres, strict=True
    ):
        sources = torch.as_tensor(source).to(dtype).expand(len(pixels), 3)
        integrals, by_source, by_ray = _slopes(
            mu, sources, pixels @ torch.as_tensor(directions).to(dtype).T, step_voxels
        )
        from_index = torch.as_tensor(index_from_camera).to(dtype)
        slopes = _twist_slopes(by_source @ from_index, by_ray @ from_index, in_camera, torch.as_tensor(point).to(dtype))
        images.append((integrals * lengths)[None, None])
        derivatives.append((slopes * lengths)[None])
    size = (camera.height, camera.width)
    return torch.cat(images).reshape(-1, 1, *size), torch.cat(derivatives).reshape(-1, 6, *size)


def _slopes(mu: Tensor, sources: Tensor, rays: Tensor, step_voxels: float) -> tuple[Tensor, Tensor, Tensor]:
    """Integrals (N), and how each changes with its own source and its own direction (N, 3)."""
    with torch.enable_grad():
        leaves = sources.clone().requires_grad_(), rays.clone().requires_grad_()
        integrals = integrate(mu, *leaves, step_voxels)
        by_source, by_ray = torch.autograd.grad(integrals.sum(), leaves)
    return integrals.detach(), by_source, by_ray


def _twist_slopes(by_source: Tensor, by_ray: Tensor, in_camera: Tensor, centre: Tensor) -> Tensor:
    """Derivatives (6, N) by the volume's twist, from those by source and direction in camera mm (N, 3).

    A small motion of the volume moves rays by its opposite: the source 0 to omega x c - v,
    a direction r to r - omega x r.
    """
    by_turn = torch.cross(centre.expand_as(by_source), by_source, dim=1) - torch.cross(in_camera, by_ray, dim=1)
    return torch.cat([by_turn, -by_source], dim=1).T
