"""OpenCV's solvers of the perspective-n-point problem, typed. Imports OpenCV.

Points are (n, 3) in mm, pixels (n, 2) as (column, row) without distortion; poses are camera_from_world, 4x4, mm.
"""

from typing import Any

import cv2
import numpy as np

from bench.geometry.camera import Camera
from bench.geometry.rigid import Matrix, compose

# OpenCV's types are imprecise; this module converts them.
_cv2: Any = cv2

_MINIMAL = 3


def pose_candidates(points: Matrix, pixels: Matrix, camera: Camera) -> list[Matrix]:
    """Poses by every solver that takes so many points: P3P for 3, else SQPnP, EPnP and, in a plane, both of IPPE.

    Args:
        points: (n, 3), n >= 3.
        pixels: (n, 2).
        camera: Intrinsics.

    Returns:
        Distinct answers in no order; none where the solvers found none.
    """
    if len(points) == _MINIMAL:
        return _solutions(points, pixels, camera, _cv2.SOLVEPNP_P3P)
    methods = [_cv2.SOLVEPNP_SQPNP, _cv2.SOLVEPNP_EPNP]
    if in_a_plane(points):
        methods.append(_cv2.SOLVEPNP_IPPE)
    return [pose for method in methods for pose in _solutions(points, pixels, camera, method)]


def robust_pose(points: Matrix, pixels: Matrix, camera: Camera, *, threshold_px: float) -> list[int]:
    """Indices of the points that agree with one pose within ``threshold_px`` (RANSAC over minimal sets); may be empty.

    OpenCV's own generator is seeded, so that the same points give the same answer.
    """
    _cv2.setRNGSeed(1)
    try:
        found, _, _, inliers = _cv2.solvePnPRansac(
            np.ascontiguousarray(points),
            np.ascontiguousarray(pixels),
            camera.K,
            None,
            iterationsCount=2000,
            reprojectionError=threshold_px,
            confidence=0.9999,
            flags=_cv2.SOLVEPNP_AP3P,
        )
    except _cv2.error:
        return []
    return [int(each) for each in np.ravel(inliers)] if found and inliers is not None else []


def in_a_plane(points: Matrix, tolerance: float = 1e-3) -> bool:
    """Whether points lie in a plane (or on a line), relative to their extent."""
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return len(points) <= _MINIMAL or bool(spread[2] <= tolerance * spread[0])


def _solutions(points: Matrix, pixels: Matrix, camera: Camera, method: int) -> list[Matrix]:
    try:
        _, turns, shifts, _ = _cv2.solvePnPGeneric(
            np.ascontiguousarray(points), np.ascontiguousarray(pixels), camera.K, None, flags=method
        )
    except _cv2.error:
        return []  # the solver's own limits: too few or degenerate points
    poses = [compose(_cv2.Rodrigues(turn)[0], np.ravel(shift)) for turn, shift in zip(turns, shifts, strict=True)]
    return [pose for pose in poses if np.isfinite(pose).all()]
