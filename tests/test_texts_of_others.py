"""TOML, JSON and calibrations that no writer makes are refused in one line, whatever reads them."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.geometry.converters.autoscoper import parse_calibration
from bench.learn import read_card
from bench.protocol import read_protocol
from bench.single.problem import read_pose
from bench.start.landmarks import read_landmarks
from bench.text import parse_json
from bench.volume.labels import scheme
from bench.xray.case import read_case

cache: Any = import_module("bench.datasets.phantom.cache")
DIGITS = "a = " + "9" * 5000
DEEP = "a = " + "[" * 20_000
READERS = {
    "protocol": lambda path: read_protocol(str(path), "quick"),
    "case": read_case,
    "scheme": lambda path: scheme(str(path)),
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
        np.savez(path, **{**arrays, name: value})
        assert cache.load(path, "recipe") is None
    np.savez(path, **arrays)
    assert cache.load(path, "recipe") is not None
