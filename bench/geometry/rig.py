"""Rigs: several cameras with fixed relative poses, such as a biplane C-arm.

The unknown of a registration is rig_from_world; every camera is fixed to the rig by its own camera_from_rig. The rig's
frame is the first camera's unless stated otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.errors import FluorobenchError
from bench.geometry.camera import Camera
from bench.geometry.pose import StandardView, nominal_pose
from bench.geometry.rigid import Matrix, invert, require_rigid, transform_points


class RigError(FluorobenchError):
    """An invalid rig."""


@dataclass(frozen=True, slots=True, eq=False)
class RigCamera:
    """One camera of a rig.

    Attributes:
        camera: Its intrinsics.
        camera_from_rig: Its pose in the rig, 4x4, mm; the identity for the camera that defines the rig.
    """

    camera: Camera
    camera_from_rig: Matrix

    def __post_init__(self) -> None:
        require_rigid(self.camera_from_rig, "camera_from_rig")


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """Cameras that move together.

    Attributes:
        cameras: One or more.
    """

    cameras: tuple[RigCamera, ...]

    def __post_init__(self) -> None:
        if not self.cameras:
            raise RigError("a rig needs at least one camera; got none")

    @classmethod
    def from_calibrations(cls, cameras: Sequence[Camera], camera_from_world: Sequence[Matrix]) -> "Rig":
        """Build the rig of cameras that were calibrated one by one in a common world; the first camera is the rig.

        Args:
            cameras: Intrinsics, one a view.
            camera_from_world: Calibrations in the same order, 4x4 each, mm. "World" is the calibration's, not a CT's.

        Raises:
            RigError: The two lists differ in length or are empty.
            NotRigidError: A calibration is no rigid transform.
        """
        if len(cameras) != len(camera_from_world):
            raise RigError(
                f"every camera needs a calibration; got {len(cameras)} cameras, {len(camera_from_world)} calibrations"
            )
        poses = [require_rigid(pose, f"calibration of camera {i}") for i, pose in enumerate(camera_from_world)]
        if not poses:
            raise RigError("a rig needs at least one camera; got none")
        first = RigCamera(cameras[0], np.eye(4))
        world_from_rig = invert(poses[0])
        rest = zip(cameras[1:], poses[1:], strict=True)
        return cls((first, *(RigCamera(camera, pose @ world_from_rig) for camera, pose in rest)))

    @classmethod
    def biplane(cls, frontal: Camera, lateral: Camera, depth_mm: float) -> "Rig":
        """An AP and a lateral camera whose axes cross at the point ``depth_mm`` from both sources.

        The rig is the AP camera: ``nominal_pose(StandardView.AP, c, depth_mm)`` puts c on the crossing.
        """
        origin = np.zeros(3)
        views = (StandardView.AP, StandardView.LATERAL)
        return cls.from_calibrations([frontal, lateral], [nominal_pose(view, origin, depth_mm) for view in views])

    def camera_poses(self, rig_from_world: Matrix) -> Matrix:
        """camera_from_world of every camera, (n, 4, 4), mm."""
        return np.stack([member.camera_from_rig @ rig_from_world for member in self.cameras])

    def project(self, rig_from_world: Matrix, points_world: ArrayLike) -> Matrix:
        """Pixels (column, row) of world points (..., 3) in every camera: (n, ..., 2)."""
        poses = self.camera_poses(rig_from_world)
        members = zip(self.cameras, poses, strict=True)
        return np.stack([member.camera.project(transform_points(pose, points_world)) for member, pose in members])
