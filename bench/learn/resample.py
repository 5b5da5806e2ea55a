"""Resampling of an image to another camera at the same source: to the camera of a network's training.

Two cameras with one source and parallel axes see the same rays: pixel x of the one is pixel K1 K2^-1 x of the other, a
homography of the detector that is a scaling and a shift along columns and rows. Line integrals along a ray do not
depend on the detector, so that the resampled image is exact but for the size of the pixels; the pose stays what it is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from bench.contract import Image, View
from bench.geometry import Camera, Matrix

# Pixels of the learnt image that may lie beyond this one, as a share; and how much coarser this one may be.
_BEYOND, _COARSER = 0.01, 1.5


def same_camera(learnt: Camera, camera: Camera) -> bool:
    """Whether no resampling is needed."""
    same_size = (camera.height, camera.width) == (learnt.height, learnt.width)
    return same_size and np.allclose(camera.K, learnt.K, rtol=1e-3, atol=0.51)


def camera_of_scene(scene: Mapping[str, Any]) -> Camera:
    """The camera that a card states."""
    table = scene["camera"]
    K = np.array(table["K"], dtype=np.float64)
    return Camera(K, int(table["height"]), int(table["width"]), table.get("sdd_mm"))


def resampling_refusal(learnt: Camera, camera: Camera) -> str | None:
    """Why an image of ``camera`` cannot be resampled to ``learnt``, or None."""
    if same_camera(learnt, camera):
        return None
    columns, rows = (_positions(learnt, camera, axis) for axis in (0, 1))
    seen = _share(columns, camera.width) * _share(rows, camera.height)
    what = (
        f"trained for {learnt.height} x {learnt.width} pixels with f = {learnt.K[0, 0]:.1f}; this camera has "
        f"{camera.height} x {camera.width} with f = {camera.K[0, 0]:.1f}"
    )
    if seen < 1 - _BEYOND:
        return f"{what} and shows {100 * seen:.0f} % of that field: give the uncropped image"
    if min(camera.K[0, 0] / learnt.K[0, 0], camera.K[1, 1] / learnt.K[1, 1]) < 1 / _COARSER:
        return f"{what}: its pixels are more than {_COARSER:g} times coarser"
    return None


def seen_by(learnt: Camera, view: View) -> View:
    """The view with the camera and the image that were learnt; the same object where they are the view's own.

    Pixels are means over their area, by linear interpolation; those beyond the image have its border's value.
    """
    if same_camera(learnt, view.camera):
        return view
    image = None if view.image is None else _resampled(view.image, learnt, view.camera)
    valid = None if view.valid is None else _resampled(view.valid.astype(np.float32), learnt, view.camera) > 0.5
    return replace(view, camera=replace(learnt, sdd_mm=view.camera.sdd_mm), image=image, valid=valid)


def _resampled(image: Image, learnt: Camera, camera: Camera) -> Image:
    columns, rows = (_samples(learnt, camera, axis) for axis in (0, 1))
    grid = np.meshgrid(rows.ravel(), columns.ravel(), indexing="ij")
    fine = ndimage.map_coordinates(image, grid, order=1, mode="nearest", output=np.float32)
    blocks = fine.reshape(*rows.shape, *columns.shape)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), dtype=np.float32)


def _samples(learnt: Camera, camera: Camera, axis: int) -> Matrix:
    """Where the learnt pixels are sampled on an axis of the image, (pixels, samples a pixel)."""
    count = max(1, int(np.ceil(camera.K[axis, axis] / learnt.K[axis, axis])))
    within = (np.arange(count) + 0.5) / count - 0.5
    return _positions(learnt, camera, axis, within)


def _positions(learnt: Camera, camera: Camera, axis: int, within: Matrix | float = 0.0) -> Matrix:
    """Columns or rows of this camera that see what the learnt pixels see."""
    pixels = np.arange(learnt.width if axis == 0 else learnt.height)
    rays = (np.add.outer(pixels, within) - learnt.K[axis, 2]) / learnt.K[axis, axis]
    return np.asarray(camera.K[axis, axis] * rays + camera.K[axis, 2])


def _share(positions: Matrix, size: int) -> float:
    return float(np.mean((positions >= -0.5) & (positions <= size - 0.5)))
