"""The projector's one door."""

import torch
from numpy.typing import ArrayLike

from bench.drr.attenuation import AttenuationMap
from bench.drr.joseph import project_joseph
from bench.drr.rays import ProjectionError
from bench.drr.reference import project_reference
from bench.geometry import Camera

KERNELS = ("auto", "joseph", "reference")


def project(
    attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera, *, kernel: str = "auto"
) -> torch.Tensor:
    """Line integrals of a volume for a batch of poses: (B, 1, H, W) float32, dimensionless, as seen from the source.

    Args:
        attenuation: The volume; build it once, its copies for the kernels are kept inside.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.
        kernel: ``joseph`` (compiled, all cores), ``reference`` (plain torch, slow) or ``auto``, the fastest that is
            good to 3e-4 here: ``joseph``.

    Raises:
        ProjectionError: An unknown kernel, a pose that is not rigid, or a source inside the volume's box.
    """
    if kernel not in KERNELS:
        raise ProjectionError(f"no kernel named {kernel!r}; known: {', '.join(KERNELS)}")
    if kernel == "reference":
        return project_reference(attenuation, camera_from_world, camera)
    return torch.as_tensor(project_joseph(attenuation, camera_from_world, camera))[:, None]
