"""Contents of a volume as masks on its grid: the body, the bone, or named structures."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from bench.volume.labels import bone_numbers, label_number, present
from bench.volume.volume import FloatGrid, MaskGrid, Volume, VolumeError

BONE_HU = 150.0
BODY_HU = -300.0
# Fine enough to keep skin and bone, coarse enough that one erosion breaks the bridge from back to table.
_COARSE_MM = 3.0
_OPENING_STEPS = 1


def with_content(volume: Volume, content: str | Sequence[str]) -> Volume:
    """The same CT with only some of its content attenuating.

    Args:
        volume: The CT; its mask is replaced.
        content: ``everything`` (no mask), ``body`` (without table and surrounding air), ``bone``, or one or more
            names of labelled structures, such as ``L3``.

    Raises:
        VolumeError: Nothing of that content is in the volume.
    """
    if content == "everything":
        return volume.with_mask(None)
    if content == "body":
        return volume.with_mask(body_mask(volume))
    if content == "bone":
        return volume.with_mask(bone_mask(volume))
    return volume.with_mask(label_mask(volume, content))


def require_visible(volume: Volume) -> None:
    """Refuse a volume that shows nothing in any X-ray.

    Raises:
        VolumeError: Its content does not attenuate.
    """
    if volume.mu().any():
        return
    inside = volume.hu if volume.mask is None else volume.hu[volume.mask]
    raise VolumeError(
        f"the content renders to nothing: its numbers lie from {float(inside.min()):.4g} to {float(inside.max()):.4g}, "
        "all at or below air (-1000 HU); expected Hounsfield units; is a rescale intercept applied twice, the box "
        "beside the patient, or the content the wrong one?"
    )


def label_mask(volume: Volume, names: str | Sequence[str]) -> MaskGrid:
    """Voxels of one or more labelled structures.

    Raises:
        VolumeError: No labels, a name unknown to their scheme, or a structure that is absent.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    if volume.labels is None or volume.label_scheme is None:
        raise VolumeError(
            f"no labels to find {', '.join(wanted)} by; give a label map, or use content 'bone' or 'body'"
        )
    if not wanted:
        raise VolumeError("no structure named; expected at least one, such as 'L3'")
    numbers = [label_number(volume.label_scheme, name) for name in wanted]
    masks = [np.asarray(volume.labels == number) for number in numbers]
    absent = [name for name, mask in zip(wanted, masks, strict=True) if not mask.any()]
    if absent:
        raise VolumeError(
            f"{', '.join(absent)} not in this volume; its labels hold {', '.join(present(volume)) or 'nothing'}: name "
            f"one of them (--region, --content or --vertebra), unless {volume.label_scheme!r} is not their numbering"
        )
    return np.asarray(np.logical_or.reduce(masks), dtype=np.bool_)


def bone_mask(volume: Volume) -> MaskGrid:
    """Bone: the labelled bones where there are labels, else HU above 150 inside the body.

    Raises:
        VolumeError: There is none.
    """
    if volume.labels is not None:
        mask = np.isin(volume.labels, list(bone_numbers(volume)))
    else:
        mask = np.asarray((volume.hu > BONE_HU) & body_mask(volume))
    if not mask.any():
        how = "labels hold no bone" if volume.labels is not None else f"no voxel of the body is above {BONE_HU:g} HU"
        raise VolumeError(f"no bone in this volume: its {how}; check the units (HU) and the label scheme")
    return mask


def body_mask(volume: Volume) -> MaskGrid:
    """The patient without table and surrounding air; lungs, bowel gas and some millimetres round the skin included.

    The largest connected component above -300 HU after an opening that cuts thin bridges, found on a grid of about
    3 mm, with what each axial slice of it encloses. Arms that lie apart from the trunk are not part of it.

    Raises:
        VolumeError: Nothing is above -300 HU.
    """
    steps = np.maximum(1, np.round(_COARSE_MM / volume.spacing_mm)).astype(int)
    dense = _shrink(volume.hu, steps) > BODY_HU
    body = _largest(_open(dense)) if dense.any() else dense
    if not body.any():
        raise VolumeError(f"no body in this volume: no region above {BODY_HU:g} HU; check that its units are HU")
    grown = ndimage.binary_dilation(body, iterations=_OPENING_STEPS, mask=dense)
    filled = ndimage.binary_fill_holes(grown, structure=_in_slice(volume))
    return _enlarge(ndimage.binary_dilation(filled), steps, volume.shape)


def _open(dense: MaskGrid) -> MaskGrid:
    """Erode without eating into the grid's border, where a cropped body continues; a thin body is left as it is."""
    eroded = np.asarray(ndimage.binary_erosion(dense, iterations=_OPENING_STEPS, border_value=1))
    return eroded if eroded.any() else dense


def _largest(mask: MaskGrid) -> MaskGrid:
    parts, _ = ndimage.label(mask)
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def _in_slice(volume: Volume) -> MaskGrid:
    """Neighbours within an axial slice: all but those along the axis nearest to the patient's long axis."""
    along = int(np.argmax(np.abs(volume.affine[2, :3]) / volume.spacing_mm))
    structure = ndimage.generate_binary_structure(3, 1)
    neighbours = np.moveaxis(structure, along, 0)
    neighbours[[0, 2]] = False
    return np.asarray(structure)


def _shrink(hu: FloatGrid, steps: np.ndarray[tuple[int], np.dtype[np.int_]]) -> FloatGrid:
    """Means of blocks; the last, incomplete block of an axis is filled up with the edge's values."""
    short = [(0, int(-size % step)) for size, step in zip(hu.shape, steps, strict=True)]
    padded = np.pad(hu, short, mode="edge")
    i, j, k = (size // step for size, step in zip(padded.shape, steps, strict=True))
    blocks = padded.reshape(i, steps[0], j, steps[1], k, steps[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


def _enlarge(mask: MaskGrid, steps: np.ndarray[tuple[int], np.dtype[np.int_]], shape: tuple[int, int, int]) -> MaskGrid:
    for axis, step in enumerate(steps):
        mask = np.repeat(mask, step, axis=axis)
    return np.ascontiguousarray(mask[: shape[0], : shape[1], : shape[2]])
