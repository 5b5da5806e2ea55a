"""Metal in the field: screws and tools as cylinders, and the path of every ray through them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Camera, Matrix, transform_points
from bench.xray.spectrum import METALS


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A straight piece of metal with flat ends.

    Attributes:
        start: World point on its axis, LPS mm.
        end: The other one.
        radius_mm: Of the cylinder.
        metal: ``titanium`` or ``steel``.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius_mm: float
    metal: str

    def record(self) -> tuple[float, ...]:
        """The cylinder as eight numbers; the last one is the index of the metal in ``METALS``."""
        return (*self.start, *self.end, self.radius_mm, float(METALS.index(self.metal)))

    @classmethod
    def from_record(cls, numbers: Sequence[float]) -> "Cylinder":
        """The cylinder that ``record`` wrote down."""
        a, b, c, d, e, f, radius, metal = numbers
        return cls((a, b, c), (d, e, f), radius, METALS[int(metal)])


def metal_paths(hardware: Sequence[Cylinder], camera_from_world: ArrayLike, camera: Camera) -> dict[str, Matrix]:
    """Length in mm of every ray within each metal, (H, W); metals that are absent have no entry.

    Tissue is not removed where metal is, and crossing cylinders count twice: a millimetre of tissue is negligible
    compared with one of metal.
    """
    pose, paths = np.asarray(camera_from_world, dtype=np.float64), dict[str, Matrix]()
    for piece in hardware:
        path = paths.setdefault(piece.metal, np.zeros((camera.height, camera.width)))
        ends = transform_points(pose, np.array([piece.start, piece.end]))
        rows, columns = _box(ends, piece.radius_mm, camera)
        path[rows, columns] += _chords(_directions(camera, rows, columns), ends, piece.radius_mm)
    return paths


def _box(ends: Matrix, radius_mm: float, camera: Camera) -> tuple[slice, slice]:
    """Rows and columns that the cylinder can be seen in; all of them where it comes near the source."""
    if ends[:, 2].min() < 2 * radius_mm + 1:
        return slice(0, camera.height), slice(0, camera.width)
    pixels = camera.project(ends)
    margin = 2 + 1.5 * radius_mm * camera.K[[0, 1], [0, 1]] / (ends[:, 2].min() - radius_mm)
    low = np.clip(np.floor(pixels.min(axis=0) - margin), 0, [camera.width, camera.height]).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0) + margin) + 1, 0, [camera.width, camera.height]).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _directions(camera: Camera, rows: slice, columns: slice) -> Matrix:
    """Unit vectors (h, w, 3) of a block's rays, in the camera's frame."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    rays = np.ones((rows.stop - rows.start, columns.stop - columns.start, 3))
    rays[..., 0] = (np.arange(columns.start, columns.stop) - cx) / fx
    rays[..., 1] = (np.arange(rows.start, rows.stop)[:, None] - cy) / fy
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _chords(d: Matrix, ends: Matrix, radius_mm: float) -> Matrix:
    """Length of the rays t d, t > 0, within the cylinder from ends[0] to ends[1]."""
    length = float(np.linalg.norm(ends[1] - ends[0]))
    axis = (ends[1] - ends[0]) / length
    from_end = -ends[0]
    d_along, o_along = d @ axis, float(from_end @ axis)
    d_off, o_off = d - d_along[..., None] * axis, from_end - o_along * axis
    # |o_off + t d_off| < radius, and 0 < o_along + t d_along < length.
    a = np.maximum((d_off**2).sum(axis=-1), 1e-12)
    b, c = d_off @ o_off, float(o_off @ o_off) - radius_mm**2
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    slope = np.where(np.abs(d_along) < 1e-12, 1e-12, d_along)
    caps = np.stack([-o_along / slope, (length - o_along) / slope])
    enter = np.maximum(np.maximum((-b - root) / a, caps.min(axis=0)), 0.0)
    leave = np.minimum((-b + root) / a, caps.max(axis=0))
    return np.asarray(np.where(b * b > a * c, np.maximum(leave - enter, 0.0), 0.0))
