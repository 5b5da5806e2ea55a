"""Projection matrices: the 3x4 matrix P of a calibrated C-arm or cone-beam CT, with P x_world = depth (u, v, 1).

The convention (Hartley and Zisserman, Multiple View Geometry, 2nd edition, sections 6.1 and 6.2.4):

* P = K [R | t], known up to a factor that may be negative; the RQ decomposition of its left 3x3 block gives K and R.
  The sign is chosen so that det R = +1 with positive focal lengths. Points of the object must then lie before the
  source; where they lie behind it, P belongs to a mirrored image.
* Pixels are counted from the centre of pixel (0, 0), as ours.
* K may have a skew s. Ours has none: the angle between the pixel axes differs from 90 degrees by s / f_x radians. Up to
  ``PERPENDICULAR_TOLERANCE`` (rounded numbers, a measured detector) the skew is dropped; beyond it P is refused.
* P holds no SDD and no pixel spacing.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry.camera import Camera
from bench.geometry.converters.view import ConversionError, ToolView
from bench.geometry.rigid import Matrix, compose

PERPENDICULAR_TOLERANCE = 1e-4
"""Radians by which the axes of a detector may differ from perpendicular."""

Point: TypeAlias = tuple[float, float, float]

_SINGULAR = 1e-9


def from_projection_matrix(
    matrix: ArrayLike, *, height: int, width: int, sdd_mm: float | None = None, in_front: Point = (0.0, 0.0, 0.0)
) -> ToolView:
    """Our view of a projection matrix.

    Args:
        matrix: P, 3x4, any scale and sign; "world" is the calibration's, mm.
        height: Rows of the image that P belongs to.
        width: Columns.
        sdd_mm: Source to detector; None where it is unknown.
        in_front: A world point (x, y, z) in mm that lies between source and detector, such as the isocentre.

    Raises:
        ConversionError: No finite 3x4 matrix of a cone beam, a skew, or ``in_front`` lies behind the source.
    """
    K, rotation, translation = decompose(matrix)
    depth = float((rotation @ np.array(in_front) + translation)[2])
    if depth <= 0:
        raise ConversionError(
            f"the world point {list(in_front)} lies {-depth:.1f} mm behind the source of this "
            "projection matrix: it belongs to a mirrored image, or that point is not between source and detector; "
            'state image = "stored" together with flip, or in_front = [x, y, z], a point of the object'
        )
    return ToolView(camera=Camera(K, height, width, sdd_mm), camera_from_world=compose(rotation, translation))


def to_projection_matrix(camera: Camera, camera_from_world: Matrix) -> Matrix:
    """P = K [R | t], 3x4; its third row has unit length, so that P x = depth in mm times (column, row, 1)."""
    return np.asarray(camera.K @ camera_from_world[:3])


def decompose(matrix: ArrayLike) -> tuple[Matrix, Matrix, Matrix]:
    """K (3x3, no skew), R (3x3, det +1) and t (3,) of a projection matrix of any scale and sign.

    Raises:
        ConversionError: See ``from_projection_matrix``.
    """
    P = np.asarray(matrix, dtype=np.float64)
    if P.shape != (3, 4) or not np.isfinite(P).all():
        raise ConversionError(f"a projection matrix has 3 rows of 4 finite numbers; got {P.tolist()}")
    scale = float(np.linalg.norm(P[2, :3]))
    rows = np.linalg.norm(P[:, :3], axis=1)
    if not rows.min() > 0 or abs(np.linalg.det(P[:, :3] / rows[:, None])) < _SINGULAR:
        raise ConversionError(
            "the left 3x3 block of a projection matrix must be invertible (a cone beam); this one is of a parallel "
            "beam or of no camera; check the order of its numbers"
        )
    proper = P / scale * np.sign(np.linalg.det(P[:, :3]))
    upper, rotation = upper_times_rotation(proper[:, :3])
    K = np.asarray(upper / upper[2, 2])
    if abs(K[0, 1]) > PERPENDICULAR_TOLERANCE * K[0, 0]:
        raise ConversionError(
            f"this projection matrix has a skew of {K[0, 1]:.4g} pixels (its pixel axes are {K[0, 1] / K[0, 0]:.2g} "
            f"rad off perpendicular, at most {PERPENDICULAR_TOLERANCE:g} is taken); expected pixels without skew: "
            "calibrate with the skew fixed to 0"
        )
    K[0, 1] = K[1, 0] = K[2, 0] = K[2, 1] = 0.0
    # With the skew dropped the offset must still put the same world point at the source.
    source: Matrix = np.asarray(np.linalg.inv(proper[:, :3]) @ -proper[:, 3], dtype=np.float64)
    return K, rotation, np.asarray(-rotation @ source)


def upper_times_rotation(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The RQ decomposition of a 3x3 matrix: upper triangular with a positive diagonal, times orthogonal."""
    orthogonal, upper = np.linalg.qr(matrix[::-1].T)
    signs = np.sign(np.diag(upper))[::-1]
    return np.asarray(upper.T[::-1, ::-1] * signs), np.asarray(signs[:, None] * orthogonal.T[::-1])


def flip_pixels(*, flip: str, height: int, width: int) -> Matrix:
    """The 3x3 map of homogeneous pixels from a stored image to the one that ``flip`` turns it into; its own inverse.

    Args:
        flip: ``none``, ``horizontal``, ``vertical`` or ``both``.
        height: Rows.
        width: Columns.
    """
    turn = np.eye(3)
    if flip in ("horizontal", "both"):
        turn[0] = (-1, 0, width - 1)
    if flip in ("vertical", "both"):
        turn[1] = (0, -1, height - 1)
    return turn
