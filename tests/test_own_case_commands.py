"""register, render, reference and info on a small case with X-rays on disk."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import SimpleITK
import tifffile

from bench.cli import main as cli
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame, StandardView, nominal_pose, rotation_angle_deg
from bench.geometry.converters.view import ConversionError
from bench.register import Level
from bench.report.registration import checkerboard
from bench.single.answer import answer
from bench.single.problem import build_problem
from bench.single.reference import find_reference
from bench.xray.case import read_case

from .test_xray_read import write_dicom
from .xray_files import SDD, SIZE, SPACING, bone, true_pose, write_case, xray

NEAR = ["--depth-mm", "700", "--start", "AP", "--search", "8", "8", "8", "10", "10", "15"]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_case(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def untrusted(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 3


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fluorobench:")]
    assert len(lines) == 1
    return lines[0]


def test_register_finds_the_pose_of_a_case(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "register", "--case", str(case), *NEAR, "--out", "found")
    found = json.loads((case.parent / "found" / "registration.json").read_text())
    assert rotation_angle_deg(np.array(found["rig_from_world"]), true_pose()) < 1
    assert found["agreement"]["reference"]["mtre_mm"] < 1
    assert {"PositionerPrimaryAngle", "lost_in_plane_deg"} <= set(found["dicom"])
    with PIL.Image.open(case.parent / "found" / "registration.png") as picture:
        width, height = picture.size
        assert width % 3 == 0
        assert 480 < height <= 2 * 5 * SIZE
    assert found["content_seen"] == [1, 1]
    assert found["at_bounds"] == []
    assert found["verdict"]["trust"] == "trusted"
    assert found["verdict"]["check"]["agreed"]
    printed = capsys.readouterr().out
    assert "beyond the image" not in printed
    assert "agreement with the reference (not accuracy)" in printed
    assert "lossy" in printed
    assert "verdict: TRUSTED" in printed


def test_a_pose_that_dicom_cannot_say_is_printed_and_written(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unsayable(*_: object, **__: object) -> None:
        raise ConversionError("no such angles")

    monkeypatch.setattr("bench.single.answer.to_dicom", unsayable)
    run(monkeypatch, "register", "--case", str(case), *NEAR, "--method", "initial", "--no-check", "--out", "found")
    assert "no DICOM positioner angles: no such angles" in capsys.readouterr().out
    assert (case.parent / "found" / "registration.json").is_file()


def test_info_of_a_protocol_prints_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "info", "sopi-sim")
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("SOPI Table 1", "smoke, quick, controls, full", "Opt-GC", "opt_gc"))


def test_register_by_words_asks_for_what_is_missing(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["register", "--volume", "ct.nii.gz", "--xray", "view1.tif"]
    known = ["--flip", "none", "--sdd-mm", str(SDD), "--spacing-mm", str(SPACING)]
    assert "give spacing_mm" in refused(monkeypatch, capsys, *words, "--flip", "none", "--start", "AP")
    assert "give flip" in refused(monkeypatch, capsys, *words, "--spacing-mm", "1", "--sdd-mm", "900")
    assert "give --start AP" in refused(monkeypatch, capsys, *words, *known)
    assert "give --depth-mm" in refused(monkeypatch, capsys, *words, *known, "--start", "AP")
    assert "--volume CT --xray IMAGE" in refused(monkeypatch, capsys, "register", "--volume", "ct.nii.gz")
    assert "leave out" in refused(monkeypatch, capsys, *words, "--case", str(case))
    assert "did you mean 'initial'" in refused(monkeypatch, capsys, *words, "--method", "initail")
    assert "complete camera" in refused(monkeypatch, capsys, *words, "--calibration", "cam.txt", "--sdd-mm", "9")
    assert "2 images, 1 of --calibration" in refused(
        monkeypatch, capsys, *words, "--xray", "b.tif", "--calibration", "cam.txt"
    )
    run(monkeypatch, *words, *known, "--start", "AP", "--depth-mm", "700", "--method", "initial", "--no-check")
    found = json.loads((case.parent / "registration" / "registration.json").read_text())
    assert found["theta_from_start"]["rx_deg"] == pytest.approx(0, abs=1e-9)


def test_register_tells_when_the_content_leaves_the_image(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    centre = bone().content_centre()
    aside = PoseFrame(true_pose(), centre).pose([0, 0, 0, 40, 0, 0])
    (case.parent / "aside.json").write_text(json.dumps({"rig_from_world": aside.tolist()}))
    run(monkeypatch, "register", "--case", str(case), "--start", "aside.json", "--method", "initial", "--no-check")
    shares = json.loads((case.parent / "registration" / "registration.json").read_text())["content_seen"]
    assert 0.1 < shares[0] < 0.9
    printed = capsys.readouterr().out
    assert f"view 1: {100 * (1 - shares[0]):.0f} % of the content's surface lies beyond the image" in printed


def test_pixels_that_are_no_numbers_are_one_line(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tifffile.imread(case.parent / "view2.tif").astype(np.float32)
    image[3, 4] = np.nan
    tifffile.imwrite(case.parent / "view2.tif", image, photometric="minisblack")
    words = ("register", "--case", str(case), "--start", "AP", "--depth-mm", "700", "--method", "initial", "--no-check")
    assert "view2.tif" in refused(monkeypatch, capsys, *words)
    assert not (case.parent / "registration").exists()


def test_register_does_not_trust_a_pose_at_the_bounds(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = ("--search", "0.5", "0.5", "0.5", "0.5", "0.5", "0.5")
    aside = PoseFrame(true_pose(), bone().content_centre()).pose([0, 0, 0, 8, 0, 0])
    (case.parent / "aside.json").write_text(json.dumps({"rig_from_world": aside.tolist()}))
    words = ("register", "--case", str(case), "--start", "aside.json", "--method", "opt_gc", *narrow, "--no-check")
    untrusted(monkeypatch, *words)
    found = json.loads((case.parent / "registration" / "registration.json").read_text())
    assert "tx_mm" in found["at_bounds"]
    assert found["verdict"]["trust"] == "not trusted"
    assert "ended at the bounds of the search" in found["verdict"]["reasons"][0]
    assert "verdict: NOT TRUSTED" in capsys.readouterr().out


def test_a_search_is_watched_up_to_the_count_it_states(case: Path) -> None:
    problem = build_problem(read_case(case), start="AP", depth_mm=700.0, search=(5, 5, 5, 5, 5, 5))
    level = Level(size=24, population=6, generations=3)
    told = list[tuple[int, int | None]]()
    answer(problem, "opt_gc", {"levels": [level], "restarts": 1}, watch=lambda done, most: told.append((done, most)))
    assert told[-1] == (18, 18)


def turn_once(monkeypatch: pytest.MonkeyPatch, pose: Matrix) -> None:
    """One turned restart, by 180 degrees, instead of all: each is a search."""

    def once(*_: object) -> list[tuple[str, Matrix]]:
        return [("180 degrees", pose @ np.diag([-1.0, -1.0, 1.0, 1.0]))]

    monkeypatch.setattr("bench.single.reference.turned", once)


def test_reference_goes_on_from_its_journal(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = build_problem(read_case(case), start="AP", depth_mm=700.0, search=(8, 8, 8, 10, 10, 15))
    journal = case.parent / "starts.jsonl"
    turn_once(monkeypatch, problem.start)
    first = find_reference(problem, starts=2, journal=journal)
    assert len(journal.read_text().splitlines()) == 5

    def ran(*_: object) -> None:
        pytest.fail("ran again")

    monkeypatch.setattr("bench.single.opinion.answer", ran)
    again = find_reference(problem, starts=2, journal=journal)
    np.testing.assert_array_equal(again.second.pose, first.second.pose)
    assert again.uncertainty == first.uncertainty
    whole = journal.read_text()
    journal.write_text(whole + whole[:30])  # killed while it wrote
    find_reference(problem, starts=2, journal=journal)
    assert journal.read_text() == whole
    for other in ("something else\n", "something else"):
        journal.write_text(other)
        with pytest.raises(FluorobenchError, match="not a journal of this command"):
            find_reference(problem, starts=2, journal=journal)
        assert journal.read_text() == other


def test_reference_writes_what_a_case_may_name(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn_once(monkeypatch, true_pose())
    run(monkeypatch, "reference", str(case), *NEAR, "--starts", "3", "--out", "ref")
    found = json.loads((case.parent / "ref" / "reference.json").read_text())
    assert found["agreement"]["reference"]["mtre_mm"] < 1
    assert found["confirmed"]
    for key, value in found["uncertainty"].items():
        assert value == max(
            each[key] for each in (found["between"], *(found[n]["spread"] for n in ("first", "second")))
        )
    text = case.read_text().partition("[reference]")[0]
    case.write_text('reference_file = "ref/reference.toml"\n' + text)
    start = ["--start", "ref/reference.toml", "--method", "initial", "--no-check", "--out", "again"]
    run(monkeypatch, "register", "--case", str(case), *start)
    again = json.loads((case.parent / "again" / "registration.json").read_text())["agreement"]
    assert again["reference"]["mtre_mm"] == pytest.approx(0, abs=1e-6)
    assert again["other reference"]["mtre_mm"] == pytest.approx(found["between"]["mtre_mm"], abs=1e-6)


def test_reference_needs_a_spread(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "at least 2 starts" in refused(monkeypatch, capsys, "reference", str(case), *NEAR, "--starts", "1")


@pytest.mark.parametrize("ending", [".png", ".tif", ".nii.gz"])
def test_render_writes_what_the_xray_shows(case: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    (case.parent / "pose.json").write_text(json.dumps({"rig_from_world": true_pose().tolist()}))
    size = ["--size", str(SIZE), "--spacing-mm", str(SPACING), "--sdd-mm", str(SDD)]
    out = f"drr{ending}"
    run(monkeypatch, "render", "--volume", "ct.nii.gz", "--pose", "pose.json", *size, "--out", out)
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(case.parent / out)))
    xray = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(case.parent / "view1.tif")))
    expected = -np.log(xray / 60000)
    if ending == ".png":
        expected = np.rint(255 * expected / expected.max())
    np.testing.assert_allclose(np.squeeze(image), expected, atol=1 if ending == ".png" else 1e-3)


def test_render_says_what_it_cannot_do(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["render", "--volume", "ct.nii.gz"]
    assert "--out must end in .png" in refused(monkeypatch, capsys, *words, "--out", "x.jpg")
    assert "nothing.json" in refused(monkeypatch, capsys, *words, "--pose", "nothing.json")
    assert "none.nii" in refused(monkeypatch, capsys, "render", "--volume", "none.nii")


def test_info_tells_what_an_image_lacks(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "info", "view1.tif")
    printed = capsys.readouterr().out
    assert f"{SIZE} x {SIZE}" in printed
    assert "whether it is mirrored: give --flip" in printed
    assert "give --sdd-mm (sdd_mm)" in printed
    (case.parent / "broken.png").write_text("no image")
    assert "broken.png" in refused(monkeypatch, capsys, "info", "broken.png")


def test_checkerboard_takes_tiles_in_turn() -> None:
    target, moving = np.zeros((24, 24), np.float32), np.zeros((24, 24), np.float32)
    target[:, ::2], moving[::2] = 1, 1
    board = checkerboard(target, moving)
    np.testing.assert_array_equal(board[:2, :2, 0], [[0, 0], [0, 0]] if target[0, 0] == 0 else [[1, 0], [1, 0]])
    np.testing.assert_array_equal(board[:2, 2:4, 0], [[1, 1], [0, 0]])


HEADER = {
    "Modality": "XA",
    "DistanceSourceToDetector": str(SDD),
    "DistanceSourceToPatient": "700",
    "ImagerPixelSpacing": f"{SPACING}\\{SPACING}",
    "PositionerPrimaryAngle": "180",  # the source before the patient: AP
    "PositionerSecondaryAngle": "0",
    "FieldOfViewRotation": "0",
    "FieldOfViewHorizontalFlip": "NO",
    "PixelIntensityRelationship": "LIN",
    "PixelIntensityRelationshipSign": "1",
}


def test_register_a_dicom_xray_from_its_header_alone(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(case.parent / "xa.dcm", HEADER, xray(np.eye(4)))
    words = ["register", "--volume", "ct.nii.gz", "--content", "everything", "--method", "initial", "--no-check"]
    run(monkeypatch, *words, "--xray", "xa.dcm")
    found = json.loads((case.parent / "registration" / "registration.json").read_text())
    expected = nominal_pose(StandardView.AP, bone().content_centre(), 700.0)
    np.testing.assert_allclose(found["start"], expected, atol=1e-9)
    assert found["dicom"]["DistanceSourceToPatient"] == pytest.approx(700)
    assert abs(found["dicom"]["PositionerPrimaryAngle"]) == pytest.approx(180)
    without = {name: value for name, value in HEADER.items() if name != "DistanceSourceToPatient"}
    write_dicom(case.parent / "lacks.dcm", without, xray(np.eye(4)))
    assert "DistanceSourceToPatient (depth_mm)" in refused(monkeypatch, capsys, *words, "--xray", "lacks.dcm")
    run(monkeypatch, *words, "--xray", "lacks.dcm", "--depth-mm", "700", "--out", "again")
    again = json.loads((case.parent / "again" / "registration.json").read_text())
    np.testing.assert_allclose(again["start"], found["start"], atol=1e-9)


def test_register_a_tiff_stack_by_words(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.rint(bone().hu.T + 1000).astype(np.uint16)
    tifffile.imwrite(case.parent / "bone.tif", stack, photometric="minisblack")
    words = ["--volume", "bone.tif", "--voxel-spacing-mm", "2", "2", "2", "--content", "everything"]
    image = ["--xray", "view1.tif", "--flip", "none", "--sdd-mm", str(SDD), "--spacing-mm", str(SPACING)]
    start = ["--start", "AP", "--depth-mm", "700", "--method", "initial", "--no-check"]
    run(monkeypatch, "register", *words, *image, *start)
    found = json.loads((case.parent / "registration" / "registration.json").read_text())
    assert found["outcome"] == "converged"
