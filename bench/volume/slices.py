"""A CT as if reconstructed in thicker slices."""

from dataclasses import replace

import numpy as np

from bench.geometry import transform_points
from bench.volume.volume import FloatGrid, Volume, VolumeError


def with_slices(volume: Volume, slice_mm: float) -> Volume:
    """The CT in slices of another thickness along the patient's long axis, one beside the other.

    A voxel is the mean of what its slice covers of the voxels before (a rectangular slice profile); a label is that of
    the voxel in the slice's middle. What does not fill a slice at the end is left out.

    Args:
        volume: Its mask, of the finer grid, is dropped.
        slice_mm: Not below the spacing that the CT has there.

    Raises:
        VolumeError: Thinner slices than the CT's, or thicker than the whole CT.
    """
    axis = _long_axis(volume)
    spacing, size = float(volume.spacing_mm[axis]), volume.shape[axis]
    step = slice_mm / spacing
    if not 1 <= step <= size:
        raise VolumeError(
            f"slices must be as thick as the CT's ({spacing:g} mm) or thicker, and fit into its {size * spacing:g} mm; "
            f"got {slice_mm:g} mm"
        )
    count = int(size / step + 1e-9)
    middles = ((np.arange(count) + 0.5) * step).astype(int)
    affine = volume.affine.copy()
    first = np.zeros(3)
    first[axis] = step / 2 - 0.5
    affine[:3, 3] = transform_points(volume.affine, first)
    affine[:3, axis] *= step
    labels = None if volume.labels is None else np.ascontiguousarray(np.take(volume.labels, middles, axis=axis))
    return replace(volume, hu=_means(volume.hu, axis, step, count), affine=affine, labels=labels, mask=None)


def _long_axis(volume: Volume) -> int:
    """The grid's axis that is nearest to the patient's long axis."""
    return int(np.argmax(np.abs(volume.affine[2, :3]) / volume.spacing_mm))


def _means(hu: FloatGrid, axis: int, step: float, count: int) -> FloatGrid:
    """Slice k covers [k step, (k + 1) step) of the finer slices, each from its number to the next one."""
    fine = np.moveaxis(hu, axis, 0)
    made = np.empty((count, *fine.shape[1:]), dtype=np.float32)
    for number in range(count):
        low, high = number * step, min((number + 1) * step, fine.shape[0])
        covered = np.arange(int(low), int(np.ceil(high)))
        weights = np.minimum(covered + 1, high) - np.maximum(covered, low)
        made[number] = np.tensordot(weights / weights.sum(), fine[covered], axes=1)
    return np.ascontiguousarray(np.moveaxis(made, 0, axis))
