"""Crop views to the part that the content can be projected to: other pixels cost time without informing the pose."""

from dataclasses import replace
from itertools import product

import numpy as np

from bench.contract import Problem, View
from bench.geometry import Camera, Matrix, transform_points

_LEAST_DEPTH_MM = 10.0


def focused(problem: Problem, corners: Matrix, *, margin_px: int = 8) -> Problem:
    """The same problem with every view cut to the part of its detector that the content can reach.

    The part is the box of the content's projections at the start, at the nominal pose and at the corners of the search
    box, half the way out in rotation and translation together and all the way in translation alone. A view that none of
    these reach is left whole.

    Args:
        problem: With bounds about its nominal pose.
        corners: (8, 3) world corners of the content, mm.
        margin_px: Added on all sides.
    """
    poses = _reach(problem)
    return replace(problem, views=tuple(_cut(view, corners, poses, margin_px) for view in problem.views))


def _reach(problem: Problem) -> Matrix:
    """Poses (n, 4, 4) that span the search box."""
    signs = np.array(list(product((-1.0, 1.0), repeat=6)))
    shifts = signs * problem.search * (0, 0, 0, 1, 1, 1)
    spread = np.concatenate([0.5 * signs * problem.search, shifts, np.zeros((1, 6))])
    return np.concatenate([problem.frame.pose(spread), problem.start[None]])


def _cut(view: View, corners: Matrix, poses: Matrix, margin_px: int) -> View:
    points = np.concatenate([transform_points(view.camera_from_rig @ pose, corners) for pose in poses])
    camera = view.camera
    pixels = camera.project(points[points[:, 2] > _LEAST_DEPTH_MM])
    size = np.array([camera.width, camera.height])
    if not len(pixels):
        return view
    low = np.clip(np.floor(pixels.min(axis=0)) - margin_px, 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + margin_px + 1, 0, size).astype(int)
    if (high - low < 2 * margin_px).any():
        return view
    K = camera.K.copy()
    K[:2, 2] -= low
    part = (slice(low[1], high[1]), slice(low[0], high[0]))
    return replace(
        view,
        camera=Camera(K, int(high[1] - low[1]), int(high[0] - low[0]), camera.sdd_mm),
        image=None if view.image is None else np.ascontiguousarray(view.image[part]),
        valid=None if view.valid is None else np.ascontiguousarray(view.valid[part]),
    )
