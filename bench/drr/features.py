"""Projection of volumes that a network makes: many channels through one geometry, with every gradient that exists.

The image and its six derivative images are linear in the volume. Their transposes (backprojections) therefore complete
both backward passes of a loss on pose gradients (ProST's training): the first asks for the gradient by pose, the second
for that gradient's own derivative by the volume, which is the backprojection of derivative images.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.drr.autograd import apply, attach, middle_of, without_gradient
from bench.drr.feature_kernels import PAD_HIGH, PAD_LOW, backproject, render_features
from bench.drr.joseph import usable_axes
from bench.drr.rays import Grid, ProjectionError, Rays, rotation_centres, trace_rays
from bench.geometry import Camera, Matrix


def project_features(
    volume: Tensor, affine: Matrix, camera_from_world: Tensor, camera: Camera, *, finite: bool = False
) -> Tensor:
    """Line integrals of feature channels by Joseph's method, (B, C, H, W), in mm times the features' unit.

    Differentiable by the volume and by the poses, and the pose gradient again by the volume and by what made the
    incoming gradient. A second derivative by the pose raises, as in ``project_differentiable``, and so needs the same
    ``backward(inputs=parameters)``. Outside the grid features are zero; values may have any sign. Tensors on a GPU are
    carried to the CPU and back: there is no CUDA kernel for features yet.

    Args:
        volume: (C, I, J, K), seen by all poses, or (B, C, I, J, K), one a pose. float64 is computed in float64, any
            other type in float32.
        affine: world_from_index of the grid, 4x4, mm.
        camera_from_world: (B, 4, 4), rigid, mm; float64 is advised.
        camera: Intrinsics.
        finite: The caller has looked for values that are not finite; of one volume once is enough.

    Raises:
        ProjectionError: Shapes that do not fit, a value that is not finite, a pose that is not rigid, a source inside
            the grid's box; in a backward pass, a second derivative by the pose.
    """
    _check(volume, affine, len(camera_from_world))
    if not finite:
        require_finite(volume)
    values = volume if volume.dtype == torch.float64 else volume.to(torch.float32)
    grid = _FeatureGrid((volume.shape[-3], volume.shape[-2], volume.shape[-1]), affine)
    geometry = Geometry.of(grid, camera_from_world, camera)
    renderer = _Renderer(values.detach(), geometry)
    poses = camera_from_world.to(values.device)
    origin: Tensor = apply(_Origin, values, geometry, [without_gradient(poses)])
    return attach(poses, renderer, origin)


def _check(volume: Tensor, affine: Matrix, poses: int) -> None:
    if volume.ndim not in (4, 5) or (volume.ndim == 5 and len(volume) != poses) or 0 in volume.shape:
        raise ProjectionError(
            f"features must have shape (C, I, J, K) or (B, C, I, J, K), one for each of {poses} poses; "
            f"got {tuple(volume.shape)}"
        )
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise ProjectionError(f"the affine must be an invertible 4x4 matrix; got {affine.tolist()}")


def require_finite(volume: Tensor) -> None:
    """Refuse features with NaN or infinity.

    Raises:
        ProjectionError: There are some.
    """
    if not volume.detach().isfinite().all():
        raise ProjectionError("features must be finite; found NaN or infinity; check the network that made them")


@dataclass(frozen=True, slots=True, eq=False)
class _FeatureGrid:
    shape: tuple[int, int, int]
    affine: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Poses of one grid before one camera, as the kernels want them.

    Attributes:
        rays: Every pixel's ray, in voxel indices.
        usable: (B, 3), which slicing axes a pose's rays need.
        centre: The world point that derivatives turn about, mm.
        centres: The same in each camera, (B, 3), mm.
        size: Rows and columns of the detector.
    """

    rays: Rays
    usable: NDArray[np.bool_]
    centre: Matrix
    centres: Matrix
    size: tuple[int, int]

    @classmethod
    def of(cls, grid: Grid, camera_from_world: Tensor, camera: Camera) -> "Geometry":
        """Check the poses and trace their rays."""
        poses: Matrix = camera_from_world.detach().cpu().to(torch.float64).numpy()
        rays, centre = trace_rays(grid, poses, camera), middle_of(grid)
        centres = rotation_centres(poses, centre)
        return cls(rays, usable_axes(rays, camera), centre, centres, (camera.height, camera.width))

    def render(self, volume: Tensor) -> Tensor:
        """Images and their six derivatives of a volume (C, I, J, K) or (B, C, I, J, K): (B, C, 7, H, W)."""
        padded = torch.nn.functional.pad(volume, (PAD_LOW, PAD_HIGH) * 3).cpu()
        volumes = padded.reshape(-1, *padded.shape[-4:]).numpy()
        both = np.zeros((len(self.centres), volumes.shape[1], 7, *self.size), dtype=volumes.dtype)
        owners, traced, places = self._arguments(len(volumes))
        render_features(volumes, owners, traced, self.usable, places, both[:, :, 0], both[:, :, 1:])
        return torch.as_tensor(both).to(volume.device)

    def backproject(self, by_both: Tensor, shape: torch.Size) -> Tensor:
        """The transpose of ``render``: (B, C, 7, H, W) to a volume of the given shape."""
        padded = (*shape[:-3], *(n + PAD_LOW + PAD_HIGH for n in shape[-3:]))
        incoming = np.ascontiguousarray(by_both.detach().cpu().numpy())
        volumes = np.zeros(padded, dtype=incoming.dtype).reshape(-1, *padded[-4:])
        owners, traced, places = self._arguments(len(volumes))
        for axis in np.flatnonzero(self.usable.any(axis=0)):
            backproject(volumes, owners, traced, self.usable, places, incoming[:, :, 0], incoming[:, :, 1:], int(axis))
        inner = torch.as_tensor(volumes)[..., PAD_LOW:-PAD_HIGH, PAD_LOW:-PAD_HIGH, PAD_LOW:-PAD_HIGH]
        return inner.reshape(shape).to(by_both.device)

    def _arguments(self, volumes: int) -> tuple[NDArray[np.int64], tuple[Matrix, ...], tuple[Matrix, ...]]:
        """Owners, rays and places, as both kernels take them."""
        poses = len(self.centres)
        owners = np.arange(poses, dtype=np.int64) if volumes == poses else np.zeros(poses, dtype=np.int64)
        traced = self.rays.sources, self.rays.directions, self.rays.camera_from_pixel
        return owners, traced, (self.rays.index_from_camera, self.centres)


class _Renderer:
    """A feature volume for ``attach``."""

    def __init__(self, volume: Tensor, geometry: Geometry) -> None:
        self._volume, self._geometry = volume, geometry
        self.centre = geometry.centre

    def with_jacobian(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        # The poses are the geometry's own.
        both = self._geometry.render(self._volume)
        return both[:, :, 0], both[:, :, 1:]


class _Origin(torch.autograd.Function):
    """Where the volume enters the graph: values that are never read, and a backprojection in the backward pass.

    Apart from the projection, and no child of the poses, so that autograd passes it by while only the pose's gradient
    is wanted.
    """

    @staticmethod
    def forward(ctx: Any, volume: Tensor, geometry: Geometry, guarded: list[Tensor]) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.geometry, ctx.shape, ctx.guarded = geometry, volume.shape, guarded
        return volume.new_zeros(()).expand(len(geometry.centres), volume.shape[-4], 7, *geometry.size)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        if gradients[0] is None:
            return None, None, None
        return apply(_Backprojection, gradients[0], *ctx.guarded, ctx.geometry, ctx.shape), None, None


class _Backprojection(torch.autograd.Function):
    """The transpose of the projection with its derivatives; its gradient is a projection again."""

    @staticmethod
    def forward(ctx: Any, by_both: Tensor, guarded: Tensor, geometry: Geometry, shape: torch.Size) -> Tensor:
        ctx.geometry, ctx.poses_shape = geometry, guarded.shape
        ctx.set_materialize_grads(False)
        return geometry.backproject(by_both, shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, Tensor | None, None, None]:
        by_volume = gradients[0]
        if by_volume is None:
            return None, None, None, None
        by_both = cast(Tensor, apply(_LastDerivative, by_volume, ctx.geometry))
        # The guard raises if the derivative of the backprojection by the pose is requested.
        return by_both, by_both.new_zeros(ctx.poses_shape, dtype=torch.float64), None, None


class _LastDerivative(torch.autograd.Function):
    """The projection of a gradient; a further derivative raises."""

    @staticmethod
    def forward(ctx: Any, by_volume: Tensor, geometry: Geometry) -> Tensor:
        return geometry.render(by_volume)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> None:
        raise ProjectionError("features have no third derivatives; expected at most two backward passes; use fewer")
