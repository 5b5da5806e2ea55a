"""A square window on an X-ray: what a camera turned towards a point would see of it, with intrinsics of one's choice.

A line integral belongs to its ray, and turning a camera about its source moves no ray: the window is the X-ray
resampled, for any detector. Networks for real set-ups so get images of one size and one focal length.
"""

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from bench.contract import View
from bench.geometry import Camera, Matrix

# Samples along each edge of a window's pixel: its mean, not its middle, where the X-ray's pixels are smaller.
_SAMPLES = 2
_MOSTLY = 0.5


def aimed(point: Matrix) -> Matrix:
    """The shortest turn (4x4) of a camera's coordinates that puts a point (3,) of them, mm, on the axis."""
    turn = np.eye(4)
    direction = point / np.linalg.norm(point)
    across = np.cross(direction, [0.0, 0.0, 1.0])
    angle = np.arctan2(np.linalg.norm(across), direction[2])
    turn[:3, :3] = Rotation.from_rotvec(across / max(float(np.linalg.norm(across)), 1e-12) * angle).as_matrix()
    return turn


def through(view: View, turn: Matrix, window: Camera) -> View:
    """The view through a window.

    Pixels that the X-ray does not hold, or does not hold validly, are air (0) and not valid.

    Args:
        view: With an image.
        turn: ``aimed``: coordinates in the window's camera from those in the view's, 4x4.
        window: Intrinsics of the result.

    Returns:
        A view of the turned camera: ``camera_from_rig`` is turned too.
    """
    places = window_pixels(view.camera, turn, window)
    held = np.ones((view.camera.height, view.camera.width)) if view.valid is None else view.valid.astype(np.float64)
    share = _sampled(held, places)
    seen = view.image if view.image is not None else np.zeros_like(held)
    total = _sampled(np.where(held > 0, seen, 0.0), places)
    valid = share > _MOSTLY
    image = np.where(valid, total / np.maximum(share, _MOSTLY), 0.0).astype(np.float32)
    return View(window, turn @ view.camera_from_rig, image, valid)


def window_pixels(camera: Camera, turn: Matrix, window: Camera) -> Matrix:
    """Where the samples of a window's pixels lie in the X-ray: (row, column) by (2, samples, height, width)."""
    offset = (np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    down, right = (each.ravel() for each in np.meshgrid(offset, offset, indexing="ij"))
    rows = np.arange(window.height)[None, :, None] + down[:, None, None]
    columns = np.arange(window.width)[None, None, :] + right[:, None, None]
    rows, columns = np.broadcast_arrays(rows, columns)
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(window.K).T
    pixels = camera.project(rays @ turn[:3, :3])  # a row times the turn is the turn back
    return np.stack([pixels[..., 1], pixels[..., 0]])


def _sampled(image: Matrix, places: Matrix) -> Matrix:
    """Bilinear, zero outside; means over the samples, (height, width)."""
    outside = np.nan_to_num(places, nan=-1e6)
    found: Matrix = map_coordinates(image, outside, order=1, mode="grid-constant", cval=0.0)
    return np.asarray(found.mean(axis=0))
