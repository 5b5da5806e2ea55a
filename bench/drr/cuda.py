"""The projector on a GPU: packs poses and volume copies for the Triton kernel and launches it."""

import contextlib
import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bench.drr.attenuation import AttenuationMap
from bench.drr.rays import ProjectionError, Rays, trace_rays
from bench.geometry import Camera, Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Launch parameters of the kernel.

    Attributes:
        block: Pixels of a program, a power of two, at least 32; 8 x 4 of them a warp.
        patches_x: Warps side by side in a program's tile.
        programs: Rays are split until so many programs run, so that few poses fill the device.
        longest_split: At most so many parts of a ray.
    """

    block: int = 128
    patches_x: int = 2
    programs: int = 4096
    longest_split: int = 16

    def __post_init__(self) -> None:
        powers = all(n > 0 and n & (n - 1) == 0 for n in (self.block, self.patches_x))
        if not powers or self.block < 32 * self.patches_x or min(self.programs, self.longest_split) < 1:
            raise ProjectionError(
                f"a launch needs powers of two with block >= 32 x patches_x, and at least one program; got {self}"
            )


def project_cuda(
    attenuation: AttenuationMap,
    camera_from_world: ArrayLike,
    camera: Camera,
    *,
    device: torch.device,
    centre: ArrayLike | None = None,
    launch: Launch | None = None,
) -> Tensor:
    """Line integrals by Joseph's method in a Triton kernel, float32, on the device.

    Args:
        attenuation: The volume; its copies on the device are made once and kept with it.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.
        device: A CUDA device, or the CPU under Triton's interpreter.
        centre: The world point, mm, that the six derivatives' twist turns about; without it, the image alone.
        launch: Launch parameters.

    Returns:
        (B, 7, H, W), image and derivatives as of ``project_with_jacobian``; (B, 1, H, W) without a centre.

    Raises:
        ProjectionError: No Triton, a pose that is not rigid, or a source inside the volume's box.
    """
    render, rays = _kernel(), trace_rays(attenuation, camera_from_world, camera)
    poses = np.asarray(camera_from_world, dtype=np.float64)
    point = np.zeros(3) if centre is None else np.asarray(centre, dtype=np.float64)
    floats = torch.as_tensor(_float_table(rays, poses[:, :3, :3] @ point + poses[:, :3, 3])).to(device)
    order = _contiguous_axes(rays)
    volume, slots = _copies(attenuation, np.unique(order), device)
    integers = slots[torch.as_tensor(order, device=device)]
    cut = launch or Launch()
    tile_x = 8 * cut.patches_x
    tiles_x, tiles_y = -(-camera.width // tile_x), -(-camera.height // (cut.block // tile_x))
    splits = min(cut.longest_split, max(1, cut.programs // max(1, tiles_x * tiles_y * len(poses))))
    images = 1 if centre is None else 7
    out = torch.empty(splits, len(poses), images, camera.height, camera.width, device=device)
    if not len(poses):
        return out[0]
    with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
        render[(tiles_x * tiles_y, len(poses), splits)](
            *(volume, floats, integers, out, camera.height, camera.width, *attenuation.shape, len(poses), splits),
            TILES_X=tiles_x,
            WARPS_X=cut.patches_x,
            BLOCK=cut.block,
            JACOBIAN=centre is not None,
            num_warps=min(8, cut.block // 32),
        )
    return out[0] if splits == 1 else out.sum(dim=0)


def find_device(given: torch.device) -> torch.device:
    """The device to compute on: the given one if it is a GPU, else the current GPU, else Triton's interpreter.

    Raises:
        ProjectionError: There is neither a GPU nor the interpreter.
    """
    if given.type == "cuda":
        return given
    if os.environ.get("TRITON_INTERPRET") == "1":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ProjectionError("the CUDA kernel needs a GPU; torch sees none here; use kernel='joseph' or 'auto'")
    return torch.device("cuda")


def _kernel() -> Any:
    """Triton's kernel, imported at the first use: machines without a GPU need no Triton."""
    try:
        kernels: Any = importlib.import_module("bench.drr.triton_kernels")
    except ImportError as error:
        raise ProjectionError(
            "the CUDA kernel needs Triton, which is not installed; pip install fluorobench[cuda]"
        ) from error
    return kernels.render


def _float_table(rays: Rays, centres: Matrix) -> NDArray[np.float32]:
    """What the kernel reads of every pose, (B, 28)."""
    to_camera = np.tile(rays.camera_from_pixel[[0, 0, 1, 1], [0, 2, 1, 2]], (len(centres), 1))
    parts = [rays.sources, rays.directions.reshape(-1, 9), rays.index_from_camera.reshape(-1, 9), centres, to_camera]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _contiguous_axes(rays: Rays) -> NDArray[np.intp]:
    """For every pose, the volume axis that a row of the image runs along most: its voxels should lie side by side."""
    return np.asarray(np.abs(rays.directions[:, :, 0]).argmax(axis=1), dtype=np.intp)


def _copies(attenuation: AttenuationMap, axes: ArrayLike, device: torch.device) -> tuple[Tensor, Tensor]:
    """The padded copies that are contiguous along the wanted axes, one behind another, and a table of places (3, 4).

    A further axis means building the whole once more; three copies are the most.
    """
    wanted = frozenset(int(axis) for axis in np.asarray(axes))
    kept: tuple[frozenset[int], Tensor, Tensor] | None = attenuation.kept.get(str(device))
    if kept is None or not wanted <= kept[0]:
        wanted |= frozenset() if kept is None else kept[0]
        kept = (wanted, *_make_copies(attenuation, sorted(wanted), device))
        attenuation.kept[str(device)] = kept
    return kept[1], kept[2]


def _make_copies(attenuation: AttenuationMap, axes: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
    if np.prod(np.array(attenuation.shape, dtype=np.int64) + 3) >= 2**31:
        raise ProjectionError(f"the CUDA kernel takes up to 2^31 voxels; got {attenuation.shape}; crop the volume")
    padded = torch.nn.functional.pad(torch.as_tensor(attenuation.mu).to(device), (1, 2) * 3)
    table = torch.zeros(3, 4, dtype=torch.int64)
    buffer = torch.empty(len(axes) * padded.numel(), device=device)
    for number, axis in enumerate(axes):
        order = [*(other for other in range(3) if other != axis), axis]
        copy = buffer[number * padded.numel() :][: padded.numel()].view([padded.shape[other] for other in order])
        copy.copy_(padded.permute(order))
        table[axis, 0] = number * padded.numel()
        for place, other in enumerate(order):
            table[axis, 1 + other] = copy.stride(place)
    return buffer, table.to(device)
