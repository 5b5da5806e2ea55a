"""Which weights a protocol's rows read, and that a run is not taken up again with others."""

import errno
import re
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.errors import FluorobenchError
from bench.learn import read_card, save_weights
from bench.learn.prefetch import Prefetcher
from bench.protocol.model import BudgetTable, MethodTable, Protocol
from bench.run.environment import describe_environment
from bench.run.isolation import IsolatedMethod
from bench.run.journal import Journal
from bench.run.parts import ABSENT, anchored, own_weights_used, parts, weights_used
from bench.run.recipe import recipes
from bench.run.reply import Failed
from bench.volume import Volume

from .toy_run import protocol as toy_protocol


def row(plugin: str, **settings: Any) -> MethodTable:
    return MethodTable(label="M", plugin=plugin, settings=settings)


def of(*rows: MethodTable) -> Protocol:
    numbered = [each.model_copy(update={"label": f"M{number}"}).model_dump() for number, each in enumerate(rows)]
    return toy_protocol(methods=numbered, data={"dataset": "phantom", "patients": 1})


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Weights of a made-up network with RTPI's card, in a folder of their own."""
    import torch

    shipped = read_card(Path(str(registry.module("methods", "rtpi").__file__)).parent / "weights" / "rtpi.toml")
    on = replace(shipped.trained_on, patients=("someone",))
    save_weights(tmp_path / "own", "rtpi", torch.nn.Linear(2, 2), replace(shipped, trained_on=on, earlier=()))
    return tmp_path / "own" / "rtpi.toml"


def test_rows_name_their_parts_at_any_depth() -> None:
    stages = [{"plugin": "rtpi", "settings": {"weights": "a"}}, {"plugin": "opt_gc"}]
    found = parts(row("chain", stages=stages))
    assert [(each.plugin, each.weights) for each in found] == [("chain", ()), ("rtpi", ("a",)), ("opt_gc", ())]
    used = parts(row("sopi_opt", sopi={"weights": "b", "rtpi": {"weights": "c"}}))
    names = [("sopi_opt", ()), ("sopi", ("b",)), ("rtpi", ("c",)), ("opt_gc", ())]
    assert [(each.plugin, each.weights) for each in used] == names


def test_paths_of_weights_are_made_absolute_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    made = anchored({"weights": "w", "stages": [{"settings": {"weights": "v", "size": 3}}], "refine": "none"})
    assert anchored({"weights": "untrained"}) == {"weights": "untrained"}
    inner = {"settings": {"weights": str(tmp_path / "v"), "size": 3}}
    assert made == {"weights": str(tmp_path / "w"), "stages": [inner], "refine": "none"}


def test_checksums_follow_the_files_and_say_where_none_is(card: Path) -> None:
    shipped = weights_used(of(row("rtpi"), row("initial")))
    assert set(shipped) == {"rtpi/rtpi.toml", "rtpi/rtpi.safetensors"}
    mine = of(row("rtpi", weights=str(card.parent)), row("deep_reg", weights=str(card.parent / "none")))
    before = weights_used(mine)
    assert set(before) == {str(card), str(card.with_suffix(".safetensors")), str(card.parent / "none")}
    assert before[str(card.parent / "none")] == ABSENT
    assert weights_used(of(row("rtpi", weights=str(card)))).items() <= before.items()
    card.with_suffix(".safetensors").write_bytes(b"others")
    after = weights_used(mine)
    assert [name for name in before if before[name] != after[name]] == [str(card.with_suffix(".safetensors"))]


def test_rows_are_not_taken_up_with_other_weights(card: Path, tmp_path: Path) -> None:
    chosen, environment = of(row("rtpi", weights=str(card.parent))), describe_environment()
    journal = Journal.open(tmp_path / "runs", chosen, environment, fresh=False)
    journal_weights = journal.environment.weights
    assert journal_weights == weights_used(chosen)
    before = recipes(chosen, 1)
    card.with_suffix(".safetensors").write_bytes(b"others")
    assert recipes(chosen, 1) != before
    again = Journal.open(tmp_path / "runs", chosen, environment, fresh=False)
    assert again.environment.weights == weights_used(chosen) != journal_weights


def test_exposure_is_that_of_the_weights_that_are_read(card: Path) -> None:
    own = [patient for each in parts(row("rtpi", weights=str(card)))[0].provenance for patient in each.patients]
    assert own == ["someone"]
    shipped = [each for each in parts(row("rtpi"))[0].provenance if each.what == "trained"]
    assert shipped
    assert not any(np.isin("someone", each.patients).item() for each in shipped)


def test_a_program_is_neither_weights_nor_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that names one reads its shipped weights all the same."""
    program = tmp_path / "prog"
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    named = row("rtpi", command=[str(program), "--fast"])
    assert parts(named)[0].programs == (str(program),)
    assert parts(named)[0].provenance == parts(row("rtpi"))[0].provenance
    assert parts(named)[0].cards == parts(row("rtpi"))[0].cards
    assert set(weights_used(of(named))) == {"rtpi/rtpi.toml", "rtpi/rtpi.safetensors", str(program)}
    monkeypatch.setenv("PATH", str(tmp_path))
    by_name = of(row("external", command=["prog", "--fast"]))
    before = weights_used(by_name)
    assert set(before) == set(own_weights_used(by_name)) == {str(program)}
    program.write_text("#!/bin/sh -e")
    assert weights_used(by_name) != before


READER = """
from dataclasses import dataclass
from pathlib import Path
from bench.contract import Card
card = Card(title="Reader", source="test", citation="none", licence="none")
@dataclass(frozen=True)
class Reader:
    weights: str
    def prepare(self, volume, views):
        raise ValueError("found" if Path(self.weights).is_dir() else f"no folder at {self.weights}")
    def register(self, problem, prepared): ...
    def skip(self, problem): ...
plugin = Reader
"""


def test_a_method_finds_weights_named_from_where_the_command_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its process works elsewhere."""
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "reader.py").write_text(READER)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("FLUOROBENCH_PLUGINS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with IsolatedMethod(row("reader", weights="mine"), BudgetTable()) as method:
        answer = method.prepare(Volume(np.zeros((2, 2, 2), np.float32), np.eye(4)), ())
    assert isinstance(answer, Failed)
    assert "found" in answer.reason


def test_a_machine_that_gives_no_process_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(BaseProcess, "start", refuse)
    said = "started (resource temporarily unavailable); free memory or processes"
    with (
        IsolatedMethod(row("nominal"), BudgetTable()) as method,
        pytest.raises(FluorobenchError, match=re.escape(said)),
    ):
        method.prepare(Volume(np.zeros((2, 2, 2), np.float32), np.eye(4)), ())
    with pytest.raises(FluorobenchError, match=re.escape(said)):
        Prefetcher("phantom", {}, ["phantom-v5-000001"])
