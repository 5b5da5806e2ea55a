"""Tiny synthetic X-rays for the miniatures that dataset plug-ins declare: a dark disc where a point is projected.

Places follow from the equations of a data set's published description (intrinsic @ extrinsic @ point), not from the
code that reads it, so that an error of frames in that code shows.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix

ROWS, COLUMNS = 160, 176
SPACING_MM = 1.6
SDD_MM = 1020.0
# Negative focal lengths, as in DeepFluoro's files: z runs from the detector towards the source.
INTRINSIC = np.array([[-SDD_MM / SPACING_MM, 0, 84.5], [0, -SDD_MM / SPACING_MM, 79.0], [0, 0, 1]])
LANDMARKS = {"ASIS-l": (-20.0, 12.0, 31.0), "FH-r": (24.0, -9.0, -22.0), "MOF-l": (3.0, 18.0, 6.0)}
DISC_PX = 6


def turn(*degrees: float) -> Matrix:
    """Rotation 3x3 about x, y, z, one after the other."""
    return np.asarray(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())


def pixel(projective_from_point: Matrix, point: ArrayLike) -> Matrix:
    """(column, row) of a point in the stored image."""
    homogeneous = INTRINSIC @ (projective_from_point @ np.append(point, 1.0))[:3]
    return np.asarray(homogeneous[:2] / homogeneous[2])


def disc(centre: Matrix, *, air: float, dark: float) -> NDArray[np.float32]:
    """Intensities (ROWS, COLUMNS): a dark disc on air."""
    rows, columns = np.indices((ROWS, COLUMNS))
    inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < DISC_PX**2
    return np.where(inside, dark, air).astype(np.float32)


def grid() -> tuple[NDArray[np.float32], Matrix, Matrix]:
    """Values by (slice, row, column) with one dense block at the first landmark; spacing and origin (x, y, z), mm."""
    spacing, origin = np.array([2.0, 2.0, 2.5]), np.array([-50.0, -40.0, -60.0])
    values = np.full((48, 40, 50), -1000.0, np.float32)
    i, j, k = np.rint((np.array(LANDMARKS["ASIS-l"]) - origin) / spacing).astype(int)
    values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 1500
    return values, spacing, origin
