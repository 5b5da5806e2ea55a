"""A patient of one's own, end to end: train by a label or a box, register and run a protocol with these weights."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import tifffile
import torch

from bench.cli import main as cli
from bench.learn import read_card
from bench.protocol.load import read_protocol
from bench.run.journal import Journal
from bench.run.own_weights import OwnWeightsError, with_weights
from bench.single.problem import build_problem
from bench.xray.case import case_of

_sitk: Any = SimpleITK
SHAPE = (40, 32, 40)
SPACING = 3.0
BOX = "-45 -45 -30 45 45 30"
SMALL, AWAY = ("-26", "-26", "-20", "26", "26", "20"), ("900", "900", "900", "910", "910", "910")
CAMERA = ["--sdd-mm", "1011.7", "--spacing-mm", "1.5", "--flip", "none", "--bright", "integrals"]
TRAIN = ["train", "lgff_reg", "--steps", "1", "--set", "image_size=32", "batch=2"]


@dataclass(frozen=True)
class Own:
    """Files of a CT whose L3 is whole, whose L2 touches the border."""

    folder: Path
    words: tuple[str, ...]
    shell: Any

    @property
    def bare(self) -> list[str]:
        """Without labels."""
        return list(self.words[:2])

    def run(self, *words: str) -> None:
        self.shell.setattr("sys.argv", ["fluorobench", *words])
        cli.main()

    def refused(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            self.run(*words)
        assert caught.value.code == 2
        said = capsys.readouterr().err.splitlines()
        # The CT of these tests holds no air, which is a warning of its own.
        lines = [each for each in said if each.startswith("fluorobench:") and "fluorobench: warning:" not in each]
        assert len(lines) == 1
        return lines[0]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    shell: Any = torch
    before = shell.get_num_threads()
    shell.set_num_threads(1)
    yield
    shell.set_num_threads(before)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Own:
    monkeypatch.chdir(tmp_path)
    hu, labels = np.full(SHAPE, 40, dtype=np.int16), np.zeros(SHAPE, dtype=np.uint8)
    labels[14:26, 8:24, 12:28], labels[30:40, 8:24, 12:28] = 22, 21
    hu[labels > 0] = 500
    hu[18:22, 12:16, 12:20] = 1200
    for name, array in (("ct", hu), ("seg", labels)):
        image = _sitk.GetImageFromArray(array)
        image.SetSpacing([SPACING] * 3)
        image.SetOrigin([-SPACING * (size - 1) / 2 for size in SHAPE[::-1]])
        _sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    words = ("--volume", "ct.nii.gz", "--labels", "seg.nii.gz", "--label-scheme", "verse")
    return Own(tmp_path, words, monkeypatch)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words to register with that a training ends with."""
    lines = capsys.readouterr().out.splitlines()
    found = next(line for line in lines if line.startswith("to register with them: "))
    return shlex.split(found.removeprefix("to register with them: "))[1:]


@pytest.mark.parametrize("by", ["label", "box"])
def test_what_a_training_says_to_type_next_works(own: Own, capsys: pytest.CaptureFixture[str], by: str) -> None:
    part = [*own.words, "--vertebra", "L3"] if by == "label" else [*own.bare, "--box", *BOX.split()]
    own.run(*TRAIN, *part, "--out", "mine")
    words = told(capsys)
    shown = [*own.words, "--region", "L3"] if by == "label" else [*own.bare, "--box", *BOX.split()]
    own.run("render", *shown, "--sdd-mm", "1011.7", "--size", "128", "--spacing-mm", "1.5", "--out", "ap.tif")
    own.run(*["ap.tif" if word == "IMAGE" else word for word in words], *CAMERA)
    assert (own.folder / "registration" / "registration.json").is_file()


def test_line_integrals_are_read_as_they_were_written(own: Own) -> None:
    own.run("render", *own.words, "--region", "L3", "--size", "64", "--spacing-mm", "3", "--out", "ap.tif")
    problem = build_problem(
        case_of(
            {
                "id": "ap",
                "ct": {"volume": "ct.nii.gz"},
                "images": [
                    {
                        "file": "ap.tif",
                        "flip": "none",
                        "bright": "integrals",
                        "calibration": {"kind": "header", "sdd_mm": 1000.0, "spacing_mm": 3.0},
                    }
                ],
            },
            name="test",
            folder=own.folder,
        ),
        start="AP",
        depth_mm=700.0,
    )
    read: Any = problem.views[0].image
    np.testing.assert_allclose(read, tifffile.imread("ap.tif"), atol=1e-5)


def test_a_card_states_the_whole_command_but_no_folder(own: Own) -> None:
    away = [f"{own.folder}/{word}" if word.endswith(".gz") else word for word in own.words]
    own.run(*TRAIN, *away, "--vertebra", "L3", "--box", *BOX.split(), "--out", "mine")
    card = read_card(next((own.folder / "mine" / "weights").glob("*.toml")))
    assert card.command == (
        "fluorobench train lgff_reg --steps 1 --vertebra L3 --volume ct.nii.gz --labels seg.nii.gz "
        f"--label-scheme verse --box {BOX} --set image_size=32 batch=2"
    )


def test_a_protocol_runs_with_weights_of_ones_own(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    own.run(*TRAIN, *own.bare, "--box", *BOX.split(), "--out", "mine")
    own.run(
        "run", "lgff-sim", "--profile", "smoke", *own.bare, "--box", *BOX.split(), "--weights", "mine/weights",
        "--only", "LGFF-Reg", "Nominal", "--out", "runs",
    )  # fmt: skip
    latest = own.folder / "runs" / "latest"
    assert Journal.existing(latest).protocol.data.box == ((-45, -45, -30), (45, 45, 30))
    assert "the volume behind it covers" in (latest / "tables" / "lgff_table4.md").read_text()
    table = (latest / "tables" / "lgff_table4.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in table[1:]] == [["Nominal", "1", "0"], ["LGFF-Reg", "1", "0"]]
    why = own.refused(capsys, "run", "lgff-sim", *own.bare, "--weights", "mine/weights", "--only", "Nominal")
    assert "lgff-sim has no row of lgff_reg" in why


def test_weights_go_to_every_row_and_stage_of_their_method(own: Own) -> None:
    own.run(*TRAIN, *own.words, "--vertebra", "L3", "--out", "mine")
    folder = own.folder / "mine" / "weights"
    rows = {each.label: each.settings for each in with_weights(read_protocol("lgff-sim", "smoke"), [folder]).methods}
    assert rows["LGFF-Reg"] == {"weights": str(folder)}
    assert rows["LGFF-Reg + Opt-GC"]["stages"][0]["settings"] == {"weights": str(folder)}
    assert rows["Zhang"] == {}
    with pytest.raises(OwnWeightsError, match="both hold weights of lgff_reg"):
        with_weights(read_protocol("lgff-sim", "smoke"), [folder, folder / ".." / "weights"])
    with pytest.raises(OwnWeightsError, match="no weights in"):
        with_weights(read_protocol("lgff-sim", "smoke"), [own.folder])


def test_another_ct_is_refused_by_its_content(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    own.run(*TRAIN, *own.words, "--vertebra", "L3", "--out", "mine")
    words = told(capsys)
    ct = _sitk.ReadImage("ct.nii.gz")
    _sitk.WriteImage(ct + 1, "ct.nii.gz")
    own.run("render", *own.words, "--region", "L3", "--size", "128", "--spacing-mm", "1.5", "--out", "ap.tif")
    why = own.refused(capsys, *["ap.tif" if word == "IMAGE" else word for word in words], *CAMERA)
    assert "trained for ct alone, not ap, whose content differs" in why


def test_an_image_without_contrast_is_one_line(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    own.run(*TRAIN, *own.words, "--vertebra", "L3", "--out", "mine")
    words = told(capsys)
    tifffile.imwrite("empty.tif", np.full((128, 128), 3, dtype=np.float32))
    assert "the image is empty" in own.refused(
        capsys, *["empty.tif" if word == "IMAGE" else word for word in words], *CAMERA
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--vertebra", "L5"), "L5 not in this volume"),
        (("--vertebra", "L2"), "L2 touches the border"),
        (("--vertebra", "L3", "--box", *SMALL), "too small for L3"),
        (("--vertebra", "L3", "--box", *AWAY), "holds no voxel"),
        (("--vertebra", "L3", "--set", "image_size=24"), "a multiple of 16 pixels; got 24"),
        (("--vertebra", "L3", "--set", "image_size=abc"), "'image_size': Input should be a valid integer"),
        (("--vertebra", "L3", "--set", "stages=7"), "'stages': Input should be 3, 4 or 5; got 7"),
        (("--vertebra", "L3", "--set", "head_weights=[]"), "head_weights needs at least one"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    own: Own, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert why in own.refused(capsys, "train", "lgff_reg", "--steps", "1", *own.words, *words)


def test_a_vertebra_needs_labels_and_a_box_a_ct(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--vertebra L3 is found by labels" in own.refused(capsys, *TRAIN, *own.bare, "--vertebra", "L3")
    assert "--voxel-spacing-mm belong to a CT of your own" in own.refused(capsys, *TRAIN, "--box", *BOX.split())


def test_trainings_of_one_seed_see_the_same_images_whatever_the_network() -> None:
    trainer: Any = import_module("bench.methods.lgff_reg").trainer
    one, other, third = trainer(seed=3), trainer(seed=3, stages=5), trainer(seed=4)
    assert one.plan == other.plan != third.plan
    assert (one.population.described(), one.scene.described()) == (
        other.population.described(),
        other.scene.described(),
    )
