"""The problem of a user's own CT and X-rays."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases.prepare import region_of
from bench.contract import Problem
from bench.errors import FluorobenchError, describe_error
from bench.geometry import Matrix, StandardView, nominal_pose, require_rigid
from bench.single.plausible import require_possible
from bench.text import parse_json, read_text
from bench.volume import Volume
from bench.volume.content import require_visible, with_content
from bench.volume.region import crop_to_box
from bench.xray.case import XrayCase
from bench.xray.case_tables import read_reference

HEADER = "header"
CALIBRATION = "calibration"


class SingleError(FluorobenchError):
    """A registration that cannot begin."""


def build_problem(
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
        region: Part of the CT: ``whole``, ``lumbar`` or a label's name, with ``margin_mm`` round it.
        margin_mm: See ``region``.
        box: Lower and upper corner (x, y, z, x, y, z), LPS mm, of the part of the CT to use; None = all of it.
        start: ``header`` (positioner angles), ``AP``, ``PA`` or ``LATERAL`` with ``depth_mm``, ``calibration`` (of a
            kind that states poses in the CT's own coordinates), or a file that ``fluorobench start`` or ``register``
            (JSON) or ``fluorobench reference`` (TOML) wrote.
        depth_mm: Source to the content's centre; with ``header``, in place of the header's value.
        search: Half-widths about the start, degrees and mm.
        seed: Of the method's random numbers.

    Raises:
        FluorobenchError: Files that cannot be used, or a value that is missing.
    """
    if len(search) != 6 or min(search) < 0:
        raise SingleError(f"search needs six half-widths >= 0 (degrees x 3, mm x 3); got {list(search)}")
    ct = case.volume()
    whole = ct if box is None else crop_to_box(ct, box[:3], box[3:])
    volume = replace(content_of(whole, content=content, region=region, margin_mm=margin_mm), whole=ct)
    centre = np.asarray(volume.content_centre())
    views = case.views()
    pose = starting_pose(case, start, centre, depth_mm)
    problem = Problem(
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
    require_possible(problem)
    return problem


def content_of(
    whole: Volume, *, content: str, region: str, margin_mm: float, box: Sequence[float] | None = None
) -> Volume:
    """The part of a CT that is rendered and registered; AP, PA and LATERAL stand about its centre.

    Args:
        whole: The CT.
        content: See ``build_problem``, as the others.
        region: Part of the CT.
        margin_mm: Round it.
        box: Of the part of the CT to use, LPS mm; None = all of it.

    Raises:
        VolumeError: No such content, or one that shows nothing.
    """
    part = whole if box is None else crop_to_box(whole, box[:3], box[3:])
    volume = with_content(region_of(part, region, margin_mm), content)
    require_visible(volume)
    return volume


def starting_pose(case: XrayCase, start: str, centre: Matrix, depth_mm: float | None) -> Matrix:
    """rig_from_world that ``start`` names; see ``build_problem``."""
    if start in StandardView.__members__:
        if depth_mm is None:
            raise SingleError(f"--start {start} needs the distance from the source to the volume: give --depth-mm")
        return nominal_pose(StandardView[start], centre, depth_mm)
    if start == HEADER:
        try:
            return case.nominal(centre, depth_mm=depth_mm)
        except FluorobenchError as error:
            raise SingleError(
                f"{error}; or give --start AP, PA, LATERAL (with --depth-mm) or a file of a pose"
            ) from None
    if start == CALIBRATION:
        calibrated = case.calibrated_pose()
        if calibrated is None:
            raise SingleError(
                "--start calibration needs a calibration that gives a pose (projection matrix, detector corners, "
                "fiducials or Autoscoper text) in the CT's coordinates; this one gives the camera alone"
            )
        return calibrated
    return read_pose(Path(start))


def read_pose(path: Path) -> Matrix:
    """rig_from_world of a file that ``register`` (JSON) or ``reference`` (TOML) wrote.

    Raises:
        SingleError: No such file, or no pose in it.
    """
    if path.suffix == ".toml":
        return require_rigid(read_reference(path).pose, f"{path}: reference.pose")
    try:
        content: dict[str, Any] = parse_json(read_text(path))
        return require_rigid(content["rig_from_world"], f"{path}: rig_from_world")
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise SingleError(
            f"{path}: expected header, calibration, AP, PA, LATERAL, or a .json or .toml file with a pose; "
            f"{describe_error(error)}"
        ) from None
