"""One registration outside any protocol: a case of one's own, one method, no truth."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Estimate, Method, Problem, View
from bench.errors import FluorobenchError, describe_error
from bench.geometry import Matrix, PoseFrame, StandardView, nominal_pose, require_rigid, transform_points
from bench.geometry.converters.dicom import lost_by_dicom, to_dicom
from bench.geometry.converters.view import ConversionError
from bench.metrics.landmarks import landmark_errors
from bench.optimise.loop import watched
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.landmarks import surface_landmarks
from bench.volume.region import crop_to_box, crop_to_label
from bench.xray.case import XrayCase
from bench.xray.case_tables import ReferenceTable, read_reference

HEADER = "header"


PARAMETERS = ("rx_deg", "ry_deg", "rz_deg", "tx_mm", "ty_mm", "tz_mm")
_AT_BOUND = 0.02


class SingleError(FluorobenchError):
    """A registration that cannot begin."""


def pose_problem(
    case: XrayCase,
    *,
    content: str = "bone",
    region: str = "whole",
    margin_mm: float = 4.0,
    box: Sequence[float] | None = None,
    start: str = HEADER,
    depth_mm: float | None = None,
    search: Sequence[float] = (15.0, 15.0, 15.0, 30.0, 30.0, 60.0),
    seed: int = 0,
) -> Problem:
    """The problem of a case: its nominal pose is its start.

    Args:
        case: CT and images.
        content: Of the CT: ``bone``, ``body``, ``everything`` or a label's name.
        region: Part of the CT: ``whole`` or a label's name, with ``margin_mm`` round it.
        margin_mm: See ``region``.
        box: Lower and upper corner (x, y, z, x, y, z), LPS mm, of the part of the CT to use; None = all of it.
        start: ``header`` (positioner angles), ``AP``, ``PA`` or ``LATERAL`` with ``depth_mm``, or a file that
            ``fluorobench register`` (JSON) or ``fluorobench reference`` (TOML) wrote.
        depth_mm: Source to the content's centre; with ``header``, in place of what it says.
        search: Half-widths about the start, degrees and mm.
        seed: Of the method's random numbers.

    Raises:
        FluorobenchError: Files that cannot be used, or a value that is missing.
    """
    if len(search) != 6 or min(search) < 0:
        raise SingleError(f"search needs six half-widths >= 0 (degrees x 3, mm x 3); got {list(search)}")
    whole = case.volume() if box is None else crop_to_box(case.volume(), box[:3], box[3:])
    volume = with_content(part_of(whole, region, margin_mm), content)
    centre = np.asarray(volume.content_centre())
    views = case.views()
    pose = starting_pose(case, start, centre, depth_mm)
    return Problem(
        case_id=case.id,
        patient_id=case.id,
        patient_hash=whole.fingerprint(),
        volume=volume,
        views=views,
        start=pose,
        nominal=pose,
        centre=centre,
        search=np.array(search, dtype=np.float64),
        seed=seed,
        moving=content,
    )


def part_of(volume: Volume, region: str, margin_mm: float) -> Volume:
    """The CT, or the box of one of its labels with a margin."""
    return volume if region == "whole" else crop_to_label(volume, region, margin_mm)


def starting_pose(case: XrayCase, start: str, centre: Matrix, depth_mm: float | None) -> Matrix:
    """rig_from_world that ``start`` names; see ``pose_problem``."""
    if start in StandardView.__members__:
        if depth_mm is None:
            raise SingleError(f"--start {start} needs the distance from the source to the volume: say --depth-mm")
        return nominal_pose(StandardView[start], centre, depth_mm)
    if start == HEADER:
        try:
            return case.nominal(centre, depth_mm=depth_mm)
        except FluorobenchError as error:
            raise SingleError(
                f"{error}; or say --start AP, PA, LATERAL (with --depth-mm) or a file of a pose"
            ) from None
    return read_pose(Path(start))


def read_pose(path: Path) -> Matrix:
    """rig_from_world of a file that ``register`` (JSON) or ``reference`` (TOML) wrote.

    Raises:
        SingleError: No such file, or no pose in it.
    """
    if path.suffix == ".toml":
        return require_rigid(read_reference(path).pose, f"{path}: reference.pose")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return require_rigid(content["rig_from_world"], f"{path}: rig_from_world")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SingleError(
            f"{path}: expected header, AP, PA, LATERAL, or a .json or .toml file with a pose; {describe_error(error)}"
        ) from None


def _unwatched(done: int, most: int | None) -> None:
    """Nobody watches."""


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
        watch: Told how many poses have been evaluated, and how many will be at most (None where the method does not
            say so as ``max_evaluations``).

    Raises:
        FluorobenchError: No such method, or one that cannot take the problem.
    """
    method: Method = registry.build("methods", plugin, settings or {})
    if (reason := method.skip(problem)) is not None:
        raise SingleError(f"{plugin} cannot take this: {reason}")
    prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
    most, done = getattr(method, "max_evaluations", None), 0

    def add(poses: int) -> None:
        nonlocal done
        done += poses
        watch(done, most)

    with watched(add):
        return method.register(problem, prepared)


def seen(problem: Problem, pose: Matrix) -> list[float]:
    """Share of the content's surface that each view's image shows at a pose, in [0, 1]; its border does not count."""
    points = surface_landmarks(problem.volume, fewer=True)
    return [_shown(view, transform_points(view.camera_from_rig @ pose, points)) for view in problem.views]


def at_bounds(problem: Problem, pose: Matrix) -> list[str]:
    """Parameters that ended within 2 % of the search's half-widths of its bounds: the true pose may lie beyond."""
    from_nominal = problem.frame.parameters(pose)
    near = np.abs(from_nominal) > (1 - _AT_BOUND) * problem.search
    return [name for name, there in zip(PARAMETERS, near, strict=True) if there]


def _shown(view: View, points: Matrix) -> float:
    camera = view.camera
    pixels = np.rint(camera.project(points))
    inside = (points[:, 2] > 0) & ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)
    if view.valid is not None:
        columns, rows = pixels[inside].astype(int).T
        inside[inside] = view.valid[rows, columns]
    return float(inside.mean())


def described(problem: Problem, estimate: Estimate, plugin: str) -> dict[str, Any]:
    """What ``register`` writes down: pose in our convention, in DICOM's words, how the search went."""
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
    points, view = surface_landmarks(problem.volume, fewer=True), problem.views[0]
    errors = landmark_errors(first, second, points, view.camera, view.camera_from_rig)
    return {
        "mtre_mm": errors.mtre_mm,
        "mtre_in_plane_mm": errors.mtre_in_plane_mm,
        "mtre_depth_mm": errors.mtre_depth_mm,
    }


def frame_of(problem: Problem, pose: Matrix) -> PoseFrame:
    """The frame in which ``pose`` is theta = 0."""
    return PoseFrame(pose, problem.centre)
