"""One registration of a user's own problem by one method, and what is reported of it; there is no truth."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Estimate, Method, Problem, prepare
from bench.geometry import Matrix, PoseFrame, require_rigid
from bench.geometry.converters.dicom import lost_by_dicom, to_dicom
from bench.geometry.converters.view import ConversionError
from bench.metrics.landmarks import landmark_errors
from bench.optimise.loop import watched
from bench.single.moving import prepared_once, surface_points
from bench.single.plausible import seen
from bench.single.problem import SingleError
from bench.xray.case_tables import ReferenceTable

# The default method, and the one that answers are checked by.
METHOD = "opt_sgc"
PARAMETERS = ("rx_deg", "ry_deg", "rz_deg", "tx_mm", "ty_mm", "tz_mm")
_AT_BOUND = 0.02


def _unwatched(done: int, most: int | None) -> None:
    """No progress is shown."""


def answer(
    problem: Problem,
    plugin: str,
    settings: dict[str, Any] | None = None,
    *,
    watch: Callable[[int, int | None], None] = _unwatched,
) -> Estimate:
    """Run a method in this process.

    Args:
        problem: With images.
        plugin: The method's name.
        settings: Of the method.
        watch: Called with how many poses have been evaluated, and how many will be at most (None where the method does
            not state ``max_evaluations``).

    Raises:
        FluorobenchError: No such method, or one that cannot take the problem.
    """
    method: Method = registry.build("methods", plugin, settings or {})
    if (reason := method.skip(problem)) is not None:
        raise SingleError(f"{plugin} cannot take this: {reason}")
    # What the default method prepares is the same whatever its settings, and checks search many times.
    prepared = (
        prepared_once(problem.volume)
        if plugin == METHOD
        else prepare(method, problem.volume, problem.views, problem.space)
    )
    most, done = getattr(method, "max_evaluations", None), 0

    def add(poses: int) -> None:
        nonlocal done
        done += poses
        watch(done, most)

    with watched(add):
        return method.register(problem, prepared)


def at_bounds(problem: Problem, pose: Matrix) -> list[str]:
    """Parameters that ended within 2 % of the search's half-widths of its bounds: the true pose may lie beyond."""
    from_nominal = problem.frame.parameters(pose)
    near = np.abs(from_nominal) > (1 - _AT_BOUND) * problem.search
    return [name for name, there in zip(PARAMETERS, near, strict=True) if there]


def described(problem: Problem, estimate: Estimate, plugin: str) -> dict[str, Any]:
    """The result of ``register``: pose in our convention and as DICOM angles, outcome of the search."""
    frame = problem.frame
    return {
        "method": plugin,
        "outcome": str(estimate.outcome),
        "rig_from_world": estimate.pose.tolist(),
        "theta_from_start": dict(
            zip(
                PARAMETERS,
                frame.parameters(estimate.pose).tolist(),
                strict=True,
            )
        ),
        "start": problem.start.tolist(),
        "centre_mm": problem.centre.tolist(),
        "similarity": estimate.trace.best_value[-1] if estimate.trace and estimate.trace.best_value else None,
        "drr_evaluations": estimate.drr_evaluations,
        "seconds": sum(estimate.seconds.values()),
        "content_seen": seen(problem, estimate.pose),
        "at_bounds": at_bounds(problem, estimate.pose),
        "dicom": positioner(problem, estimate.pose),
    }


def positioner(problem: Problem, pose: Matrix) -> dict[str, Any]:
    """DICOM positioner angles of the first view, and what they lose; or why there are none."""
    view = problem.views[0]
    camera_from_world = view.camera_from_rig @ pose
    try:
        header = to_dicom(view.camera, camera_from_world, isocentre=problem.centre)
        lost = lost_by_dicom(view.camera, camera_from_world, isocentre=problem.centre)
    except ConversionError as error:
        return {"absent": str(error)}
    return {
        "PositionerPrimaryAngle": header.primary_angle_deg,
        "PositionerSecondaryAngle": header.secondary_angle_deg,
        "DistanceSourceToPatient": header.source_to_patient_mm,
        "lost_in_plane_deg": lost.in_plane_deg,
        "lost_shift_mm": list(lost.shift_mm),
    }


def agreement(problem: Problem, pose: Matrix, reference: ReferenceTable | None) -> dict[str, dict[str, float]]:
    """MTRE (mm) to each reference there is; agreement, not accuracy."""
    if reference is None:
        return {}
    named = {"reference": reference.pose, "other reference": reference.other_pose}
    known = {name: require_rigid(each, name) for name, each in named.items() if each is not None}
    return {name: distance(problem, pose, each) for name, each in known.items()}


def distance(problem: Problem, first: Matrix, second: Matrix) -> dict[str, float]:
    """How far two poses move the content's surface, as the first view sees it."""
    points, view = surface_points(problem.volume), problem.views[0]
    errors = landmark_errors(first, second, points, view.camera, view.camera_from_rig)
    return {
        "mtre_mm": errors.mtre_mm,
        "mtre_in_plane_mm": errors.mtre_in_plane_mm,
        "mtre_depth_mm": errors.mtre_depth_mm,
        "mrpd_mm": errors.mrpd_mm,
    }


def frame_of(problem: Problem, pose: Matrix) -> PoseFrame:
    """The frame in which ``pose`` is theta = 0."""
    return PoseFrame(pose, problem.centre)
