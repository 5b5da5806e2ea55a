"""Labels as an imperfect segmentation draws them: every structure grown or eroded by whole voxels."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from bench.volume.labels import held_numbers
from bench.volume.volume import LabelGrid, Volume, VolumeError


def with_label_rims(volume: Volume, voxels: int) -> Volume:
    """The CT with each labelled structure grown or eroded; Hounsfield units stay as they are.

    Args:
        volume: With labels; its mask, made from the labels before, is dropped.
        voxels: Voxels within this Euclidean distance, in voxels, of a structure's rim are added (above 0; where
            structures meet, each stops) or removed (below 0; not at the grid's border, behind which it goes on).

    Raises:
        VolumeError: No labels, or no structure is left.
    """
    if volume.labels is None:
        raise VolumeError("only labels can be grown or eroded, and this CT has none; give a label map")
    labels = _grown(volume.labels, voxels) if voxels > 0 else _eroded(volume, volume.labels, -voxels)
    if not labels.any():
        raise VolumeError(f"no label is left after an erosion by {-voxels} voxels; erode by fewer")
    return replace(volume, labels=labels, mask=None)


def _grown(labels: LabelGrid, voxels: int) -> LabelGrid:
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    near = distance <= voxels
    grown = labels.copy()
    grown[near] = labels[tuple(axis[near] for axis in nearest)]
    return grown


def _eroded(volume: Volume, labels: LabelGrid, voxels: int) -> LabelGrid:
    """Each structure in its own box: neighbours that touch it erode it, too."""
    left = np.zeros_like(labels)
    boxes = ndimage.find_objects(labels)
    for number in held_numbers(volume):
        box = boxes[number - 1]
        inside = labels[box] == number
        # Beyond the box nothing of the structure lies, beyond the grid it is taken to go on.
        faces = [(part.start == 0, part.stop == size) for part, size in zip(box, labels.shape, strict=True)]
        padded = np.pad(inside, voxels, mode="edge")
        for axis, (low, high) in enumerate(faces):
            beyond = np.moveaxis(padded, axis, 0)
            beyond[:voxels] &= low
            beyond[padded.shape[axis] - voxels :] &= high
        kept = ndimage.distance_transform_edt(padded) > voxels
        left[box][kept[(slice(voxels, -voxels or None),) * 3]] = number
    return left
