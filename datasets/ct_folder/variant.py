"""A variant of a CT: deformed, with denser or sparser bone."""

import re
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.volume import FloatGrid, Volume
from bench.volume.labels import scheme

from .deformation import Deformation, free_deformation, with_rigid
from .files import CtFolderError
from .rigid import Piece, pieces_of

_Voxel = TypeVar("_Voxel", np.float32, np.uint16)
# What is denser than muscle and organs counts as bone; what is denser than cortex is metal and keeps its HU.
_BONE_FROM_HU, _BONE_TO_HU, _METAL_HU, _HIGHEST_HU = 100.0, 1500.0, 2500.0, 3071.0
_VERTEBRA = re.compile(r"[CTLS]\d{1,2}|sacrum|coccyx", re.IGNORECASE)
LEAST_JACOBIAN = 0.05
_SHRINK, _TRIES = 0.8, 8


def rigid_pieces(volume: Volume, blend_mm: float) -> tuple[Piece, ...]:
    """The labelled vertebrae of a CT, sacrum and coccyx included.

    Raises:
        CtFolderError: There is none.
    """
    if volume.labels is None or volume.label_scheme is None:
        raise CtFolderError("rigid_vertebrae needs labels; put NAME_labels beside the CT, or set it to false")
    numbers = [number for name, number in scheme(volume.label_scheme).items() if _VERTEBRA.fullmatch(name)]
    pieces = pieces_of(volume.labels, volume.affine, frozenset(numbers), blend_mm)
    if not pieces:
        raise CtFolderError(
            f"rigid_vertebrae needs labelled vertebrae, and the labels hold none of scheme {volume.label_scheme!r} "
            "names; check label_scheme, or set it to false"
        )
    return pieces


def draw_deformation(
    volume: Volume,
    pieces: tuple[Piece, ...],
    *,
    amplitude_mm: float,
    grid_mm: float,
    blend_mm: float,
    generator: np.random.Generator,
) -> Deformation:
    """A random map without folds, rigid on the pieces; it shrinks where pieces that touch would fold it.

    Raises:
        CtFolderError: It folds however small it is made.
    """
    drawn = free_deformation(
        volume.shape, volume.affine, amplitude_mm=amplitude_mm, grid_mm=grid_mm, generator=generator
    )
    for attempt in range(_TRIES):
        found = with_rigid(drawn.scaled(_SHRINK**attempt), pieces, blend_mm)
        if found.least_jacobian() > LEAST_JACOBIAN:
            return found
    raise CtFolderError(
        f"no deformation without folds from amplitude_mm={amplitude_mm:g} down; lower it, or widen grid_mm or blend_mm"
    )


def deformed(volume: Volume, deformation: Deformation) -> Volume:
    """The CT seen through a map: HU by cubic interpolation within their range, labels from the nearest voxel."""
    low, high = float(volume.hu.min()), float(volume.hu.max())
    coefficients = ndimage.spline_filter(volume.hu, order=3, output=np.float32, mode="nearest")
    hu = np.empty_like(volume.hu)
    labels = None if volume.labels is None else np.empty_like(volume.labels)
    for part, displacement in deformation.slabs():
        at = deformation.sources(displacement, part.start)
        hu[part] = np.clip(_sampled(coefficients, at, 3), low, high)
        if labels is not None and volume.labels is not None:
            labels[part] = _sampled(volume.labels, at, 0)
    return replace(volume, hu=hu, labels=labels, mask=None)


def _sampled(grid: NDArray[_Voxel], at: FloatGrid, order: Literal[0, 3]) -> NDArray[_Voxel]:
    return np.asarray(ndimage.map_coordinates(grid, at, order=order, mode="nearest", prefilter=False), dtype=grid.dtype)


def denser(hu: FloatGrid, scale: float) -> FloatGrid:
    """HU with what bone has above 100 HU scaled; full up to 1500 HU, fading to nothing at metal, 2500 HU.

    Args:
        hu: Float32.
        scale: Of the excess over 100 HU; 1 changes nothing.
    """
    excess = np.clip(hu, _BONE_FROM_HU, _BONE_TO_HU) - np.float32(_BONE_FROM_HU)
    no_metal = np.clip((_METAL_HU - hu) / (_METAL_HU - _BONE_TO_HU), 0, 1)
    changed = hu + np.float32(scale - 1) * excess * no_metal
    return np.asarray(np.minimum(changed, np.maximum(hu, np.float32(_HIGHEST_HU))), dtype=np.float32)
