"""A map of a CT onto a variant of it: smooth, without folds, and rigid on vertebrae where that is asked for.

The map runs backwards: the variant at x is the CT at x + displacement(x). Rigid vertebrae are in the
spirit of Little, Hill and Hawkes, "Deformations incorporating rigid structures", CVIU 66(2), 1997: inside each the
displacement is a rigid motion's, outside it fades into the free one; weights of distance replace their basis functions.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix, invert, transform_points
from bench.volume import FloatGrid

from .bspline import random_displacement
from .rigid import Piece, nearest_rigid

# Lines of this length follow a cubic B-spline with control points 40 mm and more apart to 0.1 mm.
_COARSE_MM = 6.0
# Its strain changes little over this length.
_SMOOTH_MM = 8.0
# Half a voxel of common CTs round a vertebra moves with it: the voxels that it shares with its surroundings.
_MARGIN_MM = 0.75
# A vertebra's weight falls with the third power of the distance beyond it plus this: between two that lie apart the
# motions run over into one another across the whole gap, between two that touch within about this length.
_CONTACT_MM, _POWER = 0.25, 3
_INVERSIONS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Deformation:
    """A displacement field on a CT's grid.

    Attributes:
        shape: Of the grid.
        affine: world_from_index, mm.
        coarse: Free displacement on every ``steps``-th voxel, (., ., ., 3), world mm.
        steps: Voxels between two points of ``coarse`` along (i, j, k).
        low: First voxel of ``correction``.
        correction: What rigid vertebrae add, on the voxels of a box, (., ., ., 3), world mm; or None.
        motions: Rigid motion of each vertebra, from the variant to the CT, 4x4, by label.
    """

    shape: tuple[int, int, int]
    affine: Matrix
    coarse: FloatGrid
    steps: tuple[int, int, int]
    low: tuple[int, int, int]
    correction: FloatGrid | None
    motions: dict[int, Matrix]

    def scaled(self, factor: float) -> "Deformation":
        """The free map with all displacements scaled; what is rigid is left out, to be fitted again."""
        coarse = self.coarse * np.float32(factor)
        return Deformation(self.shape, self.affine, coarse, self.steps, (0, 0, 0), None, {})

    def slabs(self, thickness: int = 16) -> Iterator[tuple[slice, FloatGrid]]:
        """Slabs of the grid along i, each with its displacements (., nj, nk, 3), world mm."""
        for start in range(0, self.shape[0], thickness):
            part = slice(start, min(start + thickness, self.shape[0]))
            yield part, self._displacement(part)

    def sources(self, displacement: FloatGrid, start: int) -> FloatGrid:
        """Voxel coordinates (3, ., nj, nk) in the CT that a slab starting at ``start`` shows."""
        index_from_world = np.linalg.inv(self.affine[:3, :3]).astype(np.float32)
        moved = np.moveaxis(displacement @ index_from_world.T, -1, 0)
        for axis, first in enumerate((start, 0, 0)):
            along = np.arange(first, first + moved.shape[axis + 1], dtype=np.float32)
            moved[axis] += along.reshape([-1 if other == axis else 1 for other in range(3)])
        return moved

    def least_jacobian(self) -> float:
        """Smallest determinant of the map's derivative, at the corners of the grid's cells; a fold is negative.

        The free part is smooth and sampled every 8 mm or so; every voxel is examined where vertebrae change it.
        """
        points = self.affine[:3, :3] * self.steps
        steps = [max(1, int(_SMOOTH_MM // edge)) for edge in np.linalg.norm(points, axis=0)]
        least = _least_determinant(self.coarse[:: steps[0], :: steps[1], :: steps[2]], points * steps)
        if self.correction is None:
            return least
        j, k = (slice(self.low[n], self.low[n] + self.correction.shape[n]) for n in (1, 2))
        end = self.low[0] + self.correction.shape[0]
        # Neighbouring slabs share a slice, so that every cell is seen.
        for start in range(self.low[0], max(end - 1, self.low[0] + 1), 15):
            block = self._displacement(slice(start, min(start + 16, end)))[:, j, k]
            least = min(least, _least_determinant(block, self.affine[:3, :3]))
        return least

    def free(self, part: slice) -> FloatGrid:
        """The displacement of a slab without what rigid vertebrae add, a new array."""
        fine = self.coarse
        ends = ((part.start, part.stop), (0, self.shape[1]), (0, self.shape[2]))
        for axis, (step, (first, end)) in enumerate(zip(self.steps, ends, strict=True)):
            place: Matrix = np.arange(first, end, dtype=np.float64) / step
            hats = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(fine.shape[axis], dtype=np.float64)))
            fine = np.moveaxis(np.tensordot(hats.astype(np.float32), fine, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(fine)

    def _displacement(self, part: slice) -> FloatGrid:
        moved = self.free(part)
        if self.correction is None:
            return moved
        first, end = max(part.start, self.low[0]), min(part.stop, self.low[0] + self.correction.shape[0])
        if first < end:
            j, k = (slice(self.low[n], self.low[n] + self.correction.shape[n]) for n in (1, 2))
            moved[first - part.start : end - part.start, j, k] += self.correction[
                first - self.low[0] : end - self.low[0]
            ]
        return moved


def _least_determinant(displacement: FloatGrid, world_from_step: Matrix) -> float:
    """Least determinant of I + du/dx over the eight corners of all cells, each from the three edges that meet there."""
    if min(displacement.shape[:3]) < 2:
        return math.inf
    inverse = np.linalg.inv(world_from_step).astype(np.float32)
    edges = [np.diff(displacement, axis=axis) for axis in range(3)]
    first, last = slice(None, -1), slice(1, None)
    least = math.inf
    for i, j, k in itertools.product((first, last), repeat=3):
        here = (edges[0][:, j, k], edges[1][i, :, k], edges[2][i, j, :])
        least = min(least, float(_determinant(np.stack(here, axis=-1) @ inverse).min()))
    return least


def _determinant(derivative: FloatGrid) -> FloatGrid:
    """Of I + a 3x3 matrix at each place."""
    a = np.asarray(derivative + np.eye(3, dtype=np.float32), dtype=np.float32)
    return np.asarray(
        a[..., 0, 0] * (a[..., 1, 1] * a[..., 2, 2] - a[..., 1, 2] * a[..., 2, 1])
        - a[..., 0, 1] * (a[..., 1, 0] * a[..., 2, 2] - a[..., 1, 2] * a[..., 2, 0])
        + a[..., 0, 2] * (a[..., 1, 0] * a[..., 2, 1] - a[..., 1, 1] * a[..., 2, 0]),
        dtype=np.float32,
    )


def free_deformation(
    shape: tuple[int, int, int],
    affine: Matrix,
    *,
    amplitude_mm: float,
    grid_mm: float,
    generator: np.random.Generator,
) -> Deformation:
    """A random smooth map (see ``random_displacement``)."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    i, j, k = (max(1, round(float(_COARSE_MM / edge))) for edge in spacing)
    steps = (i, j, k)
    points = [max(2, -(-(count - 1) // step) + 1) for count, step in zip(shape, steps, strict=True)]
    coarse_affine = affine.copy()
    coarse_affine[:3, :3] *= steps
    coarse = random_displacement(points, coarse_affine, amplitude_mm=amplitude_mm, grid_mm=grid_mm, generator=generator)
    return Deformation(shape, affine, coarse, steps, (0, 0, 0), None, {})


def with_rigid(free: Deformation, pieces: Sequence[Piece], blend_mm: float) -> Deformation:
    """The map made rigid on vertebrae.

    Args:
        free: The free map.
        pieces: The CT's vertebrae.
        blend_mm: How far outside a vertebra the free map holds again.
    """
    if not pieces:
        return free
    motions = {piece.number: _motion(free, piece) for piece in pieces}
    boxes = [_box(free, piece, motions[piece.number], blend_mm) for piece in pieces]
    low = np.min([box[0] for box in boxes], axis=0)
    high = np.max([box[1] for box in boxes], axis=0)
    size = tuple(int(n) for n in high - low)
    sum_, weight = np.zeros((*size, 3), dtype=np.float32), np.zeros(size, dtype=np.float32)
    nearest = np.full(size, blend_mm, dtype=np.float32)
    for piece, box in zip(pieces, boxes, strict=True):
        part = tuple(slice(int(a), int(b)) for a, b in zip(box[0] - low, box[1] - low, strict=True))
        away, moved = _pulled(free.affine, piece, motions[piece.number], box)
        near = (_CONTACT_MM / (np.maximum(away, 0) + _CONTACT_MM)) ** _POWER
        sum_[part] += near[..., None] * moved
        weight[part] += near
        nearest[part] = np.minimum(nearest[part], away)
    first, second, third = (int(n) for n in low)
    held = _fade(nearest, blend_mm)
    here = free.free(slice(first, first + size[0]))[:, second : second + size[1], third : third + size[2]]
    rigid = sum_ / np.maximum(weight, np.float32(1e-12))[..., None]
    correction = np.where(held[..., None] > 0, held[..., None] * (rigid - here), np.float32(0))
    return Deformation(free.shape, free.affine, free.coarse, free.steps, (first, second, third), correction, motions)


def _motion(free: Deformation, piece: Piece) -> Matrix:
    """The rigid motion nearest to the map on a vertebra, from the variant to the CT."""
    index_from_world = np.asarray(np.linalg.inv(free.affine), dtype=np.float64)
    at = piece.points
    for _ in range(_INVERSIONS):
        coarse = transform_points(index_from_world, at).T / np.array(free.steps)[:, None]
        moved = [ndimage.map_coordinates(free.coarse[..., n], coarse, order=1, mode="nearest") for n in range(3)]
        at = piece.points - np.stack(moved, axis=-1)
    return nearest_rigid(at, piece.points)


def _box(free: Deformation, piece: Piece, motion: Matrix, blend_mm: float) -> tuple[Matrix, Matrix]:
    """Voxels of the variant that a vertebra and its surroundings reach, cut at the grid."""
    spacing = np.linalg.norm(free.affine[:3, :3], axis=0)
    index_from_world = np.asarray(np.linalg.inv(free.affine), dtype=np.float64)
    found = transform_points(index_from_world, transform_points(invert(motion), piece.points))
    # The points are some of the voxels: the rest lies no farther than a few voxels.
    margin = np.ceil(blend_mm / spacing) + 3
    low = np.clip(np.floor(found.min(axis=0)) - margin, 0, np.array(free.shape) - 1)
    high = np.clip(np.ceil(found.max(axis=0)) + margin + 1, low + 1, free.shape)
    return low.astype(int), high.astype(int)


def _pulled(affine: Matrix, piece: Piece, motion: Matrix, box: tuple[Matrix, Matrix]) -> tuple[FloatGrid, FloatGrid]:
    """Distance from a moved vertebra, and its motion's displacement, on a box of the variant."""
    size = tuple(int(n) for n in box[1] - box[0])
    index = np.indices(size, dtype=np.float32) + box[0].astype(np.float32).reshape(3, 1, 1, 1)
    index_from_index = np.linalg.inv(affine) @ motion @ affine
    at = np.einsum("ab,b...->a...", index_from_index[:3, :3].astype(np.float32), index)
    at += index_from_index[:3, 3].astype(np.float32).reshape(3, 1, 1, 1)
    moved = np.einsum("ab,b...->...a", affine[:3, :3].astype(np.float32), at - index)
    return piece.distance(at), moved


def _fade(away: FloatGrid, blend_mm: float) -> FloatGrid:
    """1 within the margin of a vertebra, 0 from ``blend_mm`` on, smooth to the second derivative between."""
    t = np.clip((away - _MARGIN_MM) / (blend_mm - _MARGIN_MM), 0, 1)
    return np.asarray(1 - t**3 * (10 - 15 * t + 6 * t**2), dtype=np.float32)
