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
    """(rx, ry, rz) in degrees, (..., 3), with Rx Ry Rz = rotation (..., 3, 3); ry in [-90, 90].

    At ry = +-90 degrees only rx +- rz is determined; rz is then set to zero.
    """
    first, second, third = (rotation[..., row, :] for row in range(3))
    cos_ry = np.hypot(first[..., 0], first[..., 1])
    ry = np.arctan2(first[..., 2], cos_ry)
    locked = np.arctan2(np.sign(first[..., 2]) * second[..., 0], second[..., 1])
    rx = np.where(cos_ry < GIMBAL_TOLERANCE, locked, np.arctan2(-second[..., 2], third[..., 2]))
    # rz from what rx leaves over: near ry = +-90 that makes good an error of rx; the first row would add its own.
    turned: Matrix = Rotation.from_euler("X", rx.reshape(-1, 1)).as_matrix().reshape(rotation.shape)
    middle = (turned.swapaxes(-1, -2) @ rotation)[..., 1, :]
    rz = np.arctan2(middle[..., 0], middle[..., 1])
    angles: Matrix = np.degrees(np.stack([rx, ry, rz], axis=-1))
    return angles


def rotation_angle_deg(first: Matrix, second: Matrix) -> float:
    """Geodesic angle between two rotations (3x3 or 4x4), in degrees; see ``rotation_angles_deg``."""
    return float(rotation_angles_deg(first, second))


def rotation_angles_deg(first: Matrix, second: Matrix) -> Matrix:
    """Geodesic angles (...) between rotations (..., 3, 3) or (..., 4, 4), in degrees.

    2 asin(|R1 - R2|_F / sqrt 8): the arccos of the trace loses 1e-6 degrees near zero.
    """
    apart = np.linalg.norm(first[..., :3, :3] - second[..., :3, :3], axis=(-2, -1))
    return np.asarray(np.degrees(2 * np.arcsin(np.minimum(1.0, apart / np.sqrt(8)))))


def is_rigid(transform: ArrayLike) -> bool:
    """Tell whether a matrix is a finite, proper rigid 4x4 transform, within ``RIGID_TOLERANCE``; texts are none."""
    try:
        matrix = np.asarray(transform, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return matrix.shape == (4, 4) and bool(np.isfinite(matrix).all()) and bool(_proper(matrix))


def require_rigid(transform: ArrayLike, name: str) -> Matrix:
    """Return the matrix as float64, or raise ``NotRigidError`` that names it."""
    if not is_rigid(transform):
        given = transform.tolist() if isinstance(transform, np.ndarray) else transform
        raise NotRigidError(f"{name} must be a rigid 4x4 transform (finite, det +1); got {given!r:.400}")
    return np.asarray(transform, dtype=np.float64)


def require_all_rigid(transforms: Sequence[ArrayLike], name: str) -> Matrix:
    """Return matrices as float64, (n, 4, 4), or raise ``NotRigidError`` for the first one that is not rigid."""
    matrices = [np.asarray(each, dtype=np.float64) for each in transforms]
    if all(each.shape == (4, 4) for each in matrices):
        stacked = np.stack(matrices) if matrices else np.zeros((0, 4, 4))
        if np.isfinite(stacked).all() and _proper(stacked).all():
            return stacked
    return np.stack([require_rigid(each, name) for each in matrices])


def _proper(matrices: Matrix) -> NDArray[np.bool_]:
    """Whether each of finite matrices (..., 4, 4) is a proper rigid transform."""
    rotations = matrices[..., :3, :3]
    # Plain differences: searches check thousands of poses a second, and np.allclose is ten times slower.
    with np.errstate(over="ignore", invalid="ignore"):  # finite numbers may have products that are not
        orthonormal = np.abs(rotations @ rotations.swapaxes(-1, -2) - np.eye(3)).max(axis=(-2, -1)) <= RIGID_TOLERANCE
        affine_row = np.abs(matrices[..., 3, :] - (0, 0, 0, 1)).max(axis=-1) <= RIGID_TOLERANCE
        return np.asarray(orthonormal & affine_row & (np.linalg.det(rotations) > 0))
