"""The six pose parameters and the frame they are measured in.

theta = (rx, ry, rz in degrees; tx, ty, tz in mm) places the volume before a standing camera:

    x_cam = Rx(rx) Ry(ry) Rz(rz) R_view (x_world - c) + (tx, ty, D + tz)        (SOPI eq. 2 and 3)

World is the CT's patient frame (LPS, mm); the camera is OpenCV's (x right, y down, z from source to detector). c is the
rotation centre, a world point. theta = 0 is the nominal pose, so a frame is known by its nominal pose and c.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry.rigid import Matrix, angles_from_rotation, compose, rotation_from_angles

PARAMETER_NAMES = ("rx", "ry", "rz", "tx", "ty", "tz")


class StandardView(Enum):
    """Named C-arm views; the value is R_view, whose rows are the camera's axes in LPS."""

    AP = ((1, 0, 0), (0, 0, -1), (0, 1, 0))
    PA = ((-1, 0, 0), (0, 0, -1), (0, -1, 0))
    LATERAL = ((0, 1, 0), (0, 0, -1), (-1, 0, 0))

    @property
    def rotation(self) -> Matrix:
        """R_view, 3x3."""
        return np.array(self.value, dtype=np.float64)


def nominal_pose(view: StandardView, centre: ArrayLike, depth_mm: float) -> Matrix:
    """camera_from_world that puts the world point ``centre`` on the axis, ``depth_mm`` from the source."""
    offset = np.array([0.0, 0.0, depth_mm])
    return compose(view.rotation, offset - view.rotation @ np.asarray(centre, dtype=np.float64))


def turned_view(turn_deg: float, depth_mm: float) -> Matrix:
    """camera_from_rig (4x4, mm) of a C-arm that was turned from the rig's first view, about the image's vertical axis.

    Args:
        turn_deg: From the nominal AP pose 90 degrees lead to the nominal LATERAL one, 180 to the nominal PA one.
        depth_mm: From the source to the axis that it turns about.
    """
    turn, axis = rotation_from_angles((0.0, turn_deg, 0.0)), np.array([0.0, 0.0, depth_mm])
    return compose(turn, axis - turn @ axis)


@dataclass(frozen=True, slots=True, eq=False)
class PoseFrame:
    """Where theta is measured from.

    Attributes:
        nominal: rig_from_world at theta = 0, 4x4, mm.
        centre: The rotation centre c, a world point, mm.
    """

    nominal: Matrix
    centre: Matrix

    @property
    def centre_in_rig(self) -> Matrix:
        """C seen from the rig at theta = 0: (0, 0, D) for the standard views."""
        return self.nominal[:3, :3] @ self.centre + self.nominal[:3, 3]

    def pose(self, theta: ArrayLike) -> Matrix:
        """rig_from_world (4x4, mm) of six parameters, or of a batch (..., 6) of them."""
        parameters = np.asarray(theta, dtype=np.float64)
        rotations = rotation_from_angles(parameters[..., :3].reshape(-1, 3)).reshape(*parameters.shape[:-1], 3, 3)
        poses: Matrix = np.zeros((*parameters.shape[:-1], 4, 4))
        poses[..., :3, :3] = rotations @ self.nominal[:3, :3]
        poses[..., :3, 3] = self.centre_in_rig + parameters[..., 3:] - poses[..., :3, :3] @ self.centre
        poses[..., 3, 3] = 1.0
        return poses

    def parameters(self, pose: Matrix) -> Matrix:
        """The six parameters (degrees, mm) of a rig_from_world transform."""
        angles = angles_from_rotation(pose[:3, :3] @ self.nominal[:3, :3].T)
        moved_centre = pose[:3, :3] @ self.centre + pose[:3, 3]
        return np.concatenate([angles, moved_centre - self.centre_in_rig])


def parameters_of(frames: Sequence[PoseFrame], poses: Matrix) -> Matrix:
    """The six parameters (n, 6) of poses (n, 4, 4), each in its own frame; see ``PoseFrame.parameters``."""
    nominals = np.array([frame.nominal for frame in frames]).reshape(-1, 4, 4)
    centres = np.array([frame.centre for frame in frames]).reshape(-1, 3, 1)
    angles = angles_from_rotation(poses[:, :3, :3] @ nominals[:, :3, :3].swapaxes(1, 2))
    shifts = (poses[:, :3, :3] @ centres + poses[:, :3, 3:]) - (nominals[:, :3, :3] @ centres + nominals[:, :3, 3:])
    return np.concatenate([angles, shifts[..., 0]], axis=1)
