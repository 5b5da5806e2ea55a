"""Errors of landmarks under an estimated pose, in space and on the detector (van de Kraats 2005)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Camera, Matrix, require_rigid, transform_points
from bench.metrics.errors import MetricError


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkErrors:
    """Mean distances between landmarks under two poses, mm; exactly zero where the poses are equal.

    Attributes:
        mtre_mm: Mean distance in space.
        mtre_in_plane_mm: Mean of its parts parallel to the detector.
        mtre_depth_mm: Mean of its parts along the camera's axis, without sign.
        mpd_mm: Mean distance between the projections on the detector; None without an SDD; infinite where the
            estimate puts a landmark at or behind the source, which has no projection.
        mpd_isocentre_mm: The same divided by the magnification of the true landmarks' mean depth; needs no SDD.
        mrpd_mm: Mean distance from an estimated landmark to the line through the source and the true landmark.
    """

    mtre_mm: float
    mtre_in_plane_mm: float
    mtre_depth_mm: float
    mpd_mm: float | None
    mpd_isocentre_mm: float
    mrpd_mm: float


def landmark_errors(
    estimate: Matrix, truth: Matrix, points: ArrayLike, camera: Camera, camera_from_rig: Matrix
) -> LandmarkErrors:
    """Compare the positions of landmarks under two poses, as one camera sees them.

    Args:
        estimate: rig_from_world, 4x4, mm.
        truth: rig_from_world, 4x4, mm.
        points: Landmarks in the world, (n, 3), mm, n >= 1.
        camera: Intrinsics of the view.
        camera_from_rig: Extrinsics of the view, 4x4, mm.

    Raises:
        MetricError: No landmarks, or true ones that are not in front of the source.
        bench.geometry.rigid.NotRigidError: A matrix is not a rigid transform.
    """
    landmarks = _require_points(points)
    extrinsics = require_rigid(camera_from_rig, "camera_from_rig")
    found = transform_points(extrinsics @ require_rigid(estimate, "estimate"), landmarks)
    true = transform_points(extrinsics @ require_rigid(truth, "truth"), landmarks)
    if not (true[:, 2] > 0).all():
        raise MetricError(
            f"expected true landmarks in front of the source; got depth {true[:, 2].min():.1f} mm: check the truth"
        )
    moved = found - true
    # found x true = moved x true: the difference keeps the digits that the product of long vectors would lose.
    off_ray = np.linalg.norm(np.cross(moved, true), axis=1) / np.linalg.norm(true, axis=1)
    shift = camera.project(found) - camera.project(true)
    focal = camera.K[[0, 1], [0, 1]]
    return LandmarkErrors(
        mtre_mm=_mean_length(moved),
        mtre_in_plane_mm=_mean_length(moved[:, :2]),
        mtre_depth_mm=float(np.abs(moved[:, 2]).mean()),
        mpd_mm=None if camera.spacing_mm is None else _mean_shift(shift * camera.spacing_mm),
        mpd_isocentre_mm=_mean_shift(shift / focal * true[:, 2].mean()),
        mrpd_mm=float(off_ray.mean()),
    )


def _mean_length(vectors: Matrix) -> float:
    return float(np.linalg.norm(vectors, axis=1).mean())


def _mean_shift(shift_mm: Matrix) -> float:
    """Infinite where a projection does not exist: NaN would be skipped by a mean, and the worst cases with it."""
    length = _mean_length(shift_mm)
    return float("inf") if np.isnan(length) else length


def _require_points(points: ArrayLike) -> Matrix:
    landmarks = np.asarray(points, dtype=np.float64)
    if landmarks.ndim != 2 or landmarks.shape[1] != 3 or not len(landmarks) or not np.isfinite(landmarks).all():
        raise MetricError(f"expected at least one landmark as finite (n, 3) in mm; got an array of {landmarks.shape}")
    return landmarks
