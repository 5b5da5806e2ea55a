"""The objective of classical registration: minus the similarity of the views and the volume rendered at a pose."""

from collections.abc import Sequence

import numpy as np
import torch

from bench.drr import AttenuationMap, project
from bench.geometry import Matrix, PoseFrame
from bench.optimise import Box, Vector
from bench.register.pyramid import LevelView
from bench.similarity import Similarity

# Poses that bring the content's box nearer to a source than this have no value: no plausible pose is there.
_NEAREST_MM = 10.0
# Larger batches are rendered in parts, so that a population at full resolution stays within memory.
_PIXELS_AT_ONCE = 1 << 22


class ViewObjective:
    """Minus the mean similarity of all views, over poses in scaled coordinates.

    All poses of a call are one projector call per view.
    """

    def __init__(
        self,
        views: Sequence[LevelView],
        *,
        attenuation: AttenuationMap,
        corners: Matrix,
        similarity: Similarity,
        frame: PoseFrame,
        box: Box,
    ) -> None:
        """Store the constants of one level.

        Args:
            views: The targets, at one level.
            attenuation: The moving volume.
            corners: (8, 3) world corners of its content, mm.
            similarity: Larger = more alike.
            frame: Of the six parameters.
            box: Scaled coordinates of the six parameters.
        """
        self._views, self._attenuation, self._similarity = tuple(views), attenuation, similarity
        self._corners = np.concatenate([corners, np.ones((len(corners), 1))], axis=1)
        self._frame, self._box = frame, box

    @property
    def view_count(self) -> int:
        """Rendered images per evaluation."""
        return len(self._views)

    def __call__(self, points: Vector) -> Vector:
        """Values (n,) of scaled poses (n, 6); smaller is better; NaN where the volume reaches a source."""
        poses = self._frame.pose(self._box.from_unit(points))
        total = sum(self._similarities(poses, view) for view in self._views)
        return np.asarray(-total / len(self._views), dtype=np.float64)

    def _similarities(self, poses: Matrix, view: LevelView) -> Vector:
        camera_from_world = view.camera_from_rig @ poses
        depth = camera_from_world[:, 2] @ self._corners.T
        sane = np.flatnonzero(depth.min(axis=1) > _NEAREST_MM)
        values = np.full(len(poses), np.nan)
        at_once = max(1, _PIXELS_AT_ONCE // view.fixed.numel())
        for first in range(0, len(sane), at_once):
            part = sane[first : first + at_once]
            values[part] = self._compare(camera_from_world[part], view)
        return values

    def _compare(self, camera_from_world: Matrix, view: LevelView) -> Vector:
        moving = project(self._attenuation, camera_from_world, view.camera)
        with torch.inference_mode():
            values = self._similarity(view.fixed, moving, view.valid)
        return np.asarray(values.double().cpu().numpy())
