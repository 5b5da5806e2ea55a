"""The variants that are trained are those that the protocol reads, and the rows are those of the paper."""

from pathlib import Path
from typing import Any

import pytest

from bench.protocol import read_protocol
from bench.report.published import load_published
from studies.lgff_ablation.__main__ import FOLDER, VARIANTS, Train


def test_every_folder_that_the_protocol_reads_is_trained() -> None:
    rows = [each.settings["weights"] for each in read_protocol("lgff-ablation", "full").methods if each.settings]
    made = {f"{FOLDER}/{name}-seed-{seed}/weights" for name in VARIANTS for seed in (1, 2)}
    assert set(rows) <= made
    assert {f"{FOLDER}/{name}-seed-1/weights" for name in VARIANTS} <= set(rows)


def test_every_published_row_is_a_row_of_the_protocol() -> None:
    labels = {method.label for method in read_protocol("lgff-ablation", "full").methods}
    assert {each.row for each in load_published("lgff") if each.table in "123"} <= labels


def test_networks_that_are_there_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[str] = []

    class Started:
        def __init__(self, method: str, **given: Any) -> None:
            started.append(f"{method} {given['steps']} {given['out']} {' '.join(given['set'])}")

        def __call__(self) -> None:
            pass

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("studies.lgff_ablation.__main__.TrainMethod", Started)
    done = FOLDER / "full-seed-2" / "weights"
    done.mkdir(parents=True)
    (done / "card.toml").touch()
    Train(steps=3, seeds=(2,), only=("full", "stages-3"))()
    assert started == [f"lgff_reg 3 {FOLDER}/stages-3-seed-2 batch=8 bfloat16=true seed=2 stages=3"]
    assert "there already" in capsys.readouterr().err
