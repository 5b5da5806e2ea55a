"""Other tools as programs: each renders the truth as we do, and stays there when it begins there.

Needs the environments of ``make peers``; a peer without one is skipped.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.contract import Case, View
from bench.drr import AttenuationMap, project
from bench.exchange.folder import write_case, write_volume
from bench.geometry import Camera, PoseFrame, compose, transform_points
from bench.geometry.converters.diffdrr import from_diffdrr, to_diffdrr
from bench.geometry.rigid import rotation_angle_deg, rotation_from_angles
from bench.protocol import read_protocol

from .toy_case import make_case

PEERS = Path(__file__).parents[1] / "peers"
RECIPES = {
    "diffdrr": "smaller-steps",
    "itk": "attenuation",
    "nanodrr": "smaller-steps",
    "rtk": "cma-es",
    "xvr": "centred",
}
ALIKE = 0.99
NEAR_DEG, NEAR_MM = 2.0, 1.0


@pytest.fixture(scope="module")
def peers() -> Iterator[None]:
    """Modules of the folder, which is no package, can be imported."""
    sys.path.insert(0, str(PEERS))
    yield
    sys.path.remove(str(PEERS))


def module(name: str) -> Any:
    return import_module(name)


def off_centre() -> Case:
    """The toy case with its principal point off the detector's middle, begun at the truth.

    Outside the mask it holds almost air in place of air: DiffDRR takes the thinnest tissue for its zero.
    """
    case = make_case()
    given = case.problem.volume
    volume = replace(given, hu=np.where(given.hu > 0, given.hu, np.float32(-790)))
    K = np.array([[625.0, 0, 66.5], [0, 625.0, 58], [0, 0, 1]])
    camera = Camera(K, 128, 128, 1000.0)
    image = project(AttenuationMap.from_volume(volume), case.truth[None], camera)[0, 0].numpy()
    problem = replace(case.problem, volume=volume, views=(View(camera, image=image),), start=case.truth)
    return replace(case, problem=problem)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, case = tmp_path_factory.mktemp("problem"), off_centre()
    write_case(made, case.problem, write_volume(made, case.problem.volume))
    (made / "pose.json").write_text(json.dumps(case.truth.tolist()))
    return made


def call(peer: str, *words: str) -> None:
    """Run a peer in its own environment, or skip."""
    python = PEERS.parent / ".peers" / peer / "bin" / "python"
    if not (python.parents[1] / ".installed").exists():
        pytest.skip(f"{peer} is not installed: make peers")
    command = [str(python), "-W", "ignore", str(PEERS / "peer.py"), str(PEERS / peer / "adapter.py"), *words]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("peer", sorted(RECIPES))
def test_a_peer_renders_the_truth_as_we_do(peer: str, folder: Path) -> None:
    call(peer, "render", str(folder / "pose.json"), str(folder), str(folder / f"{peer}.npy"))
    ours = off_centre().problem.views[0].image
    assert ours is not None
    theirs = np.load(folder / f"{peer}.npy")
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > ALIKE


@pytest.mark.parametrize("peer", sorted(RECIPES))
def test_a_peer_that_begins_at_the_truth_stays_near_it(peer: str, folder: Path) -> None:
    call(peer, "register", RECIPES[peer], str(folder))
    found = np.array(json.loads((folder / "answer.json").read_text())["pose"])
    case = off_centre()
    frame = PoseFrame(case.problem.nominal, case.problem.centre)
    assert rotation_angle_deg(found, case.truth) < NEAR_DEG
    off = frame.parameters(found)[3:] - frame.parameters(case.truth)[3:]
    # Depth apart: one view hardly determines it on 32 x 32 pixels.
    assert np.abs(off[:2]).max() < NEAR_MM


def test_two_general_views_become_a_rig_of_itk(tmp_path: Path) -> None:
    """A second camera turned, tilted and at another distance, with another K: from the truth, depth is kept as well."""
    case = off_centre()
    first, mu = case.problem.views[0], AttenuationMap.from_volume(case.problem.volume)
    middle = transform_points(case.problem.nominal, case.problem.centre[None])[0]
    turned = rotation_from_angles([8.0, 70.0, 5.0])
    camera_from_rig = compose(turned, np.array([4.0, -6, 760]) - turned @ middle)
    camera = Camera(np.array([[700.0, 0, 60], [0, 690.0, 70], [0, 0, 1]]), 128, 128, None)
    image = project(mu, (camera_from_rig @ case.truth)[None], camera)[0, 0].numpy()
    problem = replace(case.problem, views=(first, View(camera, camera_from_rig, image)))
    write_case(tmp_path, problem, write_volume(tmp_path, problem.volume))
    call("itk", "register", "attenuation", str(tmp_path))
    found = np.array(json.loads((tmp_path / "answer.json").read_text())["pose"])
    frame = PoseFrame(problem.nominal, problem.centre)
    assert rotation_angle_deg(found, case.truth) < NEAR_DEG
    assert np.abs(frame.parameters(found)[3:] - frame.parameters(case.truth)[3:]).max() < NEAR_MM


@pytest.mark.usefixtures("peers")
def test_a_problem_is_read_as_it_was_written(folder: Path) -> None:
    read, problem = module("exchange").read_problem(folder), off_centre().problem
    kept, image = problem.volume.mask, problem.views[0].image
    assert kept is not None
    assert image is not None
    assert np.array_equal(read.hu[kept], problem.volume.hu[kept])
    assert read.hu[~kept].max() == -1000
    assert np.allclose(read.start, problem.start)
    assert np.array_equal(read.views[0].image, image)


@pytest.mark.usefixtures("peers")
def test_binned_images_keep_their_rays(folder: Path) -> None:
    """The middle of a block of pixels is where the binned pixel's ray goes."""
    view = module("exchange").read_problem(folder).views[0]
    binned = view.binned(4)
    middle = np.array([4 * 7 + 1.5, 4 * 2 + 1.5, 1])
    seen = np.array(view.K) @ np.linalg.inv(np.array(binned.K, dtype=np.float64)) @ np.array([7, 2, 1])
    assert np.allclose(seen, middle)
    assert binned.image[2, 7] == pytest.approx(view.image[8:12, 28:32].mean())
    assert np.allclose(binned.offset_mm, view.offset_mm)


@pytest.mark.usefixtures("peers")
def test_the_pose_of_the_c_arm_is_that_of_our_converter() -> None:
    carm, case = module("carm"), make_case()
    isocentre = np.array([10.0, -20, 30])
    matrix = carm.carm_pose(case.truth, isocentre * [-1, -1, 1])
    view = to_diffdrr(case.problem.views[0].camera, case.truth, isocentre=isocentre)
    assert np.allclose(carm.camera_from_world(matrix, isocentre * [-1, -1, 1]), case.truth)
    assert np.allclose(matrix[:3, 3], matrix[:3, :3] @ view.translation)
    assert np.allclose(from_diffdrr(view, isocentre=isocentre).camera_from_world, case.truth)


@pytest.mark.usefixtures("peers")
def test_a_round_is_a_protocol_on_the_cases_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "round.toml"
    path.write_text(module("run_rounds").protocol("sopi-sim", 3))
    found, whole = read_protocol(str(path), "round"), read_protocol("sopi-sim", "quick")
    assert (found.seed, found.camera, found.target, found.start.distribution) == (
        *(whole.seed, whole.camera, whole.target),
        whole.start.distribution,
    )
    assert found.data.settings["only"] == "phantom-v5-200003"
    path.write_text(module("run_rounds").protocol("sopi-sim-near", 3))
    assert read_protocol(str(path), "round").start.distribution == "near"
    path.write_text(module("run_rounds").protocol("wrist", 0))
    assert read_protocol(str(path), "round").data.views == "all"
    assert {"Initial", "Opt-GC"} <= {method.label for method in found.methods}


@pytest.mark.usefixtures("peers")
def test_a_peer_that_does_not_install_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = module("install")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "requirements.txt").write_text("/no/such/package.whl\n")
    for name, value in {"HERE": tmp_path, "PEERS": tmp_path / "made"}.items():
        monkeypatch.setattr(install, name, value)
    assert install.install("strange").startswith("does not install: ")
    assert not (tmp_path / "made" / "strange" / ".installed").exists()


def test_every_peer_has_a_card_and_pinned_requirements() -> None:
    for requirements in PEERS.glob("*/requirements.txt"):
        card = (requirements.parent / "card.md").read_text()
        assert all(heading in card for heading in ("## Row", "## Deviations", "Runs without CUDA"))
        assert "==" in requirements.read_text() or (requirements.parent / "without-dependencies.txt").exists()


@pytest.mark.usefixtures("peers")
def test_rounds_are_joined_and_the_search_has_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case without a pose is a failure with no error; a round that is not scored is left out."""
    rounds, table = module("run_rounds"), module("table")
    monkeypatch.setattr(rounds, "RUNS", tmp_path)
    errors = {name: [1.0, float("nan")] for name in ("translation_error_mm", "in_plane_error_mm", "mtre_mm")}
    scored = pd.DataFrame(
        {
            "label": ["Initial", "DiffDRR (Adam)"],
            "success_strict": [True, False],
            "rotation_error_deg": [2.0, float("nan")],
            "processor_seconds": [0.5, 30.0],
            "drr_evaluations": [0.0, 0.0],
            **errors,
        }
    )
    for number in range(2):
        made = tmp_path / f"peers-sopi-sim-{number}-round-0000000{number}"
        (made / "output").mkdir(parents=True)
        (made / "output" / "DiffDRR-Adam-c4c4af.txt").write_text(
            f"noise\nstart 4.0 search {20 + number}.0 renderings 100\n"
        )
        scored.to_parquet(made / "scores.parquet")
        (made / "environment.json").write_text('{"processor": "some"}')
    (tmp_path / "peers-sopi-sim-2-round-00000002").mkdir()
    (tmp_path / "peers-sopi-sim-near-0-round-00000003").mkdir()
    assert table.table("sopi-sim")[2:] == [
        "| Initial | 2 | 0 of 2 | 2.00 | 1.00 | 1.00 | 1.00 | 0.5 | – | – |",
        "| DiffDRR (Adam) | 2 | 2 of 2 | – | – | – | – | 30.0 | 20.5 | 100 |",
    ]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}old\n{table.END}after\n")
    table.write(page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "some, one thread" in text
