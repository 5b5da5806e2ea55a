"""What ``fluorobench train`` prints to a new user: patients, how long, where to, and what next."""

import shlex
from pathlib import Path

import pytest

from bench import registry
from bench.cli import main as cli
from bench.cli.own_patient import run_command
from bench.protocol.load import read_protocol

LEARNERS = [name for name in registry.names("methods") if hasattr(registry.module("methods", name), "trainer")]


def test_help_names_every_method_that_learns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", "train", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    said = " ".join(capsys.readouterr().out.split())
    assert LEARNERS
    assert all(name in said for name in LEARNERS)
    assert "runs/train/METHOD" in said


@pytest.mark.parametrize("name", LEARNERS)
def test_the_command_to_type_next_names_a_protocol_with_a_row_of_it_and_needs_no_data(name: str) -> None:
    words = shlex.split(run_command(name, Path("runs/my own")))
    assert words[:2] == ["fluorobench", "run"]
    assert words[3:] == ["--weights", "runs/my own"]
    protocol = read_protocol(words[2], "quick")
    assert protocol.data.dataset == "phantom"
    assert name in {row.plugin for row in protocol.methods}


def test_a_method_of_no_shipped_protocol_is_told_how_a_protocol_of_its_own_is_run() -> None:
    assert run_command("of_ones_own", Path("w")) == "fluorobench run PROTOCOL --weights w"
