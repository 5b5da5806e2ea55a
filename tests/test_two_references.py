"""A case with two references: the table tells agreement with both, and what lies below their difference."""

from pathlib import Path

import numpy as np
import pytest

from bench.cli import main as cli
from bench.geometry import PoseFrame
from bench.xray.case import read_case
from bench.xray.case_tables import CaseError

from .xray_files import bone, true_pose, write_case

PROTOCOL = """
name = "two-references"
title = "Agreement with two references"
seed = 1
[data]
dataset = "xray_case"
split = "test"
patients = 1
region = "whole"
target = "everything"
moving = "everything"
views = "VIEWS"
[data.settings]
case = "CASE"
[camera]
view = "AP"
sdd_mm = 1000.0
height = 96
width = 96
spacing_mm = 1.2
depth_mm = 700.0
[target]
real = true
search = [9.0, 9.0, 9.0, 9.0, 9.0, 9.0]
distribution = { kind = "uniform", width = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0] }
[start]
distribution = "near"
per_patient = 2
[start.distributions]
near = { kind = "uniform", about = "nominal", width = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0] }
[[methods]]
label = "Initial"
plugin = "initial"
[artefacts]
names = ["agreement"]
[profile.smoke]
"""


def with_other(folder: Path, shift: list[float]) -> Path:
    """The case, with a second reference moved in world axes of the first camera."""
    path = write_case(folder)
    other = PoseFrame(true_pose(), bone().content_centre()).pose([0, 0, 0, *shift])
    path.write_text(path.read_text() + f"\nother_pose = {other.tolist()}\n")
    return path


def run(case: Path, views: str, monkeypatch: pytest.MonkeyPatch) -> str:
    protocol = case.parent / "two.toml"
    protocol.write_text(PROTOCOL.replace("CASE", str(case)).replace("VIEWS", views))
    words = ["run", str(protocol), "--profile", "smoke", "--out", str(case.parent / "runs")]
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()
    (table,) = (case.parent / "runs").glob("two-references*/tables/agreement.md")
    return table.read_text()


def test_a_table_of_two_references_states_their_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = run(with_other(tmp_path, [3.0, 0.0, 4.0]), "all", monkeypatch)
    assert "median to the other reference (mm)" in table
    assert "apart by 5.00 mm (knee) mTRE" in table
    (row,) = (line for line in table.splitlines() if "Initial" in line)
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert [float(cell) for cell in cells[5:8]] == [0, 0, 0]
    assert [float(cell) for cell in cells[-2:]] == [3, 5]


def test_the_other_reference_is_turned_into_each_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth of the first view lies in the plane of the second, a quarter turn away."""
    table = run(with_other(tmp_path, [0.0, 0.0, 4.0]), "each", monkeypatch)
    in_plane = [float(line.strip("| ").split("|")[-2]) for line in table.splitlines() if "Initial" in line]
    np.testing.assert_allclose(in_plane, [0, 4], atol=0.01)


def test_one_reference_needs_no_second_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = run(write_case(tmp_path), "all", monkeypatch)
    assert "other reference" not in table


def test_an_other_pose_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write_case(tmp_path)
    path.write_text(path.read_text() + f"\nother_pose = {(2 * np.eye(4)).tolist()}\n")
    with pytest.raises(Exception, match=r"reference\.other_pose"):
        read_case(path).patient()


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_unconfirmed_reference_is_no_truth(tmp_path: Path, confirmed: bool) -> None:
    path = write_case(tmp_path)
    path.write_text(path.read_text() + f"\nconfirmed = {str(confirmed).lower()}\n")
    if confirmed:
        assert read_case(path).patient().acquisitions[0].reference is not None
    else:
        with pytest.raises(CaseError, match=r"did not agree.*confirmed = true"):
            read_case(path).patient()
