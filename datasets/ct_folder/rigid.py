"""Rigid vertebrae: the nearest rigid motion of each, and distances of points from its surface."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix, transform_points
from bench.volume import FloatGrid, LabelGrid

_POINTS = 1500


def nearest_rigid(source: Matrix, target: Matrix) -> Matrix:
    """The rigid motion (4x4) that takes points nearest to others in the least squares sense.

    Kabsch, Acta Cryst. A32, 1976, in the singular value form of Arun, Huang and Blostein, IEEE PAMI 9(5), 1987.

    Args:
        source: (n, 3), n >= 3.
        target: (n, 3).
    """
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - from_centre).T @ (target - to_centre))
    sign = np.sign(np.linalg.det(vt.T @ u.T))
    motion = np.eye(4)
    motion[:3, :3] = vt.T @ np.diag([1.0, 1.0, sign]) @ u.T
    motion[:3, 3] = to_centre - motion[:3, :3] @ from_centre
    return motion


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One vertebra of a CT.

    Attributes:
        number: Its label.
        low: First voxel of its neighbourhood, 3 indices.
        signed_mm: Distance from the vertebra's surface on that neighbourhood, negative inside, mm.
        points: Some of its voxels, (n, 3), world mm.
    """

    number: int
    low: Matrix
    signed_mm: FloatGrid
    points: Matrix

    def distance(self, indices: Matrix) -> FloatGrid:
        """Signed distance at voxel coordinates (3, ...) of the CT; outside the neighbourhood that of its edge."""
        local = indices - self.low.reshape(3, *([1] * (indices.ndim - 1)))
        return np.asarray(ndimage.map_coordinates(self.signed_mm, local, order=1, mode="nearest"), dtype=np.float32)


def pieces_of(labels: LabelGrid, affine: Matrix, numbers: frozenset[int], reach_mm: float) -> tuple[Piece, ...]:
    """The vertebrae of a label map, each with its distances as far as ``reach_mm``."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    margin = np.ceil(reach_mm / spacing).astype(int) + 1
    boxes = ndimage.find_objects(labels)
    found: list[Piece] = []
    for number in sorted(numbers):
        box = boxes[number - 1] if number <= len(boxes) else None
        if box is None:
            continue
        low = np.maximum([each.start for each in box] - margin, 0)
        high = np.minimum([each.stop for each in box] + margin, labels.shape)
        part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        mine = np.asarray(labels[part] == number)
        voxels = np.argwhere(mine)
        if len(voxels) < 8:
            continue
        some = voxels[:: max(1, len(voxels) // _POINTS)] + low
        points = transform_points(affine, some.astype(np.float64))
        found.append(Piece(number, low.astype(np.float64), _signed(mine, spacing), points))
    return tuple(found)


def _signed(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], spacing: Matrix) -> FloatGrid:
    """Distance from the surface between voxel centres, negative inside."""
    half = float(spacing.min()) / 2
    outside = np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing))
    if mask.all():
        return np.full(mask.shape, -half, dtype=np.float32)
    inside = np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing))
    return np.where(mask, half - inside, outside - half).astype(np.float32)
