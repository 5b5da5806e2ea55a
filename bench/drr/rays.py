"""Rays of a detector in a volume's index space, used by every kernel."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.drr import count
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix
from bench.geometry.rigid import RIGID_TOLERANCE


class ProjectionError(FluorobenchError):
    """Poses or a geometry that cannot be projected."""


class Grid(Protocol):
    """Voxels in the world: an ``AttenuationMap``, or features on the same grid."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        ...

    @property
    def affine(self) -> Matrix:
        """World_from_index, 4x4, mm."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """The ray of pixel (u, v) under pose b is ``sources[b] + t * directions[b] @ (u, v, 1)``, in voxel indices.

    A step of one in t is one millimetre of depth, so its world length is ``|camera_from_pixel @ (u, v, 1)|`` mm.

    Attributes:
        sources: (B, 3).
        directions: (B, 3, 3).
        index_from_camera: (B, 3, 3), how voxel indices change with camera mm.
        camera_from_pixel: (3, 3), the pixel-to-camera matrix at depth 1.
    """

    sources: Matrix
    directions: Matrix
    index_from_camera: Matrix
    camera_from_pixel: Matrix


def require_poses(camera_from_world: ArrayLike) -> Matrix:
    """Return poses as (B, 4, 4) float64, or raise ``ProjectionError`` that names the wrong one."""
    poses = np.asarray(camera_from_world, dtype=np.float64)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4):
        raise ProjectionError(f"poses must have shape (B, 4, 4); got {poses.shape}; a single pose needs pose[None]")
    rigid = _are_rigid(poses)
    if not rigid.all():
        worst = int(np.argmin(rigid))
        raise ProjectionError(
            f"pose {worst} of {len(poses)} must be a finite rigid transform in mm; got {poses[worst].tolist()}"
        )
    return poses


def _are_rigid(poses: Matrix) -> NDArray[np.bool_]:
    """``bench.geometry.is_rigid`` of a batch at once: a search asks for thousands of small images."""
    finite = np.asarray(np.isfinite(poses).all(axis=(1, 2)))
    checked = np.where(finite[:, None, None], poses, 0.0)
    rotation = checked[:, :3, :3]
    skew = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0.0)
    last_row = np.abs(checked[:, 3] - [0, 0, 0, 1]).max(axis=1, initial=0.0)
    proper = np.linalg.det(rotation) > 0
    return np.asarray((skew < 2 * RIGID_TOLERANCE) & (last_row < RIGID_TOLERANCE) & proper)


def trace_rays(grid: Grid, camera_from_world: ArrayLike, camera: Camera) -> Rays:
    """Check the poses, count them and express source and pixel rays in the volume's indices; every kernel begins so.

    Args:
        grid: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    camera_from_index = require_poses(camera_from_world) @ grid.affine
    index_from_camera: Matrix = np.asarray(np.linalg.inv(camera_from_index[:, :3, :3]), dtype=np.float64)
    sources = -(index_from_camera @ camera_from_index[:, :3, 3:])[..., 0]
    inside = np.asarray(((sources > -1) & (sources < grid.shape)).all(axis=1))
    if inside.any():
        raise ProjectionError(
            f"pose {int(np.argmax(inside))} of {len(inside)} puts the X-ray source inside the volume's box; "
            "expected it outside; move the volume away from the source or crop it"
        )
    count.add(len(inside))
    camera_from_pixel: Matrix = np.asarray(np.linalg.inv(camera.K), dtype=np.float64)
    return Rays(sources, index_from_camera @ camera_from_pixel, index_from_camera, camera_from_pixel)


def rotation_centres(camera_from_world: ArrayLike, centre: ArrayLike) -> Matrix:
    """The rotation centre (a world point, mm) in the camera of each pose, (B, 3), mm."""
    poses = np.asarray(camera_from_world, dtype=np.float64)
    return np.asarray(poses[:, :3, :3] @ np.asarray(centre, dtype=np.float64) + poses[:, :3, 3])
