"""Entry points of the projector."""

import numpy as np
import torch
from numpy.typing import ArrayLike

from bench.drr.attenuation import AttenuationMap
from bench.drr.cuda import find_device, project_cuda
from bench.drr.joseph import project_joseph, project_joseph_with_derivatives
from bench.drr.rays import ProjectionError
from bench.drr.reference import project_reference
from bench.drr.separable import project_separable, project_separable_with_derivatives
from bench.geometry import Camera

KERNELS = ("auto", "joseph", "separable", "cuda", "reference")
_WITH_DERIVATIVES = ("auto", "joseph", "separable", "cuda")


def project(
    attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera, *, kernel: str = "auto"
) -> torch.Tensor:
    """Line integrals of a volume for a batch of poses: (B, 1, H, W) float32, dimensionless, as seen from the source.

    Args:
        attenuation: The volume; build it once, its copies for the kernels are kept inside.
        camera_from_world: (B, 4, 4), rigid, mm; an array, or a tensor on any device.
        camera: Intrinsics.
        kernel: ``joseph`` (compiled, all cores), ``separable`` (the same, faster on large detectors, good to 1.5e-3),
            ``cuda`` (Joseph in Triton; images stay on the GPU), ``reference`` (plain torch, slow) or ``auto``, the
            fastest that is good to 3e-4 here: ``cuda`` for poses on a GPU, else ``joseph``.

    Raises:
        ProjectionError: An unknown kernel, one without its device, a pose that is not rigid, or a source inside the
            volume's box.
    """
    if kernel not in KERNELS:
        raise ProjectionError(f"no kernel named {kernel!r}; known: {', '.join(KERNELS)}")
    if device := _gpu(camera_from_world, kernel):
        return project_cuda(attenuation, _array(camera_from_world), camera, device=device)
    camera_from_world = _array(camera_from_world)
    if kernel == "reference":
        return project_reference(attenuation, camera_from_world, camera)
    if kernel == "separable":
        return torch.as_tensor(project_separable(attenuation, camera_from_world, camera))[:, None]
    return torch.as_tensor(project_joseph(attenuation, camera_from_world, camera))[:, None]


def project_with_jacobian(
    attenuation: AttenuationMap,
    camera_from_world: ArrayLike,
    camera: Camera,
    centre: ArrayLike,
    *,
    kernel: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and their derivatives with respect to the volume's pose, in one pass.

    The twist (omega, v) moves the volume in camera axes about c: d x_cam = omega x (x_cam - c_cam) + v.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.
        centre: The rotation centre c, a world point, mm.
        kernel: As of ``project``, but for the reference, which has ``project_reference_with_jacobian``.

    Returns:
        Images (B, 1, H, W) as of ``project``, and derivatives (B, 6, H, W) float32: by omega_x, omega_y, omega_z in
        radians, then by v_x, v_y, v_z in mm.

    Raises:
        ProjectionError: A pose is not rigid, the source lies inside the volume's box, or the centre is no point.
    """
    point = np.asarray(centre, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise ProjectionError(f"the centre must be a finite world point (x, y, z) in mm; got {point.tolist()}")
    if kernel not in _WITH_DERIVATIVES:
        raise ProjectionError(f"no kernel named {kernel!r} with derivatives; known: {', '.join(_WITH_DERIVATIVES)}")
    if device := _gpu(camera_from_world, kernel):
        both = project_cuda(attenuation, _array(camera_from_world), camera, device=device, centre=point)
        return both[:, :1], both[:, 1:]
    camera_from_world = _array(camera_from_world)
    render = project_separable_with_derivatives if kernel == "separable" else project_joseph_with_derivatives
    images, derivatives = render(attenuation, camera_from_world, camera, centre=point)
    return torch.as_tensor(images)[:, None], torch.as_tensor(derivatives)


def _gpu(camera_from_world: ArrayLike, kernel: str) -> torch.device | None:
    """The device for Triton's kernel, None where another kernel is used."""
    given = camera_from_world.device if isinstance(camera_from_world, torch.Tensor) else torch.device("cpu")
    if kernel == "cuda" or (kernel == "auto" and given.type == "cuda"):
        return find_device(given)
    return None


def _array(camera_from_world: ArrayLike) -> ArrayLike:
    """Poses on the CPU, as numpy reads them."""
    return (
        camera_from_world.detach().cpu().numpy() if isinstance(camera_from_world, torch.Tensor) else camera_from_world
    )
