"""The networks that are trained are those that the protocols read, and the rows are those of the papers."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import FluorobenchError
from bench.protocol import read_protocol
from bench.report.published import load_published
from studies.ablations.__main__ import Train
from studies.ablations.networks import ABLATIONS, TableName


@pytest.mark.parametrize("table", list(ABLATIONS))
def test_every_folder_that_a_protocol_reads_is_trained_and_no_other(table: TableName) -> None:
    ablation = ABLATIONS[table]
    rows = read_protocol(ablation.protocol, "full").methods
    read = {each.settings["weights"] for each in rows if str(each.settings.get("weights", "")).startswith("runs")}
    assert read == {f"{ablation.folder}/{network.name}/weights" for network in ablation.networks}


@pytest.mark.parametrize(("table", "paper", "numbers"), [("sopi", "sopi", "2"), ("lgff", "lgff", "123")])
def test_every_published_row_is_a_row_of_the_protocol(table: TableName, paper: str, numbers: str) -> None:
    labels = {method.label for method in read_protocol(ABLATIONS[table].protocol, "full").methods}
    assert {each.row for each in load_published(paper) if each.table in numbers} <= labels


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
    monkeypatch.setattr("studies.ablations.__main__.TrainMethod", Started)
    folder = ABLATIONS["lgff"].folder
    done = folder / "full-seed-2" / "weights"
    done.mkdir(parents=True)
    (done / "card.toml").touch()
    Train(steps=3, only=("full-seed-2", "stages-3-seed-1", "no-ce"))()
    assert started == [
        f"sopi 3 {ABLATIONS['sopi'].folder}/no-ce composite=false",
        f"lgff_reg 3 {folder}/stages-3-seed-1 batch=8 bfloat16=true seed=1 stages=3",
    ]
    assert "there already" in capsys.readouterr().err


def test_an_unknown_network_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(FluorobenchError, match=r"\Ano network no-xx; these tables have full, no-ce, no-el\Z"):
        Train(tables=("sopi",), only=("no-xx",))()
