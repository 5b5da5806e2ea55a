"""Errors of landmarks under an estimated pose, in space and on the detector (van de Kraats 2005)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Camera, Matrix, require_all_rigid
from bench.metrics.errors import MetricError

# Landmarks whose arrays stay within a few MiB.
_AT_ONCE = 2**15


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


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkPair:
    """An estimated and a true pose, with landmarks and the camera that sees them.

    Attributes:
        estimate: rig_from_world, 4x4, mm.
        truth: rig_from_world, 4x4, mm.
        points: Landmarks in the world, (n, 3), mm, n >= 1.
        camera: Intrinsics of the view.
        camera_from_rig: Extrinsics of the view, 4x4, mm.
    """

    estimate: Matrix
    truth: Matrix
    points: ArrayLike
    camera: Camera
    camera_from_rig: Matrix


def landmark_errors(
    estimate: Matrix, truth: Matrix, points: ArrayLike, camera: Camera, camera_from_rig: Matrix
) -> LandmarkErrors:
    """Compare the positions of landmarks under two poses: ``all_landmark_errors`` of one pair."""
    return all_landmark_errors([LandmarkPair(estimate, truth, points, camera, camera_from_rig)])[0]


def all_landmark_errors(pairs: Sequence[LandmarkPair]) -> list[LandmarkErrors]:
    """Compare the positions of landmarks under pairs of poses, as one camera sees them, all pairs at once.

    Raises:
        MetricError: No landmarks, or true ones that are not in front of the source.
        bench.geometry.rigid.NotRigidError: A matrix is not a rigid transform.
    """
    points = [_require_points(pair.points) for pair in pairs]
    views = require_all_rigid([pair.camera_from_rig for pair in pairs], "camera_from_rig")
    estimates = views @ require_all_rigid([pair.estimate for pair in pairs], "estimate")
    truths = views @ require_all_rigid([pair.truth for pair in pairs], "truth")
    found: dict[int, LandmarkErrors] = {}
    for chosen in in_groups([len(each) for each in points]):
        landmarks = np.stack([points[index] for index in chosen])
        cameras = [pairs[index].camera for index in chosen]
        found |= zip(chosen, _errors(estimates[chosen], truths[chosen], landmarks, cameras), strict=True)
    return [found[index] for index in range(len(pairs))]


def in_groups(counts: Sequence[int]) -> Iterator[list[int]]:
    """Indices of sets of landmarks with equal counts, so many at a time that they stay in the processor's cache."""
    for count in dict.fromkeys(counts):
        indices, most = [index for index, each in enumerate(counts) if each == count], max(1, _AT_ONCE // count)
        yield from (indices[first : first + most] for first in range(0, len(indices), most))


def _errors(estimates: Matrix, truths: Matrix, landmarks: Matrix, cameras: Sequence[Camera]) -> list[LandmarkErrors]:
    """Of pairs with as many landmarks each: poses (k, 4, 4) camera_from_world, landmarks (k, n, 3)."""
    found, true = _seen(estimates, landmarks), _seen(truths, landmarks)
    if not (true[..., 2] > 0).all():
        raise MetricError(
            f"expected true landmarks in front of the source; got depth {true[..., 2].min():.1f} mm: check the truth"
        )
    moved = found - true
    # found x true = moved x true: the difference keeps the digits that the product of long vectors would lose.
    off_ray = np.linalg.norm(np.cross(moved, true), axis=-1) / np.linalg.norm(true, axis=-1)
    slopes = found[..., :2] / np.where(found[..., 2:] > 0, found[..., 2:], np.nan) - true[..., :2] / true[..., 2:]
    # Where a projection does not exist: NaN would be skipped by a mean, and the worst cases with it.
    per_mm = np.nan_to_num(_mean_length(slopes), nan=np.inf)
    columns = [
        *(_mean_length(moved), _mean_length(moved[..., :2]), np.abs(moved[..., 2]).mean(axis=1)),
        *(per_mm, per_mm * true[..., 2].mean(axis=1), off_ray.mean(axis=1)),
    ]
    return [
        LandmarkErrors(
            mtre_mm=mtre,
            mtre_in_plane_mm=in_plane,
            mtre_depth_mm=depth,
            mpd_mm=None if camera.sdd_mm is None else per_mm * camera.sdd_mm,
            mpd_isocentre_mm=isocentre,
            mrpd_mm=mrpd,
        )
        for (mtre, in_plane, depth, per_mm, isocentre, mrpd), camera in zip(
            np.column_stack(columns).tolist(), cameras, strict=True
        )
    ]


def _seen(poses: Matrix, landmarks: Matrix) -> Matrix:
    """Landmarks (k, n, 3) under poses (k, 4, 4)."""
    return np.asarray(landmarks @ poses[:, :3, :3].swapaxes(1, 2) + poses[:, None, :3, 3])


def _mean_length(vectors: Matrix) -> Matrix:
    """(k,) of vectors (k, n, d)."""
    return np.asarray(np.linalg.norm(vectors, axis=-1).mean(axis=-1))


def _require_points(points: ArrayLike) -> Matrix:
    landmarks = np.asarray(points, dtype=np.float64)
    if landmarks.ndim != 2 or landmarks.shape[1] != 3 or not len(landmarks) or not np.isfinite(landmarks).all():
        raise MetricError(f"expected at least one landmark as finite (n, 3) in mm; got an array of {landmarks.shape}")
    return landmarks
