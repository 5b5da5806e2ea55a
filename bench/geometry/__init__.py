"""Rigid transforms, the six parameters, the C-arm camera, and converters to other tools' conventions."""

from bench.geometry.camera import Camera as Camera
from bench.geometry.camera import CameraError as CameraError
from bench.geometry.pose import PARAMETER_NAMES as PARAMETER_NAMES
from bench.geometry.pose import PoseFrame as PoseFrame
from bench.geometry.pose import StandardView as StandardView
from bench.geometry.pose import nominal_pose as nominal_pose
from bench.geometry.pose import parameters_of as parameters_of
from bench.geometry.pose import turned_view as turned_view
from bench.geometry.rig import Rig as Rig
from bench.geometry.rig import RigCamera as RigCamera
from bench.geometry.rig import RigError as RigError
from bench.geometry.rigid import Matrix as Matrix
from bench.geometry.rigid import compose as compose
from bench.geometry.rigid import invert as invert
from bench.geometry.rigid import is_rigid as is_rigid
from bench.geometry.rigid import require_all_rigid as require_all_rigid
from bench.geometry.rigid import require_rigid as require_rigid
from bench.geometry.rigid import rotation_angle_deg as rotation_angle_deg
from bench.geometry.rigid import rotation_angles_deg as rotation_angles_deg
from bench.geometry.rigid import transform_points as transform_points
