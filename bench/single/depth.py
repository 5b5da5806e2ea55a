"""How well one view determines depth: a shift along the beam changes the image by its magnification alone."""

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix, transform_points
from bench.single.moving import surface_points

# To which outlines of content and X-ray are told apart at the content, mm; see docs/how-to/own-xrays.md.
IN_PLANE_MM = 1.0


def depth_half_width(problem: Problem, pose: Matrix) -> float | None:
    """Half-width of the depth interval of an answer from one view, mm; None for several views.

    A shift dz at depth z moves a surface point at the lateral distance r from the content's middle by r dz / z in the
    plane of its middle. The interval holds the shifts that move the surface by ``IN_PLANE_MM`` (root mean square).

    Args:
        problem: Its first view is meant.
        pose: rig_from_world, 4x4, mm.
    """
    view, *others = problem.views
    if others:
        return None
    points = transform_points(view.camera_from_rig @ pose, surface_points(problem.volume))
    lateral = points[:, :2] - np.mean(points[:, :2], axis=0)
    radius = float(np.sqrt(np.square(lateral).sum(axis=1).mean()))
    return IN_PLANE_MM * float(points[:, 2].mean()) / max(radius, 1e-6)
