"""The files that ``fluorobench register`` leaves."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import output

if TYPE_CHECKING:
    from bench.report.registration_page import Registered


def write_results(folder: Path, registered: "Registered", *, ct: Path, dicom: bool) -> None:
    """Write what one registration found: JSON, overlay and, where asked, DICOM."""
    from bench.files import write_text
    from bench.report.registration import registration_picture, write_picture
    from bench.single.spatial_registration import write_spatial_registration

    name = registered.name
    picture = registration_picture(registered.problem, registered.pose)
    written = [
        write_text(folder / f"{name}.json", json.dumps(registered.found, indent=1)),
        write_picture(folder / f"{name}.png", picture),
    ]
    if dicom:
        described = f"{name}: CT to X-ray"
        written.append(
            write_spatial_registration(folder / f"{name}.dcm", registered.pose, ct=ct, description=described)
        )
    for path in written:
        output.print(f"written: {path}", markup=False, soft_wrap=True)


def write_summary(folder: Path, registered: Sequence["Registered"]) -> None:
    """Write the table and the page of all registrations so far."""
    from bench.files import write_text
    from bench.report.registration_page import registration_page
    from bench.single.pose_table import pose_table

    title = f"Registration of {registered[0].problem.patient_id}"
    written = [
        write_text(folder / "poses.csv", pose_table([(each.name, each.found) for each in registered])),
        write_text(folder / "report.html", registration_page(registered, title)),
    ]
    for path in written:
        output.print(f"written: {path}", markup=False, soft_wrap=True)
