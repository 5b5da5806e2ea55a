"""Mean errors of normally distributed estimates, such as those that reach a Cramer-Rao bound (the row ``Bound``)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Matrix, PoseFrame, transform_points
from bench.register.residuals import twist_from_theta

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_MEAN_OF_HALF_NORMAL = float(np.sqrt(2 / np.pi))


def mean_length(covariances: Matrix) -> NDArray[np.float64]:
    """Mean length of normal vectors of mean zero.

    E |x| = 1 / sqrt(pi) * integral over u > 0 of (1 - E exp(-u^2 |x|^2)) / u^2, with u = s / (1 - s) in units of the
    largest deviation, by Gauss and Legendre.

    Args:
        covariances: (..., d, d).

    Returns:
        (...), in the root of the covariances' unit.
    """
    variances = np.maximum(np.linalg.eigvalsh(covariances), 0.0)
    largest = np.maximum(variances[..., -1:], np.finfo(np.float64).tiny)
    s, weights = (1 + _NODES) / 2, _WEIGHTS / 2
    reach = 2 * (s / (1 - s)) ** 2
    shrunk = np.prod(1 + (variances / largest)[..., None] * reach, axis=-2) ** -0.5
    lengths: NDArray[np.float64] = np.sqrt(largest[..., 0] / np.pi) * (((1 - shrunk) / s**2) @ weights)
    return lengths


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


def expected_errors(
    covariance: Matrix, pose: Matrix, frame: PoseFrame, points: Matrix, camera_from_rig: Matrix
) -> ExpectedErrors:
    """Mean errors of normal estimates about a pose, such as unbiased ones whose covariance is the Cramer-Rao bound.

    Args:
        covariance: (6, 6) of the twist (degrees, mm) in rig axes about the moved centre.
        pose: rig_from_world, 4x4, mm.
        frame: Of theta.
        points: Landmarks, (n, 3), world mm.
        camera_from_rig: Of the view whose axes separate in-plane from depth.
    """
    moved: Matrix = camera_from_rig[:3, :3] @ covariance[3:, 3:] @ camera_from_rig[:3, :3].T
    back = np.linalg.inv(_twist_from_theta(pose, frame))
    axes = _MEAN_OF_HALF_NORMAL * np.sqrt(np.diagonal(back @ covariance @ back.T))
    return ExpectedErrors(
        rotation_error_deg=float(mean_length(covariance[:3, :3])),
        translation_error_mm=float(mean_length(moved)),
        in_plane_error_mm=float(mean_length(moved[:2, :2])),
        depth_error_mm=float(mean_length(moved[2:, 2:])),
        rotation_axis_mean_deg=float(axes[:3].mean()),
        translation_axis_mean_mm=float(axes[3:].mean()),
        mtre_mm=float(mean_length(_of_landmarks(covariance, pose, frame, points)).mean()),
    )


def of_twist(covariance: Matrix, pose: Matrix, frame: PoseFrame) -> Matrix:
    """A covariance of theta (degrees, mm) as one of the twist (degrees, mm) in rig axes."""
    change = _twist_from_theta(pose, frame)
    return np.asarray(change @ covariance @ change.T)


def _twist_from_theta(pose: Matrix, frame: PoseFrame) -> Matrix:
    change: Matrix = twist_from_theta(frame.parameters(pose)[None], np.eye(4))[0]
    change[:3] = np.rad2deg(change[:3])
    return change


def _of_landmarks(covariance: Matrix, pose: Matrix, frame: PoseFrame, points: Matrix) -> Matrix:
    """Covariances (n, 3, 3) of landmarks: each moves by omega x arm + v."""
    arms = transform_points(pose, points) - transform_points(pose, frame.centre)
    moves: Matrix = np.zeros((len(arms), 3, 6))
    moves[:, 0, 1], moves[:, 0, 2] = arms[:, 2], -arms[:, 1]
    moves[:, 1, 0], moves[:, 1, 2] = -arms[:, 2], arms[:, 0]
    moves[:, 2, 0], moves[:, 2, 1] = arms[:, 1], -arms[:, 0]
    moves[:, :, :3] *= np.deg2rad(1.0)
    moves[:, :, 3:] = np.eye(3)
    return np.asarray(moves @ covariance @ moves.transpose(0, 2, 1))
