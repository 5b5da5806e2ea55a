"""Errors of a registration: of the pose and of landmarks. Plain numbers with their units in their names."""

from bench.metrics.errors import MetricError as MetricError
from bench.metrics.landmarks import LandmarkErrors as LandmarkErrors
from bench.metrics.landmarks import LandmarkPair as LandmarkPair
from bench.metrics.landmarks import all_landmark_errors as all_landmark_errors
from bench.metrics.landmarks import landmark_errors as landmark_errors
from bench.metrics.pose import PoseErrors as PoseErrors
from bench.metrics.pose import PosePair as PosePair
from bench.metrics.pose import all_pose_errors as all_pose_errors
from bench.metrics.pose import double_geodesic_mm as double_geodesic_mm
from bench.metrics.pose import pose_errors as pose_errors
