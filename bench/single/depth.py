"""How well views determine depth: a shift along the first beam shows by magnification, and in views from the side."""

import numpy as np

from bench.contract import Problem, View
from bench.geometry import Matrix, transform_points
from bench.single.moving import surface_points

# To which outlines of content and X-ray are told apart at the content, mm; see docs/how-to/own-xrays.md.
IN_PLANE_MM = 1.0
# Depth that is known to this counts as determined: of two views, beams that stand 20 degrees apart.
_DETERMINED_MM = 3.0


def measure(problem: Problem) -> str:
    """Which distance of ``bench.single.opinion.apart`` tells answers apart: views may leave depth open."""
    return "mrpd_mm" if leaves_depth_open(problem) else "mtre_mm"


def leaves_depth_open(problem: Problem) -> bool:
    """Whether the views determine depth badly: one view, or views that look along nearly the same beam."""
    return depth_half_width(problem, problem.start) > _DETERMINED_MM


def depth_half_width(problem: Problem, pose: Matrix) -> float:
    """Half-width of the depth interval of an answer, mm.

    A shift dz along the first view's beam through the content's middle moves a surface point at the lateral distance r
    from that beam and at depth z by r dz / z in the first view, and by dz sin(a) in a view whose beam makes the angle a
    with it. The interval holds the shifts that move the surface by ``IN_PLANE_MM`` (root mean square, across the beam)
    in every view.

    Args:
        problem: Its first view's beam is meant.
        pose: rig_from_world, 4x4, mm.
    """
    surface = transform_points(pose, surface_points(problem.volume))
    first = problem.views[0].camera_from_rig
    beam = transform_points(first, surface).mean(axis=0) @ first[:3, :3]
    seen = max(_across(view, surface, beam / np.linalg.norm(beam)) for view in problem.views)
    return IN_PLANE_MM / max(seen, 1e-6)


def _across(view: View, surface: Matrix, shift: Matrix) -> float:
    """Root mean square movement across a view's rays, mm, of the surface (n, 3; rig, mm) under a shift (3,) of 1 mm."""
    points = transform_points(view.camera_from_rig, surface)
    moved = view.camera_from_rig[:3, :3] @ shift
    depths = np.maximum(points[:, 2:], 1.0)
    across = moved[:2] - points[:, :2] / depths * moved[2]
    return float(np.sqrt(np.square(across).sum(axis=1).mean()))
