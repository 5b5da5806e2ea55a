"""What a case file can do: be rendered, be registered as a sequence, and stand alone."""

import csv
import json
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import tifffile

from bench.cli import main as cli
from bench.report.outlines import SILHOUETTE_COLOUR, outlined
from bench.xray.case import read_case

from .test_register_outputs import drr, frame_pose, write_frames
from .xray_files import QUARTER, SIZE, true_pose, write_case


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_case(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("view", [1, 2])
def test_render_shows_what_an_xray_of_the_case_shows(case: Path, monkeypatch: pytest.MonkeyPatch, view: int) -> None:
    """The case file holds the reference pose."""
    run(monkeypatch, "render", "--case", str(case), "--view", str(view), "--pose", str(case), "--out", "drr.tif")
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("drr.tif"))
    np.testing.assert_allclose(image, drr(true_pose() if view == 1 else QUARTER @ true_pose()), atol=1e-4)


def test_render_and_register_begin_at_one_pose(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AP stands about the centre of the content, whichever command asks."""
    for content in ("bone", "everything"):
        begin = ["--content", content, "--depth-mm", "650"]
        with suppress(SystemExit):  # the start is no answer, and not trusted
            run(monkeypatch, "register", "--case", str(case), "--start", "AP", *begin, "--method", "initial")
        start = Path("registration/registration.json")
        run(monkeypatch, "render", "--case", str(case), "--pose", "AP", *begin, "--out", "ap.tif")
        run(monkeypatch, "render", "--case", str(case), "--pose", str(start), *begin, "--out", "start.tif")
        ap, found = (SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(name)) for name in ("ap.tif", "start.tif"))
        np.testing.assert_allclose(ap, found, atol=1e-5)


def test_options_that_a_case_would_ignore_are_refused(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["register", "--case", str(case), "--start", "AP", "--depth-mm", "700"]
    assert "leave out --flip, --binning" in refused(monkeypatch, capsys, *words, "--flip", "none", "--binning", "2")
    assert "leave out --frame" in refused(monkeypatch, capsys, *words, "--frame", "3")
    assert "leave out --volume" in refused(monkeypatch, capsys, "render", "--case", str(case), "--volume", "ct.nii.gz")
    assert "--view must be 1 to 2" in refused(monkeypatch, capsys, "render", "--case", str(case), "--view", "3")
    assert "expected --volume CT, or --case FILE" in refused(monkeypatch, capsys, "render")


def test_an_empty_rendering_names_its_cause(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aside, behind = true_pose(), true_pose()
    aside[0, 3] += 900
    behind[2, 3] -= 5000
    for pose, said in ((aside, r"columns \d+ to \d+ and rows"), (behind, r"lies -\d+ to -\d+ mm before the source")):
        Path("pose.json").write_text(json.dumps({"rig_from_world": pose.tolist()}))
        run(monkeypatch, "render", "--case", str(case), "--pose", "pose.json")
        assert re.search(f"the rendering is empty: .*{said}", " ".join(capsys.readouterr().err.split()))


def test_a_case_is_registered_as_a_sequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case = write_case(tmp_path, views=1)
    write_frames(tmp_path, 3)
    case.write_text(case.read_text().replace('file = "view1.tif"', 'file = "run"'))
    Path("near.json").write_text(json.dumps({"rig_from_world": frame_pose(0).tolist()}))
    words = ["register", "--case", str(case), "--sequence", "--start", "near.json", "--content", "everything"]
    run(monkeypatch, *words, "--method", "opt_lm", "--search", "5", "5", "5", "7", "7", "20")
    with Path("registration/poses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == [f"{n:04d}-frame{n + 8}" for n in range(3)]
    shifts = [float(row["rig_from_world_03"]) - frame_pose(n)[0, 3] for n, row in enumerate(rows)]
    assert np.abs(shifts).max() < 4


def test_a_case_at_other_images_keeps_its_frames(case: Path) -> None:
    stack = np.stack([tifffile.imread("view1.tif")] * 2)
    tifffile.imwrite("two.tif", stack, photometric="minisblack")
    other = read_case(case).at([(Path("two.tif"), 1), (Path("view2.tif"), None)])
    assert [each.frame for each in other.tables.images] == [1, None]
    found, expected = other.views()[0].image, read_case(case).views()[0].image
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("side", [SIZE, 1800])
def test_outlines_of_large_images_are_seen_when_shrunk(side: int) -> None:
    """At a panel's width on a page, the silhouette still has its colour."""
    image = np.zeros((side, side), np.float32)
    image[side // 4 : side // 2, side // 4 : side // 2] = 1
    picture = outlined(np.zeros_like(image), image)
    step = max(1, side // 600)
    shrunk = picture[: side // step * step, : side // step * step].reshape(side // step, step, side // step, step, 3)
    rows = shrunk.mean(axis=(1, 3))[int(side * 0.3) // step]
    assert rows[:, 0].max() > 0.6 * SILHOUETTE_COLOUR[0]
