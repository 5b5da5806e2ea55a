"""TOML, JSON and calibrations that no writer makes are refused in one line, whatever reads them."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.cases.hashes import truth_hash
from bench.cases.records import TruthRecord
from bench.cli.run import Run
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.geometry import require_rigid
from bench.geometry.converters.autoscoper import parse_calibration
from bench.learn import read_card
from bench.protocol import read_protocol
from bench.score.baseline import read_baselines
from bench.single.problem import read_pose
from bench.start.clicks import read_clicks
from bench.start.landmarks import read_landmarks
from bench.text import parse_json
from bench.volume.labels import scheme
from bench.volume.read import read_volume
from bench.xray.case import read_case

from .dicom_files import write_series

cache: Any = import_module("bench.datasets.phantom.cache")
DIGITS = "a = " + "9" * 5000
DEEP = "a = " + "[" * 20_000


def _protocol(path: Path) -> object:
    return read_protocol(str(path), "quick")


def _scheme(path: Path) -> object:
    return scheme(str(path))


READERS: dict[str, Callable[[Path], object]] = {
    "protocol": _protocol,
    "case": read_case,
    "scheme": _scheme,
    "card": read_card,
}
CALIBRATION = (
    "image size\n1760,1760\n\ncamera matrix\n6500.1,0,880\n0,6490,875\n0,0,1\n\nrotation\n1,0,0\n0,1,0\n0,0,1\n\n"
    "translation\n1.5\n2\n1500\n"
)


@pytest.mark.parametrize("text", [DIGITS, DEEP], ids=["digits", "deep"])
@pytest.mark.parametrize("reader", READERS)
def test_toml_that_is_too_much(reader: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FluorobenchError, match="mine") as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000])
def test_json_that_is_too_much(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"deeply|digits"):
        parse_json(text)
    for name, read in (("a.mrk.json", read_landmarks), ("pose.json", read_pose)):
        (tmp_path / name).write_text(text)
        with pytest.raises(FluorobenchError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("1760,1760", "96.5,96.5", "whole pixels"),
        ("1760,1760", "1e9,1e9", "whole pixels"),
        ("1760,1760", "0,0", "whole pixels"),
        ("1760,1760", "nan,nan", "image size"),
        ("6500.1", "nan", "camera matrix"),
        ("1500", "inf", "translation"),
    ],
)
def test_numbers_of_a_calibration(old: str, new: str, word: str) -> None:
    with pytest.raises(FluorobenchError, match=word):
        parse_calibration(CALIBRATION.replace(old, new))


@pytest.mark.parametrize(
    "change", [{"X": float("nan")}, {"Z": 1e400}, {"label": 20.5}, {"label": None}, {"label": "x"}]
)
def test_centroids_of_verse_that_are_no_numbers(change: dict[str, Any], tmp_path: Path) -> None:
    miniature: Any = registry.module("datasets", "verse").miniature
    settings = miniature(tmp_path)
    dataset: Dataset = registry.build("datasets", "verse", settings)
    path = next(tmp_path.glob("*training/**/*_ctd.json"))
    content = json.loads(path.read_text())
    content[1] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(FluorobenchError, match=r"_ctd\.json") as caught:
        dataset.patient(next(iter(dataset.patient_ids(Split.TRAIN))))
    assert "\n" not in str(caught.value)


def test_a_kept_patient_whose_landmarks_were_moved_is_made_again(tmp_path: Path) -> None:
    from bench.contract import LandmarkSet
    from bench.volume import Volume

    volume = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), np.zeros((2, 2, 2), np.uint16), "phantom")
    marks = LandmarkSet("anatomical", np.array([[1.0, 2.0, 3.0]]), ("L1",))
    path = tmp_path / "patient.npz"
    cache.store(path, "recipe", volume, marks)
    assert cache.load(path, "recipe") is not None
    with np.load(path) as stored:
        arrays: dict[str, Any] = dict(stored)
    for name, value in (("points", arrays["points"] + 50.0), ("names", np.array(["L2"]))):
        _save(path, arrays | {name: value})
        assert cache.load(path, "recipe") is None
    _save(path, arrays)
    assert cache.load(path, "recipe") is not None


def _save(path: Path, arrays: dict[str, Any]) -> None:
    save: Any = np.savez
    save(path, **arrays)


@pytest.mark.parametrize("text", ["start = 1", "data = 'ct'", "data = [1]"])
def test_tables_of_data_that_are_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(FluorobenchError, match=r"mine\.toml: expected a table \["):
        Run(protocols=("sopi-sim",), profile="smoke", data=tmp_path / "mine.toml")()


def test_a_slice_without_its_size_is_one_line(tmp_path: Path) -> None:
    pydicom: Any = import_module("pydicom")
    folder = write_series(tmp_path / "ct", np.zeros((4, 4, 3), np.uint16), [(0, 0, 2.0 * k) for k in range(3)])
    path = folder / "001.dcm"
    made: Any = pydicom.dcmread(path)
    made.Columns = None
    made.save_as(path)
    with pytest.raises(FluorobenchError) as caught:
        read_volume(folder)
    assert "001.dcm" in str(caught.value)


def test_a_baseline_of_negative_counts(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    row = {"label": "A", "case_id": "0", "start": [[1.0]], "success": True, "drr_evaluations": -5}
    row |= dict.fromkeys(("rotation_error_deg", "in_plane_error_mm", "mtre_mm"), 1.0)
    path.write_text(json.dumps({"protocol": "a/full", "processor": "x", "rows": [row], "projector_error": {}}))
    with pytest.raises(FluorobenchError, match="drr_evaluations"):
        read_baselines(path)


def test_a_click_in_a_view_of_thousands_of_digits(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text(f"view,name,column,row\n{'9' * 5000},L1,10,20\n")
    with pytest.raises(FluorobenchError, match=r"clicks\.csv"):
        read_clicks(tmp_path / "clicks.csv")


@pytest.mark.parametrize("bound", [[[1.0]], [[1.0, 2.0], [3.0]], [[-1.0, 0.0], [0.0, 1.0]], [[0.0, 0], [0, 0]], []])
def test_a_bound_that_is_no_covariance_is_an_altered_truth(bound: list[list[float]]) -> None:
    sealed = TruthRecord(case_id="a/0", truth=np.eye(4).tolist(), bound=np.eye(6).tolist())
    assert truth_hash(sealed.model_copy(update={"bound": bound})) != truth_hash(sealed)


@pytest.mark.parametrize("number", [10**400, float("nan"), "x", None, [1]])
def test_poses_that_hold_no_numbers(number: Any) -> None:
    pose: Any = np.eye(4).tolist()
    pose[0][3] = number
    with pytest.raises(FluorobenchError, match="reference"):
        require_rigid(pose, "reference")


@pytest.mark.parametrize("label", ["[1]", "{a = 1}", "5"])
def test_labels_of_rows_that_are_no_text(label: str, tmp_path: Path) -> None:
    text = f'extends = "sopi-sim"\nname = "mine"\ntitle = "Mine"\n[[methods]]\nlabel = {label}\nplugin = "initial"\n'
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(FluorobenchError, match=r"mine\.toml: methods: expected rows"):
        read_protocol(str(tmp_path / "mine.toml"), "quick")
