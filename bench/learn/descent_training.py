"""Shared by trainings of learnt distances: starts of descents, and the errors that remain after a descent."""

from collections.abc import Sequence

import numpy as np

from bench.geometry import Matrix, rotation_angle_deg
from bench.learn.source import Problems


def offsets(problems: Problems, widths: Sequence[float] | Matrix, *, nearest: float, farthest: float) -> Matrix:
    """Offsets (B, 6) from the truths, in the units of a ``PoseChart``, drawn from the problems' random numbers.

    Args:
        problems: B of them.
        widths: Standard deviations, (6,).
        nearest: Each offset is multiplied by a number drawn uniformly from here ...
        farthest: ... to here, so that the last steps of a registration are trained too.
    """
    count = len(problems.truth)
    factor = problems.random.uniform(nearest, farthest, size=(count, 1))
    drawn: Matrix = factor * problems.random.normal(size=(count, 6)) * np.asarray(widths)
    return drawn


def descent_errors(problems: Problems, number: int, pose: Matrix) -> Matrix:
    """(3,): rotation (degrees), displacement of the centre in the image's plane and along the beam (mm)."""
    truth, centre = problems.truth_pose[number], problems.patient.frame.centre
    shift = (pose[:3, :3] @ centre + pose[:3, 3]) - (truth[:3, :3] @ centre + truth[:3, 3])
    return np.array([rotation_angle_deg(pose, truth), np.hypot(shift[0], shift[1]), abs(shift[2])])


def descent_figures(before: Matrix, after: Matrix) -> dict[str, float]:
    """Held-out figures: mean ``descent_errors`` (N, 3) after and before, and the share better in rotation and plane."""
    names = ("rotation_deg", "in_plane_mm", "depth_mm")
    better = np.all(after[:, :2] < before[:, :2], axis=1)
    return {
        **{name: float(after[:, at].mean()) for at, name in enumerate(names)},
        **{f"start_{name}": float(before[:, at].mean()) for at, name in enumerate(names)},
        "share_better": float(better.mean()),
    }
