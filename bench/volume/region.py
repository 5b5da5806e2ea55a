"""Parts of a volume: boxes of indices, of world coordinates, of labels. World points keep their HU."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from bench.geometry import Matrix, transform_points
from bench.volume.content import label_mask
from bench.volume.labels import present
from bench.volume.level_order import numbering_doubt
from bench.volume.schemes import LUMBAR
from bench.volume.volume import Volume, VolumeError

Box: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lower and upper corner (x, y, z), LPS mm."""

# Names of parts of a CT that are no single structure.
WIDE_REGIONS = ("whole", "lumbar")


def crop(volume: Volume, low: Sequence[int], high: Sequence[int]) -> Volume:
    """The voxels from index ``low`` to before ``high``, with labels and mask; the affine moves along.

    Raises:
        VolumeError: Empty, or beyond the grid.
    """
    inside = all(0 <= a < b <= size for a, b, size in zip(low, high, volume.shape, strict=True))
    if not inside:
        raise VolumeError(
            f"the region from {_text(low)} to before {_text(high)} is empty or leaves the grid of {volume.shape} voxels"
        )
    part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = volume.affine.copy()
    affine[:3, 3] = transform_points(volume.affine, low)
    return replace(
        volume,
        hu=np.ascontiguousarray(volume.hu[part]),
        affine=affine,
        labels=None if volume.labels is None else np.ascontiguousarray(volume.labels[part]),
        mask=None if volume.mask is None else np.ascontiguousarray(volume.mask[part]),
    )


def crop_to_label(volume: Volume, names: str | Sequence[str], margin_mm: float) -> Volume:
    """The box along the grid's axes that holds the named structures and ``margin_mm`` round them, cut at the grid.

    Args:
        volume: The CT.
        names: Several structures; or one, which must lie in the CT whole and with its margin: where a vertebra is cut
            off, its box has another centre and another shape than the vertebra.
        margin_mm: Round them.

    Raises:
        VolumeError: A structure is absent (the message names those present), a single one touches the border or
            comes nearer to it than the margin, or the margin is negative.
    """
    if not margin_mm >= 0:
        raise VolumeError(f"margin_mm must not be negative; got {margin_mm}")
    found = ndimage.find_objects(label_mask(volume, names).astype(np.uint8))[0]
    margin = np.ceil(margin_mm / volume.spacing_mm - 1e-9).astype(int)
    low = np.array([part.start for part in found]) - margin
    high = np.array([part.stop for part in found]) + margin
    if isinstance(names, str):
        _require_inside(volume, names, low, high, margin)
    return _crop_clipped(volume, low, high)


def _require_inside(
    volume: Volume, name: str, low: NDArray[np.int_], high: NDArray[np.int_], margin: NDArray[np.int_]
) -> None:
    if (low + margin <= 0).any() or (high - margin >= volume.shape).any():
        raise VolumeError(f"{name} touches the border of the CT: part of it is missing; give a CT that holds all of it")
    if (low < 0).any() or (high > volume.shape).any():
        raise VolumeError(
            f"the CT of {volume.shape} voxels is too small for {name} with {_text(margin)} voxels round it: they reach "
            f"from {_text(low)} to {_text(high)}; give a larger part of the CT"
        )


def crop_to_box(volume: Volume, world_low: ArrayLike, world_high: ArrayLike) -> Volume:
    """The box along the grid's axes that holds every voxel with its centre in a box of world coordinates.

    Args:
        volume: The CT.
        world_low: Lower corner (x, y, z), LPS mm.
        world_high: Upper corner. On an oblique grid the part reaches beyond the world box, never short of it.

    Raises:
        VolumeError: A box without extent, or one that misses the volume.
    """
    low, high = np.asarray(world_low, dtype=np.float64), np.asarray(world_high, dtype=np.float64)
    if low.shape != (3,) or high.shape != (3,) or not (low < high).all():
        raise VolumeError(
            f"a box needs a lower and an upper corner (x, y, z) in mm, lower first; got {low.tolist()}, {high.tolist()}"
        )
    indices = transform_points(_index_from_world(volume), _corners(low, high))
    first, last = np.ceil(indices.min(axis=0) - 1e-6), np.floor(indices.max(axis=0) + 1e-6)
    if (last < 0).any() or (first > np.array(volume.shape) - 1).any() or (last < first).any():
        grid = transform_points(volume.affine, _corners(np.zeros(3), np.array(volume.shape) - 1.0))
        raise VolumeError(
            f"the box from {low.tolist()} to {high.tolist()} mm holds no voxel; the volume lies from "
            f"{grid.min(axis=0).round(1).tolist()} to {grid.max(axis=0).round(1).tolist()} (LPS)"
        )
    return _crop_clipped(volume, first.astype(int), last.astype(int) + 1)


def crop_to_lumbar(volume: Volume, margin_mm: float, box: tuple[ArrayLike, ArrayLike] | None = None) -> Volume:
    """The lumbar spine: the box of L1 to L5 with a margin; without labels, of a given world box.

    Args:
        volume: The CT.
        margin_mm: Round the labels or the box.
        box: World corners (low, high), LPS mm, for a volume without labels; the labels win where there are any.

    Raises:
        VolumeError: Labels without a lumbar spine, or neither labels nor a box.
    """
    if volume.labels is not None:
        here = [name for name in LUMBAR if name in present(volume)]
        if not here:
            raise VolumeError(f"no lumbar spine: {numbering_doubt(volume, LUMBAR)}")
        return crop_to_label(volume, here, margin_mm)
    if box is None:
        raise VolumeError(
            "no labels to find the lumbar spine by; give a label map "
            "(--labels, --label-scheme), a box in world mm (--box) or --region whole"
        )
    low, high = (np.asarray(corner, dtype=np.float64) for corner in box)
    return crop_to_box(volume, low - margin_mm, high + margin_mm)


def _crop_clipped(volume: Volume, low: NDArray[np.int_], high: NDArray[np.int_]) -> Volume:
    return crop(volume, np.maximum(low, 0).tolist(), np.minimum(high, volume.shape).tolist())


def _index_from_world(volume: Volume) -> Matrix:
    return np.asarray(np.linalg.inv(volume.affine), dtype=np.float64)


def _corners(low: Matrix, high: Matrix) -> Matrix:
    unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
    return np.asarray(low + unit * (high - low))


def _text(index: Sequence[int] | NDArray[np.int_]) -> str:
    return str(tuple(int(number) for number in index))
