"""Mean errors of normally distributed estimates, such as those that reach a Cramer-Rao bound (the row ``Bound``)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import elliprg

from bench.geometry import Matrix, PoseFrame, parameters_of
from bench.metrics.landmarks import in_groups
from bench.register.residuals import twist_from_theta

_MEAN_OF_HALF_NORMAL = float(np.sqrt(2 / np.pi))


def mean_length(covariances: Matrix) -> NDArray[np.float64]:
    """Mean length of normal vectors of mean zero.

    A length is that of a standard normal vector, in three dimensions sqrt(8 / pi) in the mean, times sqrt(u . C u) of
    its direction u, whose mean over the sphere is Carlson's integral R_G of the variances (DLMF 19.16.3).

    Args:
        covariances: (..., d, d), d at most 3.

    Returns:
        (...), in the root of the covariances' unit.
    """
    variances = np.maximum(np.linalg.eigvalsh(covariances), 0.0)
    missing = [(0, 0)] * (variances.ndim - 1) + [(0, 3 - variances.shape[-1])]
    x, y, z = np.moveaxis(np.pad(variances, missing), -1, 0)
    return np.asarray(2 * _MEAN_OF_HALF_NORMAL * elliprg(x, y, z), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedErrors:
    """Mean errors of normally distributed estimates; see the metrics of these names (``bench.score.error_columns``)."""

    rotation_error_deg: float
    translation_error_mm: float
    in_plane_error_mm: float
    depth_error_mm: float
    rotation_axis_mean_deg: float
    translation_axis_mean_mm: float
    mtre_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class NormalEstimate:
    """Normally distributed estimates about a pose, such as unbiased ones that reach the Cramer-Rao bound.

    Attributes:
        covariance: (6, 6) of the twist (degrees, mm) in rig axes about the moved centre.
        pose: rig_from_world, 4x4, mm.
        frame: Of theta.
        points: Landmarks, (n, 3), world mm.
        camera_from_rig: Of the view whose axes separate in-plane from depth.
    """

    covariance: Matrix
    pose: Matrix
    frame: PoseFrame
    points: Matrix
    camera_from_rig: Matrix


def expected_errors(estimates: Sequence[NormalEstimate]) -> list[ExpectedErrors]:
    """Mean errors of normal estimates, of all at once."""
    covariances = np.array([each.covariance for each in estimates]).reshape(-1, 6, 6)
    views = np.array([each.camera_from_rig for each in estimates]).reshape(-1, 4, 4)[:, :3, :3]
    poses = np.array([each.pose for each in estimates]).reshape(-1, 4, 4)
    moved: Matrix = views @ covariances[:, 3:, 3:] @ views.swapaxes(1, 2)
    back = np.linalg.inv(_twists_from_thetas(poses, [each.frame for each in estimates]))
    variances = np.diagonal(back @ covariances @ back.swapaxes(1, 2), axis1=1, axis2=2)
    axes = _MEAN_OF_HALF_NORMAL * np.sqrt(variances).reshape(-1, 2, 3).mean(axis=2)
    lengths = [mean_length(each) for each in (covariances[:, :3, :3], moved, moved[:, :2, :2], moved[:, 2:, 2:])]
    numbers = np.column_stack([*lengths, axes, _mean_landmarks(covariances, poses, estimates)])
    return [
        ExpectedErrors(
            rotation_error_deg=rotation,
            translation_error_mm=translation,
            in_plane_error_mm=in_plane,
            depth_error_mm=depth,
            rotation_axis_mean_deg=rotation_axes,
            translation_axis_mean_mm=translation_axes,
            mtre_mm=mtre,
        )
        for rotation, translation, in_plane, depth, rotation_axes, translation_axes, mtre in numbers.tolist()
    ]


def of_twist(estimates: Sequence[NormalEstimate]) -> list[NormalEstimate]:
    """Estimates whose covariances are of theta (degrees, mm), with those of the twist (degrees, mm) in rig axes."""
    poses = np.array([each.pose for each in estimates]).reshape(-1, 4, 4)
    changes = _twists_from_thetas(poses, [each.frame for each in estimates])
    return [
        replace(each, covariance=change @ each.covariance @ change.T)
        for each, change in zip(estimates, changes, strict=True)
    ]


def _twists_from_thetas(poses: Matrix, frames: Sequence[PoseFrame]) -> Matrix:
    change: Matrix = twist_from_theta(parameters_of(frames, poses), np.eye(4))
    change[:, :3] = np.rad2deg(change[:, :3])
    return change


def _mean_landmarks(covariances: Matrix, poses: Matrix, estimates: Sequence[NormalEstimate]) -> Matrix:
    """Mean distances of the landmarks from their mean places, (n,)."""
    found = np.zeros(len(estimates))
    for chosen in in_groups([len(each.points) for each in estimates]):
        arms = np.stack([estimates[index].points - estimates[index].frame.centre for index in chosen])
        turned = arms @ poses[chosen, :3, :3].swapaxes(1, 2)
        found[chosen] = mean_length(_of_landmarks(covariances[chosen], turned)).mean(axis=1)
    return found


def _of_landmarks(covariances: Matrix, arms: Matrix) -> Matrix:
    """Covariances (k, n, 3, 3) of landmarks at arms (k, n, 3): each moves by omega x arm + v."""
    moves: Matrix = np.zeros((*arms.shape, 6))
    moves[..., 0, 1], moves[..., 0, 2] = arms[..., 2], -arms[..., 1]
    moves[..., 1, 0], moves[..., 1, 2] = -arms[..., 2], arms[..., 0]
    moves[..., 2, 0], moves[..., 2, 1] = arms[..., 1], -arms[..., 0]
    moves[..., :3] *= np.deg2rad(1.0)
    moves[..., 3:] = np.eye(3)
    return np.asarray(moves @ covariances[:, None] @ moves.swapaxes(-1, -2))
