"""A start from clicks: landmarks of files and labels, their pixels in one or several views, and the pose."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli import main as cli
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, PoseFrame, Rig, StandardView, nominal_pose, rotation_angle_deg
from bench.geometry.rig_pose import Click, RigPoseError, contradicting, rig_pose
from bench.single.problem import build_problem
from bench.start.clicked import clicked_pose
from bench.start.clicks import NamedPixel, check_clicks, parse_clicks, read_clicks
from bench.start.landmarks import LandmarkError, label_landmark, landmarks_by_name, read_landmarks
from bench.volume import Volume
from bench.xray.case import read_case

from .xray_files import CAMERA, QUARTER, bone, true_pose, write_case

DETECTOR = Camera.centred(sdd_mm=1000.0, height=512, width=512, spacing_mm=0.6)
SINGLE = Rig.from_calibrations([DETECTOR], [np.eye(4)])
BIPLANE = Rig.biplane(DETECTOR, DETECTOR, 700.0)
CLOUD = np.random.default_rng(5).uniform((-35, -65, 55), (55, 25, 145), (7, 3))
LINE = np.array([[10.0, -20.0, 30.0 * level] for level in range(5)])


def truth(points: Matrix) -> Matrix:
    centre = points.mean(axis=0)
    return PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre).pose([8, -6, 10, 12, -9, 25])


def rough(points: Matrix) -> Matrix:
    return nominal_pose(StandardView.AP, points.mean(axis=0), 700.0)


def clicks(rig: Rig, points: Matrix, noise_px: float = 0.0) -> list[Click]:
    random = np.random.default_rng(0)
    seen = rig.project(truth(points), points)
    seen = seen + random.normal(scale=1.0, size=seen.shape) * noise_px
    return [Click(f"P{n}", view, points[n], seen[view, n]) for view in range(len(seen)) for n in range(len(points))]


@pytest.mark.parametrize("rig", [SINGLE, BIPLANE], ids=["single", "biplane"])
@pytest.mark.parametrize("count", [4, 7])
def test_exact_clicks_give_the_pose(rig: Rig, count: int) -> None:
    points = CLOUD[:count]
    found = rig_pose(rig, clicks(rig, points))
    assert rotation_angle_deg(found.pose, truth(points)) < 1e-4
    np.testing.assert_allclose(found.pose, truth(points), atol=1e-2)
    assert found.rms_px < 1e-3
    assert found.others == ()


@pytest.mark.parametrize("rig", [SINGLE, BIPLANE], ids=["single", "biplane"])
def test_careless_clicks_give_a_start(rig: Rig) -> None:
    found = rig_pose(rig, clicks(rig, CLOUD, 4.0))
    assert rotation_angle_deg(found.pose, truth(CLOUD)) < 4
    apart = CLOUD @ (found.pose - truth(CLOUD))[:3, :3].T + (found.pose - truth(CLOUD))[:3, 3]
    assert np.abs(apart.mean(axis=0)[:2]).max() < 2.5
    assert abs(apart.mean(axis=0)[2]) < 3 * found.translation_sd_mm[2]
    assert (found.translation_sd_mm[2] < 2) == (rig is BIPLANE)


def test_clicks_with_two_answers_say_so() -> None:
    """Three clicks have up to four poses that fit exactly (P3P)."""
    points = {f"P{n}": CLOUD[n] for n in range(3)}
    pixels = [NamedPixel(0, each.name, *each.pixel.tolist()) for each in clicks(SINGLE, CLOUD[:3])]
    found = clicked_pose(SINGLE, pixels, points)
    assert found["others"]
    assert any(each.startswith("ambiguous: ") for each in found["warnings"])


def test_landmarks_on_a_line_need_a_rough_view() -> None:
    points = {f"L{n + 1}": point for n, point in enumerate(LINE)}
    pixels = [NamedPixel(0, f"L{each.name[1:]}", *each.pixel.tolist()) for each in clicks(SINGLE, LINE, 2.0)]
    named = [NamedPixel(0, f"L{int(each.name[1:]) + 1}", each.column, each.row) for each in pixels]
    alone = clicked_pose(SINGLE, named, points)
    assert any("degrees only" in each and "state a rough view" in each for each in alone["warnings"])
    helped = clicked_pose(SINGLE, named, points, rough=rough(LINE))
    pose = np.array(helped["rig_from_world"])
    assert rotation_angle_deg(pose, truth(LINE)) < 13
    centre = LINE.mean(axis=0)
    apart = (pose - truth(LINE))[:3, :3] @ centre + (pose - truth(LINE))[:3, 3]
    assert np.abs(apart[:2]).max() < 2
    assert any("taken from the rough view" in each for each in helped["warnings"])


def test_a_wrong_name_is_found() -> None:
    given = clicks(SINGLE, CLOUD, 1.0)
    wrong = Click(given[2].name, 0, given[2].point, np.add(given[2].pixel, (70, -40)))
    spoilt = [*given[:2], wrong, *given[3:]]
    assert contradicting(SINGLE, spoilt, rig_pose(SINGLE, spoilt)) is wrong
    assert contradicting(SINGLE, given, rig_pose(SINGLE, given)) is None


def test_too_few_clicks() -> None:
    with pytest.raises(RigPoseError, match=r"at least 3 .* got 2: click more, or state a rough view"):
        rig_pose(SINGLE, clicks(SINGLE, CLOUD[:2]))
    found = rig_pose(SINGLE, clicks(SINGLE, CLOUD[:2]), rough=rough(CLOUD))
    assert found.rms_px < 3
    with pytest.raises(RigPoseError, match="at least 2"):
        rig_pose(SINGLE, clicks(SINGLE, CLOUD[:1]), rough=rough(CLOUD))


def _markups(system: str, points: Matrix) -> str:
    control = [
        {"label": f"P{n}", "position": list(point), "positionStatus": "defined"} for n, point in enumerate(points)
    ]
    control.append({"label": "unset", "position": [0, 0, 0], "positionStatus": "undefined"})
    markup = {"type": "Fiducial", "coordinateSystem": system, "coordinateUnits": "mm", "controlPoints": control}
    return json.dumps({"markups": [markup]})


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_slicers_markups(tmp_path: Path, system: str) -> None:
    points = CLOUD if system == "LPS" else CLOUD * (-1, -1, 1)
    path = tmp_path / "F.mrk.json"
    path.write_text(_markups(system, points))
    found = read_landmarks(path)
    assert list(found) == [f"P{n}" for n in range(7)]
    np.testing.assert_allclose(np.stack(list(found.values())), CLOUD)


@pytest.mark.parametrize("system", ["LPS", "RAS", "0", "1"])
def test_slicers_old_markups(tmp_path: Path, system: str) -> None:
    points = CLOUD if system in ("LPS", "1") else CLOUD * (-1, -1, 1)
    lines = ["# Markups fiducial file version = 4.11", f"# CoordinateSystem = {system}"]
    lines += ["# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"]
    lines += [f"{n},{x},{y},{z},0,0,0,1,1,1,0,P{n},,vtk" for n, (x, y, z) in enumerate(points.tolist())]
    path = tmp_path / "F.fcsv"
    path.write_text("\n".join(lines))
    np.testing.assert_allclose(np.stack(list(read_landmarks(path).values())), CLOUD)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("F.mrk.json", _markups("XYZ", CLOUD), r"coordinate system \(LPS or RAS\); got 'XYZ'"),
        ("F.mrk.json", "{}", "not a markups file"),
        ("F.mrk.json", "[1]", "not a markups file"),
        ("F.mrk.json", '{"markups": []}', "no landmark"),
        ("F.fcsv", "1,2,3,4,0,0,0,1,1,1,0,A", "coordinate system"),
        ("F.csv", "a,b\n1,2", "title line with name,x,y,z"),
        ("F.csv", "name,x,y,z\nA,1,2,three", "no finite position"),
        ("F.csv", "name,x,y,z\nA,1,2,3\nA,1,2,4", "two landmarks are named 'A'"),
        ("F.csv", "name,x,y,z\nA,1,2,nan", "finite"),
        ("F.csv", "name,x,y,z\n,1,2,3", "no name"),
        ("F.ply", "ply", "expected landmarks as"),
    ],
)
def test_landmark_files_that_are_none(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LandmarkError, match=words) as caught:
        read_landmarks(tmp_path / name)
    assert "\n" not in str(caught.value)


def labelled() -> Volume:
    """A body of 20 x 20 x 10 mm with a thin process behind it, as a vertebra; voxels of 1 x 1 x 2 mm."""
    hu = np.zeros((40, 60, 20), np.float32)
    labels = np.zeros(hu.shape, np.uint16)
    labels[10:31, 10:31, 5:12] = 22
    labels[19:22, 31:55, 8:10] = 22
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (5, -7, 11)
    return Volume(hu, affine, labels, "verse")


def test_a_vertebra_is_named_by_the_centre_of_its_body() -> None:
    np.testing.assert_allclose(label_landmark(labelled(), "L3"), (25, 13, 27), atol=0.6)
    with pytest.raises(FluorobenchError, match="L4"):
        landmarks_by_name(["L3", "L4"], labelled(), None)
    with pytest.raises(LandmarkError, match="give --landmarks FILE"):
        landmarks_by_name(["L3"], bone(), None)


def test_clicks_of_a_command_line_and_of_a_file(tmp_path: Path) -> None:
    found = parse_clicks(["L3=512,300.5", "2:femur left=1,2"])
    assert found == [NamedPixel(0, "L3", 512, 300.5), NamedPixel(1, "femur left", 1, 2)]
    (tmp_path / "c.csv").write_text("view,name,column,row\n1,L3,512,300.5\n2,femur left,1,2\n")
    assert read_clicks(tmp_path / "c.csv") == found
    assert found[0].turned("horizontal", (400, 1000)) == NamedPixel(0, "L3", 487, 300.5)
    for bad in ("L3", "L3=1", "0:L3=1,2", "L3=a,b", "L3=nan,1"):
        with pytest.raises(LandmarkError, match=r"a click is \[VIEW:\]NAME=COLUMN,ROW"):
            parse_clicks([bad])
    with pytest.raises(LandmarkError, match="expected a view from 1 to 1"):
        check_clicks(found, [(400, 1000)])
    with pytest.raises(LandmarkError, match="beyond its 100 columns and 400 rows"):
        check_clicks(found[:1], [(400, 100)])
    with pytest.raises(LandmarkError, match="twice"):
        check_clicks([found[0]] * 2, [(400, 1000)])


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def test_the_command_writes_a_start_that_register_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    case = write_case(tmp_path)
    points = bone().content_corners()[[0, 3, 5, 6]]
    rig = Rig.from_calibrations([CAMERA, CAMERA], [np.eye(4), QUARTER])
    seen = rig.project(true_pose(), points)
    lines = [f"P{n},{x},{y},{z}" for n, (x, y, z) in enumerate(points.tolist())]
    (tmp_path / "points.csv").write_text("\n".join(["name,x,y,z", *lines]))
    words = [f"{view + 1}:P{n}={seen[view, n, 0]},{seen[view, n, 1]}" for view in (0, 1) for n in range(4)]
    flags = [part for word in words for part in ("--pixel", word)]
    run(monkeypatch, "start", "--case", str(case), "--landmarks", "points.csv", *flags)
    found = json.loads((tmp_path / "start.json").read_text())
    np.testing.assert_allclose(found["rig_from_world"], true_pose(), atol=1e-3)
    assert found["warnings"] == []
    assert "residual: 0.00 px" in capsys.readouterr().out
    run(
        monkeypatch,
        "register",
        "--case",
        str(case),
        "--start",
        "start.json",
        "--method",
        "initial",
        "--no-check",
        "--out",
        "r",
    )
    pose = json.loads((tmp_path / "r" / "registration.json").read_text())["rig_from_world"]
    np.testing.assert_allclose(pose, true_pose(), atol=1e-3)


def test_a_rough_pose_stands_about_the_same_centre_as_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = write_case(tmp_path, views=1)
    (tmp_path / "points.csv").write_text("name,x,y,z\nA,0,30,130\nB,0,30,150\n")
    roughs = list[Matrix]()

    def clicked(*_: object, rough: Matrix) -> dict[str, Any]:
        roughs.append(rough)
        return {"residuals": [], "rms_px": 0.0, "rms_mm": 0.0, "warnings": []}

    monkeypatch.setattr("bench.start.clicked.clicked_pose", clicked)
    clicks = ["--landmarks", "points.csv", "--pixel", "A=10,10", "--pixel", "B=10,40"]
    for content in ("bone", "everything"):
        how = ["--start", "AP", "--depth-mm", "700", "--content", content]
        run(monkeypatch, "start", "--case", str(case), *clicks, *how)
        problem = build_problem(read_case(case), content=content, start="AP", depth_mm=700.0)
        np.testing.assert_allclose(roughs.pop(), problem.start, atol=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected clicked landmarks"),
        (["--out", "start.txt"], "must end in .json"),
        (["--pixel", "P1=1,2"], "give --landmarks FILE"),
        (["--pixel", "P1=1000,2"], "beyond its 96 columns"),
        (["--pixel", "P1"], "a click is"),
        (["--pixel", "P1=1,2", "--landmarks", "none.csv"], "no such file"),
    ],
)
def test_starts_that_cannot_be_found_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    case = write_case(tmp_path, views=1)
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "start", "--case", str(case), *words)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert said in " ".join(err.split())
    assert len([line for line in err.splitlines() if line.startswith("fluorobench:")]) == 1
