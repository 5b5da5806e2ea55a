"""How far the volume behind a simulated X-ray reaches: what share of an image it covers, and where it ends inside it.

A CT that ends inside the image shows an edge that no patient has, and a registration may hold on to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Camera, Matrix
from bench.volume import Volume
from bench.volume.content import BODY_HU

# Rays along each edge of an image: shares are measured to about one in this number squared.
_RAYS = 128
_FAR = 1e9


@dataclass(frozen=True, slots=True)
class Extent:
    """The grid of a target's volume, and where its content is cut off.

    Attributes:
        shape: Voxels along (i, j, k).
        affine: world_from_index, 4x4, rows.
        cut: Lower and upper face along i, j and k: whether content touches it, and so may go on beyond.
    """

    shape: tuple[int, int, int]
    affine: tuple[tuple[float, ...], ...]
    cut: tuple[tuple[bool, bool], tuple[bool, bool], tuple[bool, bool]]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a volume covers of one image.

    Attributes:
        share: Of the image's rays, those through the volume.
        missing: Share of rays that miss the volume and would hit it, did it go on beyond the faces that cut its
            content.
    """

    share: float
    missing: float


def extent_of(volume: Volume) -> Extent:
    """The extent of a target's volume, masked to its content; without a mask what is denser than -300 HU is content."""
    content = volume.hu > BODY_HU if volume.mask is None else volume.mask
    low, middle, high = (_touched(content, axis) for axis in range(3))
    affine = tuple(tuple(float(number) for number in row) for row in volume.affine)
    return Extent(volume.shape, affine, (low, middle, high))


def coverage(extent: Extent, camera_from_world: Matrix, camera: Camera) -> Coverage:
    """Measure what an extent covers of the image at a pose.

    Args:
        extent: Of the target.
        camera_from_world: 4x4, mm.
        camera: Intrinsics.
    """
    index_from_camera: Matrix = np.asarray(np.linalg.inv(camera_from_world @ np.array(extent.affine)), dtype=np.float64)
    source: Matrix = index_from_camera[:3, 3]
    rays = _pixels(camera) @ (index_from_camera[:3, :3] @ np.linalg.inv(camera.K)).T
    low, high = np.full(3, -0.5), np.array(extent.shape) - 0.5
    hit = _hits(source, rays, low, high)
    beyond = np.array(extent.cut) * np.array([-_FAR, _FAR])
    longer = _hits(source, rays, low + beyond[:, 0], high + beyond[:, 1])
    return Coverage(float(hit.mean()), float((longer & ~hit).mean()))


def coverage_text(found: Sequence[Coverage]) -> str:
    """One phrase for captions on the images of a run."""
    shares, ends = [each.share for each in found], [each.missing for each in found if each.missing > 0]
    low, high = f"{100 * min(shares):.0f}", f"{100 * max(shares):.0f}"
    covers = f"the volume behind it covers {low if low == high else f'{low} to {high}'} % of an image"
    if not ends:
        return f"{covers} and ends inside none of {len(found)}"
    return (
        f"{covers} and is cut off inside {len(ends)} of {len(found)} "
        f"(up to {100 * max(ends):.0f} % of an image lies beyond the cut)"
    )


def _touched(content: NDArray[np.bool_], axis: int) -> tuple[bool, bool]:
    return bool(content.take(0, axis).any()), bool(content.take(-1, axis).any())


def _pixels(camera: Camera) -> Matrix:
    """(n, 3), homogeneous pixels evenly over the image."""
    columns, rows = (np.linspace(0, size - 1, min(size, _RAYS)) for size in (camera.width, camera.height))
    u, v = np.meshgrid(columns, rows)
    return np.stack([u.ravel(), v.ravel(), np.ones(u.size)], axis=1)


def _hits(source: Matrix, rays: Matrix, low: Matrix, high: Matrix) -> NDArray[np.bool_]:
    """Which rays from the source, voxel indices, pass the box from ``low`` to ``high`` in front of the source."""
    safe = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    one, other = (low - source) / safe, (high - source) / safe
    enter = np.minimum(one, other).max(axis=1)
    leave = np.maximum(one, other).min(axis=1)
    return np.asarray(leave > np.maximum(enter, 0.0))
