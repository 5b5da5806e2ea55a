"""Relative motion of bones: labelled structures rotated and shifted within a CT."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix, transform_points
from bench.volume.content import label_mask
from bench.volume.labels import label_number
from bench.volume.volume import FloatGrid, LabelGrid, MaskGrid, Volume

# What stands where a bone has been.
SOFT_HU = 40.0
_INSIDE = 0.5


def articulate(volume: Volume, motions: Mapping[str, Matrix]) -> Volume:
    """The CT after some labelled structures have moved rigidly; all others stay in place.

    What moves is what a structure has beyond soft tissue, with the voxels at its rim that are partly bone: without them
    it would shrink by a part of a voxel, which in an X-ray looks like millimetres of depth. Soft tissue is left behind.
    Where structures arrive, each voxel keeps the denser of both: they may overlap, since joints are not modelled.

    Args:
        volume: The CT with its labels.
        motions: By the structure's name: 4x4, rigid, world mm, from where it was to where it goes.

    Raises:
        VolumeError: No labels, or a structure that is absent.
    """
    if not motions:
        return volume
    masks = {name: label_mask(volume, name) for name in motions}
    hu, labels = volume.hu.copy(), np.array(volume.labels)
    bones = {name: _taken(volume, mask, hu, labels) for name, mask in masks.items()}
    for name, motion in motions.items():
        _place(volume, bones[name], motion, number=_number(volume, name), into=(hu, labels))
    return replace(volume, hu=hu, labels=labels)


def structure_centre(volume: Volume, name: str) -> Matrix:
    """The centre of a labelled structure's bounding box, world mm (3,)."""
    box = ndimage.find_objects(label_mask(volume, name).astype(np.uint8))[0]
    middle = [(part.start + part.stop - 1) / 2 for part in box]
    return np.asarray(transform_points(volume.affine, middle), dtype=np.float64)


def _number(volume: Volume, name: str) -> int:
    return label_number(volume.label_scheme or "", name)


@dataclass(frozen=True, slots=True, eq=False)
class _Bone:
    """What moves: the mask (i, j, k); and HU, where voxels at the rim hold what they have beyond soft tissue."""

    mask: MaskGrid
    hu: FloatGrid


def _taken(volume: Volume, mask: MaskGrid, hu: FloatGrid, labels: LabelGrid) -> _Bone:
    """Take one structure out of HU and labels; of voxels between two structures the first takes what is dense."""
    rim = ndimage.binary_dilation(mask) & (np.asarray(volume.labels) == 0)
    moves = np.where(mask, hu, np.where(rim, np.maximum(hu, np.float32(SOFT_HU)), np.float32(SOFT_HU)))
    hu -= np.maximum(moves - np.float32(SOFT_HU), np.float32(0))
    labels[mask] = 0
    return _Bone(mask, moves)


def _place(volume: Volume, bone: _Bone, motion: Matrix, *, number: int, into: tuple[FloatGrid, LabelGrid]) -> None:
    """Write one structure into HU and labels at its new place; what leaves the grid is lost."""
    hu, labels = into
    index_from_index = np.asarray(np.linalg.inv(volume.affine) @ np.linalg.inv(motion) @ volume.affine, np.float64)
    low, high = _reach(bone.mask, np.asarray(np.linalg.inv(index_from_index), dtype=np.float64))
    if (low >= high).any():
        return
    part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    where = (index_from_index[:3, :3], transform_points(index_from_index, low), tuple(int(n) for n in high - low))
    # Cubic: linear interpolation would lower thin cortices.
    moved = ndimage.affine_transform(bone.hu, *where, order=3, mode="constant", cval=SOFT_HU)
    moved = np.clip(moved, bone.hu.min(), bone.hu.max())
    inside = ndimage.affine_transform(bone.mask.astype(np.float32), *where, order=1) >= _INSIDE
    # A rim is partly bone, partly what is there.
    mixed = hu[part] + np.maximum(moved - np.float32(SOFT_HU), np.float32(0))
    hu[part] = np.where(inside | (labels[part] != 0), np.maximum(hu[part], moved), mixed)
    labels[part] = np.where(inside, number, labels[part])


def _reach(mask: MaskGrid, forward: Matrix) -> tuple[Matrix, Matrix]:
    """The box of indices, cut at the grid, that the moved structure can touch; forward maps old indices to new."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    corners = np.array([[part.start, part.stop - 1] for part in box], dtype=np.float64)
    choices = np.array([[x, y, z] for x in corners[0] for y in corners[1] for z in corners[2]])
    moved = transform_points(forward, choices)
    shape = np.array(mask.shape)
    low = np.clip(np.floor(moved.min(axis=0)) - 1, 0, shape)
    return low, np.clip(np.ceil(moved.max(axis=0)) + 2, 0, shape)
