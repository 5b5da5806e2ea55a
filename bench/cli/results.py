"""The files that ``fluorobench register`` and ``reference`` leave: the answer first, then pictures of it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.console import output, print_line
from bench.errors import describe_error

if TYPE_CHECKING:
    from bench.contract import Problem
    from bench.geometry import Matrix
    from bench.report.registration_page import Registered


def write_pose(folder: Path, name: str, pose: "Matrix", *, method: str) -> None:
    """Write the bare pose, which ``--start`` reads, as soon as the search has found it.

    ``write_results`` overwrites the file with the whole description; should that fail, an hour's answer is not lost.
    """
    from bench.files import write_text

    found = {"method": method, "rig_from_world": pose.tolist()}
    write_text(folder / f"{name}.json", json.dumps(found, indent=1))


def write_found(folder: Path, name: str, found: dict[str, Any]) -> None:
    """Write what was found as JSON."""
    from bench.files import write_text

    _tell(write_text(folder / f"{name}.json", json.dumps(found, indent=1)))


def write_results(folder: Path, registered: "Registered", *, ct: Path, series: str | None, dicom: bool) -> None:
    """Write what one registration found: JSON, and DICOM where asked."""
    from bench.single.spatial_registration import write_spatial_registration

    name, pose = registered.name, registered.pose
    write_found(folder, name, registered.found)
    if dicom:
        described = f"{name}: CT to X-ray"
        written = write_spatial_registration(folder / f"{name}.dcm", pose, ct=ct, series=series, description=described)
        _tell(written)


def write_overlay(folder: Path, name: str, problem: "Problem", pose: "Matrix") -> None:
    """Write the picture of a pose; where it cannot be made, a warning stands for it."""
    from bench.report.registration import registration_picture, write_picture

    _picture(lambda: write_picture(folder / f"{name}.png", registration_picture(problem, pose)), "overlay")


def write_summary(folder: Path, registered: Sequence["Registered"]) -> None:
    """Write the table and the page of all registrations so far."""
    from bench.files import write_text
    from bench.report.registration_page import registration_page
    from bench.single.pose_table import pose_table

    title = f"Registration of {registered[0].problem.patient_id}"
    _tell(write_text(folder / "poses.csv", pose_table([(each.name, each.found) for each in registered])))
    _picture(lambda: write_text(folder / "report.html", registration_page(registered, title)), "report page")


def _picture(write: Callable[[], Path], what: str) -> None:
    """Write a picture of an answer that is on the disk already; an error is a warning, and the command continues."""
    try:
        written = write()
    except Exception as error:
        print_line(f"warning: no {what}: {type(error).__name__}: {describe_error(error)}; the pose itself is written")
    else:
        _tell(written)


def _tell(written: Path) -> None:
    output.print(f"written: {written}", markup=False, soft_wrap=True)
