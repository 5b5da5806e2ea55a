"""DiffDRR's pose of a C-arm, for it and for xvr: from and to camera_from_world.

The subject is oriented "AP" and columns run along -x (``reverse_x_axis=True``): images as seen from the source.
"""

import numpy as np
from exchange import RAS_FROM_LPS, Array

ORIENTATION = "AP"
_REORIENT = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
_THEIR_CAMERA_FROM_OURS = np.diag([-1.0, -1.0, 1.0, 1.0])


def carm_pose(camera_from_world: Array, isocentre_ras: Array) -> Array:
    """The 4x4 pose of the C-arm about an isocentre (RAS, mm)."""
    world_from_camera = RAS_FROM_LPS @ np.linalg.inv(camera_from_world)
    world_from_camera[:3, 3] -= isocentre_ras
    return np.asarray(world_from_camera @ np.linalg.inv(_REORIENT @ _THEIR_CAMERA_FROM_OURS))


def camera_from_world(carm: Array, isocentre_ras: Array) -> Array:
    """The inverse of ``carm_pose``."""
    world_from_camera = np.asarray(carm, dtype=np.float64) @ _REORIENT @ _THEIR_CAMERA_FROM_OURS
    world_from_camera[:3, 3] += isocentre_ras
    return np.asarray(np.linalg.inv(RAS_FROM_LPS @ world_from_camera))
