"""Exported problems: to the last bit what methods are given, readable by other libraries, without the truth."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from bench.cli.export import Export
from bench.cli.run import CommandError
from bench.contract import Problem, View
from bench.errors import FluorobenchError
from bench.exchange.conventions import in_other_conventions, plain
from bench.exchange.export import SUMS
from bench.exchange.folder import ExchangeError, at, read_problem, write_case, write_volume
from bench.exchange.scratch import Scratch
from bench.geometry import Camera, Matrix
from bench.geometry.converters.astra import AstraConeVec, from_astra
from bench.geometry.converters.autoscoper import from_autoscoper, parse_calibration
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro
from bench.geometry.converters.diffdrr import DiffDRRView, from_diffdrr
from bench.geometry.converters.nanodrr import NanoDRRView, from_nanodrr
from bench.geometry.converters.projection import from_projection_matrix
from bench.geometry.converters.prost import ProSTScene, from_prost
from bench.geometry.converters.rtk import RTKProjection, from_rtk
from bench.geometry.converters.sopi import SOPIScene, from_sopi

from .toy_case import make_case
from .toy_export import Exported, exported

_sitk: Any = SimpleITK


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    with exported(tmp_path_factory.mktemp("export")) as made:
        yield made


def different(first: Problem, second: Problem) -> list[str]:
    """Fields that are not the same to the last bit."""
    told = replace(first, volume=replace(first.volume, whole=None))  # which is not exported
    one, other = plain(asdict(told)), plain(asdict(second))
    return [name for name in one if one[name] != other[name]]


def test_a_program_is_given_what_a_method_is_given(toys: Exported) -> None:
    for record, folder in zip(toys.cases, toys.folders, strict=True):
        assert not different(toys.truth.case(record.case_id).problem, read_problem(folder))


def awkward() -> Problem:
    """Labels, a sheared grid, two views, pixels that do not count."""
    problem, random = make_case().problem, np.random.default_rng(2)
    affine = problem.volume.affine.copy()
    affine[1, 2] = 0.7
    labels = random.integers(0, 9, problem.volume.shape).astype(np.uint16)
    volume = replace(problem.volume, affine=affine, labels=labels, label_scheme="verse")
    (view,) = problem.views
    image = random.normal(size=(20, 30)).astype(np.float32)
    turned = np.diag([-1.0, 1.0, -1.0, 1.0])
    other = View(Camera(np.diag([900.0, 901.0, 1.0]), 20, 30, None), turned, image, image > 0)
    return replace(problem, volume=volume, views=(view, other))


def test_whatever_a_problem_has_comes_back(tmp_path: Path) -> None:
    problem = awkward()
    files = write_volume(tmp_path / "volume", problem.volume)
    write_case(tmp_path / "case", problem, at(files, "../volume"))
    assert not different(problem, read_problem(tmp_path / "case"))


def test_other_libraries_read_the_files(tmp_path: Path) -> None:
    problem = make_case().problem
    write_case(tmp_path, problem, write_volume(tmp_path, problem.volume))
    ct = _sitk.ReadImage(str(tmp_path / "ct.nii"))
    np.testing.assert_array_equal(_sitk.GetArrayFromImage(ct).T, problem.volume.hu)
    np.testing.assert_allclose(
        ct.TransformIndexToPhysicalPoint((3, 4, 5)), (problem.volume.affine @ [3, 4, 5, 1])[:3], atol=1e-4
    )
    image: Any = _sitk.GetArrayFromImage(_sitk.ReadImage(str(tmp_path / "view1.tif")))
    assert image.dtype == np.float32
    assert problem.views[0].image is not None
    np.testing.assert_array_equal(image, problem.views[0].image)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    problem = make_case().problem
    write_case(tmp_path, problem, write_volume(tmp_path, problem.volume))
    (tmp_path / "ct.nii").write_bytes((tmp_path / "ct.nii").read_bytes()[:-1])
    with pytest.raises(ExchangeError, match="cut short"):
        read_problem(tmp_path)
    (tmp_path / "case.json").write_text('{"case": 1}')
    with pytest.raises(ExchangeError, match="no case of this version"):
        read_problem(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("start", 1), [1.0, 0.0]),
        (("views", 0, "camera_from_rig", 3), []),
        (("volume", "world_from_index"), [[1.0] * 4] * 3),
        (("volume", "shape", 0), 10**9),
        (("volume", "shape", 0), -1),
        (("volume", "hu", "path"), "/dev/zero"),
        (("volume", "hu", "offset_bytes"), -352),
        (("views", 0, "height"), 10**9),
        (("search",), [1.0]),
    ],
)
def test_a_case_with_other_values_is_refused_before_memory_is_taken(
    place: tuple[str | int, ...], value: object, tmp_path: Path
) -> None:
    problem = make_case().problem
    path = write_case(tmp_path, problem, write_volume(tmp_path, problem.volume))
    owner = case = json.loads(path.read_text())
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    path.write_text(json.dumps(case))
    with pytest.raises(ExchangeError) as refused:
        read_problem(tmp_path)
    assert "\n" not in str(refused.value)


def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    problem = make_case().problem
    write_case(tmp_path, problem, write_volume(tmp_path, problem.volume))
    with (tmp_path / "ct.nii").open("r+b") as file:
        file.seek(-4, 2)
        file.write(np.float32("nan").tobytes())
    with pytest.raises(ExchangeError, match="NaN"):
        read_problem(tmp_path)


def test_no_file_holds_a_number_of_the_truth(toys: Exported) -> None:
    texts = [path.read_text() for path in toys.problems.rglob("*") if path.suffix in (".json", ".csv", ".md")]
    assert len(texts) > 4
    for pose in toys.poses("truth").values():
        for number in pose[:3].ravel().tolist():
            assert not any(repr(number) in text or f"{number:.6f}" in text for text in texts)
    assert any(repr(toys.cases[0].start[0][3]) in text for text in texts), "the start is there, the check finds it"


def test_checksums_are_of_every_other_file(toys: Exported) -> None:
    lines = [line.split("  ", 1) for line in (toys.problems / SUMS).read_text().splitlines()]
    files = {path.relative_to(toys.problems).as_posix() for path in toys.problems.rglob("*") if path.is_file()}
    assert {name for _, name in lines} == files - {SUMS}
    for digest, name in lines:
        assert hashlib.sha256((toys.problems / name).read_bytes()).hexdigest() == digest


def test_the_truth_is_not_made_inside_the_problems(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="the truth belongs outside"):
        Export("regress", tmp_path / "out", runs=tmp_path / "out" / "runs")()


def test_an_export_is_not_overwritten_and_no_other_folder_is_deleted(toys: Exported, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="exists"):
        Export(str(toys.truth.folder), toys.problems)()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ExchangeError, match="no exported problems"):
        Export(str(toys.truth.folder), tmp_path / "mine", fresh=True)()
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_the_problems_of_a_run_are_those_of_its_protocol(toys: Exported, tmp_path: Path) -> None:
    Export(str(toys.truth.folder), tmp_path / "again")()
    (tmp_path / "again" / "start.csv").write_text("damaged")
    Export(str(toys.truth.folder), tmp_path / "again", fresh=True)()
    assert [each.name for each in tmp_path.iterdir()] == ["again"]
    assert (tmp_path / "again" / SUMS).read_text() == (toys.problems / SUMS).read_text()


def test_what_a_killed_export_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    with Scratch(tmp_path, ".out.part-") as living:
        for name in ("a", "b"):
            (tmp_path / f".out.part-{name}").mkdir()
        os.utime(tmp_path / ".out.part-a", (1, 1))
        os.utime(living, (1, 1))
        with Scratch(tmp_path, ".out.part-"):
            pass
        assert {each.name for each in tmp_path.iterdir()} == {living.name, ".out.part-b"}
    assert not living.exists()


def test_every_convention_leads_back_to_the_pose() -> None:
    problem = make_case().problem
    camera, centre = problem.views[0].camera, problem.centre
    found = json.loads(json.dumps(in_other_conventions(camera, problem.start, centre, 66.0)))
    back = dict(_back(found, camera, centre))
    assert set(back) == set(found) - {"camera_from_world", "world_from_camera", "camera_from_world_ras", "dicom"}
    for tool, pose in back.items():
        np.testing.assert_allclose(pose, problem.start, atol=1e-9, err_msg=tool)
    world_from_camera = np.array(found["world_from_camera"], dtype=np.float64)
    np.testing.assert_allclose(world_from_camera @ problem.start, np.eye(4), atol=1e-9)
    assert set(found["dicom"]["lost"]) == {"in_plane_deg", "shift_mm"}


def test_a_camera_that_a_tool_does_not_have_is_not_expressed() -> None:
    """A corner of a detector: the scenes of ProST and SOPI have their principal point in the middle."""
    problem = make_case().problem
    camera = problem.views[0].camera
    found = in_other_conventions(camera, problem.start, problem.centre, 66.0)
    assert found["prost"]["principal_point_off_px"] == pytest.approx([0.5, 0.5])
    corner = replace(camera, K=camera.K + np.diag([0, 0, 5.0])[[2, 0, 1]])
    moved = in_other_conventions(corner, problem.start, problem.centre, 66.0)
    assert {name for name, each in moved.items() if "not_expressible" in each} == {"sopi", "prost"}
    wide = replace(camera, width=camera.width + 8, K=camera.K + np.diag([0, 0, 4.0])[[2, 0, 1]])
    oblong = in_other_conventions(wide, problem.start, problem.centre, 66.0)
    assert {name for name, each in oblong.items() if "not_expressible" in each} == {"sopi"}


def test_a_folder_that_is_no_run_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toys: Exported) -> None:
    """Such as an earlier export, named like its protocol."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sopi-sim").mkdir()
    with pytest.raises(FluorobenchError, match=r"profile.*huge|huge.*profile"):
        Export("sopi-sim", Path("out"), profile="huge")()
    with pytest.raises(FluorobenchError, match="is a run, whose data are settled"):
        Export(str(toys.truth.folder), Path("out"), data=Path("data.toml"))()


def _back(found: dict[str, Any], camera: Camera, centre: Matrix) -> Iterator[tuple[str, Matrix]]:
    """Poses as the converters read them."""
    size = {"height": camera.height, "width": camera.width}
    yield (
        "projection_matrix",
        from_projection_matrix(
            found["projection_matrix"], **size, in_front=(centre[0], centre[1], centre[2])
        ).camera_from_world,
    )
    yield "diffdrr", from_diffdrr(DiffDRRView(**_kept(found["diffdrr"])), isocentre=centre).camera_from_world
    yield "nanodrr", from_nanodrr(NanoDRRView(**_kept(found["nanodrr"])), isocentre=centre).camera_from_world
    fixed = np.array(found["rtk"]["fixed_from_world"])
    yield "rtk", from_rtk(RTKProjection(**_kept(found["rtk"])), fixed_from_world=fixed).camera_from_world
    yield "astra", from_astra(AstraConeVec(**_kept(found["astra"]))).camera_from_world
    yield "deepfluoro", from_deepfluoro(DeepFluoroView(**_kept(found["deepfluoro"]))).camera_from_world
    yield "autoscoper", from_autoscoper(parse_calibration(found["autoscoper"]["calibration"])).camera_from_world
    sopi, prost = found["sopi"], found["prost"]
    yield "sopi", from_sopi(tuple(sopi["parameters"]), SOPIScene(**_kept(sopi["scene"]))).camera_from_world
    yield "prost", from_prost(np.array(prost["rtvec"]), ProSTScene(**_kept(prost["scene"]))).camera_from_world


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of a tool's description, lists as arrays or, where short, tuples."""
    beside = ("isocentre_lps_mm", "flip_rows", "flip_columns", "fixed_from_world")
    pairs = ("source_offset_mm", "projection_offset_mm", "origin_mm", "spacing_mm")
    lists = {name: value for name, value in given.items() if type(value).__name__ == "list" and name not in beside}
    rest = {name: value for name, value in given.items() if name not in {*lists, *beside}}
    return rest | {name: tuple(value) if name in pairs else np.array(value) for name, value in lists.items()}
