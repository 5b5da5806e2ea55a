"""Rigid transforms: 4x4 float64 matrices in mm, named ``a_from_b`` so that ``a_from_b @ b_from_c`` reads right.

Rotations are active and act on column vectors. Names that end in ``deg`` are degrees,
names that end in ``rad`` radians.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from bench.errors import FluorobenchError

Matrix: TypeAlias = NDArray[np.float64]

RIGID_TOLERANCE = 1e-6
GIMBAL_TOLERANCE = 1e-12


class NotRigidError(FluorobenchError):
    """A matrix that should be a rigid transform is not."""


def compose(rotation: ArrayLike, translation: ArrayLike) -> Matrix:
    """Build the 4x4 transform ``x -> rotation @ x + translation`` (translation in mm)."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def invert(transform: Matrix) -> Matrix:
    """Invert a rigid transform without solving a linear system."""
    rotation = transform[:3, :3].T
    return compose(rotation, -rotation @ transform[:3, 3])


def transform_points(transform: Matrix, points: ArrayLike) -> Matrix:
    """Move points (..., 3) in mm by a 4x4 transform."""
    return np.asarray(points, dtype=np.float64) @ transform[:3, :3].T + transform[:3, 3]


def rotation_from_angles(angles_deg: Sequence[float] | NDArray[np.float64]) -> Matrix:
    """Rx(rx) Ry(ry) Rz(rz), (..., 3, 3), from (rx, ry, rz) in degrees, one triple or (n, 3) (SOPI eq. 2)."""
    return np.asarray(Rotation.from_euler("XYZ", angles_deg, degrees=True).as_matrix(), dtype=np.float64)


def angles_from_rotation(rotation: Matrix) -> Matrix:
    """(rx, ry, rz) in degrees with Rx Ry Rz = rotation; ry in [-90, 90].

    At ry = +-90 degrees only rx +- rz is determined; rz is then set to zero.
    """
    cos_ry = np.hypot(rotation[0, 0], rotation[0, 1])
    ry = np.arctan2(rotation[0, 2], cos_ry)
    if cos_ry < GIMBAL_TOLERANCE:
        rx = np.arctan2(np.sign(rotation[0, 2]) * rotation[1, 0], rotation[1, 1])
    else:
        rx = np.arctan2(-rotation[1, 2], rotation[2, 2])
    # rz from what rx leaves over: near ry = +-90 that makes good an error of rx; the first row would add its own.
    _, middle_row, _ = Rotation.from_euler("X", float(rx)).as_matrix().T @ rotation
    rz = np.arctan2(middle_row[0], middle_row[1])
    angles: Matrix = np.degrees(np.array([rx, ry, rz]))
    return angles


def rotation_angle_deg(first: Matrix, second: Matrix) -> float:
    """Geodesic angle between two rotations (3x3 or 4x4), in degrees.

    2 asin(|R1 - R2|_F / sqrt 8): the arccos of the trace loses 1e-6 degrees near zero.
    """
    difference = first[:3, :3] - second[:3, :3]
    return float(np.degrees(2 * np.arcsin(min(1.0, float(np.linalg.norm(difference)) / np.sqrt(8)))))


def is_rigid(transform: ArrayLike) -> bool:
    """Tell whether a matrix is a finite, proper rigid 4x4 transform, within ``RIGID_TOLERANCE``."""
    matrix = np.asarray(transform, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        return False
    rotation = matrix[:3, :3]
    # Plain differences: searches check thousands of poses a second, and np.allclose is ten times slower.
    orthonormal = np.abs(rotation @ rotation.T - np.eye(3)).max() <= RIGID_TOLERANCE
    affine_row = np.abs(matrix[3] - (0, 0, 0, 1)).max() <= RIGID_TOLERANCE
    return bool(orthonormal and affine_row and np.linalg.det(rotation) > 0)


def require_rigid(transform: ArrayLike, name: str) -> Matrix:
    """Return the matrix as float64, or raise ``NotRigidError`` that names it."""
    if not is_rigid(transform):
        raise NotRigidError(
            f"{name} must be a rigid 4x4 transform (finite, det +1); got {np.asarray(transform).tolist()}"
        )
    return np.asarray(transform, dtype=np.float64)
