"""A search that is over is on the disk, whatever fails after it; what cannot be searched is refused before."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main as cli
from bench.single.problem import read_pose
from bench.volume import Volume
from bench.volume.write import write_image

from .xray_files import bone, write_case

WORDS = ["register", "--case", "knee.toml", "--start", "AP", "--depth-mm", "700", "--method", "initial", "--no-check"]
POSE = Path("registration/registration.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_case(tmp_path, views=1)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def replace_ct(folder: Path, hu: Volume) -> None:
    write_image(folder / "ct.nii.gz", hu.hu.astype(np.int16), hu.affine)


@pytest.mark.parametrize("air", [-1000, 40])
def test_content_without_bone_is_registered_and_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, air: int
) -> None:
    """Soft tissue in air; soft tissue that fills the grid and so has no surface."""
    volume = bone()
    soft = np.where(volume.hu > -1000, 60, air).astype(np.float32)
    soft[::2] -= 20
    replace_ct(folder, Volume(soft, volume.affine))
    run(monkeypatch, *WORDS, "--content", "everything")
    found = json.loads(POSE.read_text())
    assert found["agreement"]["reference"]["mtre_mm"] > 0
    assert len(found["content_seen"]) == 1
    assert Path("registration/report.html").is_file()


def test_a_volume_that_shows_nothing_is_refused_before_the_search(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_ct(folder, Volume(bone().hu - 3000, bone().affine))
    for words in ([*WORDS, "--content", "everything"], ["render", "--volume", "ct.nii.gz"]):
        with pytest.raises(SystemExit) as caught:
            run(monkeypatch, *words)
        assert caught.value.code == 2
        assert "renders to nothing: its numbers lie from -4000 to -1900" in " ".join(capsys.readouterr().err.split())
    assert not POSE.parent.exists()
    assert not Path("render.png").exists()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("bench.report.registration.registration_picture", "no overlay"),
        ("bench.report.registration_page.registration_page", "no report page"),
    ],
)
def test_a_picture_that_fails_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: str, said: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no colours")

    monkeypatch.setattr(broken, fail)
    run(monkeypatch, *WORDS)
    assert f"{said}: ValueError: no colours; the pose itself is written" in " ".join(capsys.readouterr().err.split())
    assert json.loads(POSE.read_text())["outcome"] == "converged"
    assert Path("registration/poses.csv").is_file()


def test_the_pose_is_written_before_it_is_described(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bench.single.answer.described", fail)
    with pytest.raises(SystemExit):
        run(monkeypatch, *WORDS)
    assert read_pose(POSE).shape == (4, 4)
