"""X-rays at known gantry angles: a small phantom written here, and the real head; the table of mutual turns."""

import csv
import json
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from bench import registry
from bench.cases.real import real_targets
from bench.cli import main as cli
from bench.contract import Acquisition, Patient, Problem
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame, invert, rotation_angle_deg
from bench.metrics.image import ncc_true
from bench.protocol import read_protocol
from bench.run.journal import Journal
from bench.single.answer import answer, distance
from bench.volume.content import with_content

miniature: Any = import_module("bench.datasets.gantry.miniature")
HEAD = "head-mv"
STEPS = (8.0, 8, 8, 10, 10, 10)  # degrees, mm


def load(folder: Path, **settings: Any) -> Patient:
    dataset = registry.build("datasets", "gantry", {"folder": str(folder), **settings})
    patient: Patient = dataset.patient(folder.name)
    return patient


def test_views_stand_as_the_machine_states(tmp_path: Path) -> None:
    root = miniature.write_folder(tmp_path / "blocks")
    (together,) = load(root).acquisitions
    assert together.id == "g-20/0/20"
    assert together.reference is not None
    np.testing.assert_allclose(together.reference, miniature.camera_from_iso(-20) @ miniature.ISO_FROM_CT, atol=1e-9)
    poses = [miniature.camera_from_iso(angle) for angle in miniature.ANGLES]
    for view, pose in zip(together.views, poses, strict=True):
        np.testing.assert_allclose(view.camera_from_rig, pose @ invert(poses[0]), atol=1e-9)
    pairs = load(root, together=((0, 20), (-20, 0))).acquisitions
    assert [each.id for each in pairs] == ["g0/20", "g-20/0"]
    assert rotation_angle_deg(pairs[0].views[1].camera_from_rig, np.eye(4)) == pytest.approx(20)
    assert {each.reference_uncertainty_mm for each in pairs} == {1.5}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("truth.json", "{", "expected JSON with camera_from_iso"),
        ("truth.json", '{"camera_from_iso": {}, "K": 1, "sdd_mm": 2}', "'iso_from_ct_mm' is missing"),
        ("epid_g+20.png", "", "epid_g+20.png"),
    ],
)
def test_a_damaged_folder_is_one_line(tmp_path: Path, file: str, text: str, said: str) -> None:
    root = miniature.write_folder(tmp_path / "blocks")
    (root / file).write_text(text)
    with pytest.raises(FluorobenchError) as refused:
        load(root)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_angles_that_are_not_there_are_named(tmp_path: Path) -> None:
    root = miniature.write_folder(tmp_path / "blocks")
    with pytest.raises(FluorobenchError, match=r"no X-ray with a pose at gantry \+30; there are -20, \+0, \+20"):
        load(root, together=((0, 30),))
    with pytest.raises(FluorobenchError, match="no X-rays in"):
        load(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, start_width: float) -> tuple[Journal, list[dict[str, str]]]:
    """The protocol on the small phantom with Initial alone; its journal and the rows of the table."""
    monkeypatch.chdir(folder)
    width = [start_width] * 6
    over = {
        "data": {"settings": dict(miniature.miniature(folder))},
        "target": {"distribution": {"kind": "uniform", "width": width}},
        "start": {"distributions": {"near": {"kind": "uniform", "about": "nominal", "width": width}}},
        "scoring": {"images": False},
        "artefacts": {"names": ["mutual_turn"]},
    }
    (folder / "mine.toml").write_text(tomli_w.dumps(over))
    words = ["run", "head", "--profile", "smoke", "--data", "mine.toml", "--starts", "6", "--only", "Initial"]
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()
    journal = Journal.existing((folder / "runs" / "latest").resolve())
    with (journal.folder / "tables" / "mutual_turn.csv").open() as file:
        return journal, list(csv.DictReader(file))


def test_answers_at_the_reference_turn_as_the_machine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = run(monkeypatch, tmp_path, 0.0)
    assert [float(row["stated_deg"]) for row in rows] == pytest.approx([20, 40, 20])
    assert max(float(row["error_deg_p95"]) for row in rows) < 1e-5
    assert {row["below_percent"] for row in rows} == {"100.0"}


def test_errors_are_those_of_each_pair_of_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, rows = run(monkeypatch, tmp_path, 8.0)
    answers = {each.case_id: np.array(each.pose) for each in journal.estimates()}
    # Where an answer puts the phantom at the isocentre: the same of all views, were they right.
    placed = dict[int, list[Matrix]]()
    for problem in journal.problems():
        view = problem.images.view or 0
        camera = miniature.camera_from_iso(miniature.ANGLES[view - 1])
        placed.setdefault(view, []).append(invert(camera) @ answers[problem.case_id])
    assert {len(each) for each in placed.values()} == {2}
    for row, (first, second) in zip(rows, combinations((1, 2, 3), 2), strict=True):
        expected = [rotation_angle_deg(a, b) for a, b in zip(placed[first], placed[second], strict=True)]
        # Of two the median is the lower one.
        assert float(row["error_deg_median"]) == pytest.approx(min(expected))
        assert float(row["error_deg_p95"]) == pytest.approx(max(expected))


@pytest.fixture(scope="module")
def head(real_data: Path) -> Patient:
    return load(real_data / HEAD, together=((-20, -12, 0, 8, 20), (0, 20)))


def test_the_real_head_lies_where_its_reference_says(head: Patient) -> None:
    """Each view fits its rendering best at the reference, among shifts by 10 mm and turns by 8 degrees."""
    body = with_content(head.volume, "body")
    attenuation, centre = AttenuationMap.from_volume(body), body.content_centre()
    for target in real_targets(head.acquisitions[:1], "each"):
        (view,) = target.views
        frame = PoseFrame(target.reference, centre)
        moves = np.vstack([np.zeros(6), np.diag(STEPS)[:5], -np.diag(STEPS)[:5]])
        drrs = project(attenuation, np.stack([frame.pose(move) for move in moves]), view.camera)[:, 0].numpy()
        assert view.image is not None
        fits = [ncc_true(view.image, drr, view.valid) for drr in drrs]
        assert fits[0] == max(fits)
        assert fits[0] > 0.9


def _problem(head: Patient, acquisition: Acquisition, theta: Matrix) -> Problem:
    body, reference = with_content(head.volume, "body"), acquisition.reference
    assert reference is not None
    frame = PoseFrame(reference, body.content_centre())
    start = frame.pose(theta)
    return Problem(
        case_id="head", patient_id="head", patient_hash=head.hash, volume=body, views=acquisition.views, start=start,
        nominal=start, centre=frame.centre, search=np.array([15.0, 15, 15, 45, 45, 45]), seed=1,
    )  # fmt: skip


def test_a_real_pair_is_found_within_the_references_uncertainty(head: Patient) -> None:
    pair = head.acquisitions[1]
    problem = _problem(head, pair, np.array([8.0, -9, 7, 25, -20, 28]))
    found = answer(problem, "opt_ncc")
    assert pair.reference is not None
    assert distance(problem, found.pose, pair.reference)["mtre_mm"] < 1.5


def test_the_protocol_asks_for_the_head(real_data: Path) -> None:
    protocol = read_protocol("head", "pairs")
    settings = {**protocol.data.settings, "folder": str(real_data / HEAD)}
    dataset = registry.build("datasets", protocol.data.dataset, settings)
    assert len(dataset.patient(HEAD).acquisitions) == 2
    # Its report refuses views that were registered together.
    assert "mutual_turn" not in protocol.artefacts.names
    truth = json.loads((real_data / HEAD / "truth.json").read_text())
    np.testing.assert_allclose(miniature.camera_from_iso(20), truth["camera_from_iso"]["20"], atol=1e-9)
