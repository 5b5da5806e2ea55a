"""The same command given again after a kill at any moment ends where the uninterrupted one would have.

Killed before every single thing that a training and its export write: between two writes nothing changes on the disk.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from bench.cli import main as cli
from bench.learn import Export, Plan, TrainingBudget, WeightsCard, export, read_card, train
from bench.learn.history import read_rows
from bench.learn.tensors import packed, read_tensors

from .toy_training import ROOT, Toy

STEPS = 3
# Held out after every step, a checkpoint after every step.
PLAN = Plan(average=0.9, checkpoint_seconds=0.0, validate_minutes=1e-9)


class KilledError(BaseException):
    """Ends a program as SIGKILL does: nothing more is written."""


@dataclass
class Writes:
    """Counts what is written, and dies before write number ``fatal``."""

    fatal: int | None = None
    count: int = 0

    def before(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.fatal:
                raise KilledError
            return write(*arguments, **options)

        return counted


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a small training's time would go into its curves, which test_learn.py looks at."""
    monkeypatch.setattr("bench.learn.loop.draw", Mock())


def command(cache: Path, folder: Path, budget: TrainingBudget | None = None) -> None:
    """What ``fluorobench train`` does, on a network of a few numbers."""
    toy = Toy(cache=cache, plan=PLAN)

    def deliver() -> None:
        export(toy, Export(folder=folder, to=folder / "weights", command="test"), device="cpu")

    budget = budget or TrainingBudget(steps=STEPS)
    train(toy, folder=folder, budget=budget, background=False, device="cpu", deliver=deliver)


def watched(monkeypatch: pytest.MonkeyPatch, fatal: int | None = None) -> Writes:
    """Everything that is written from here on."""
    import bench.learn.loop
    from bench.learn import checkpoint, history, weights, weights_card

    writes = Writes(fatal)
    for module in (checkpoint, history, weights, weights_card):
        monkeypatch.setattr(module, "write_bytes", writes.before(module.write_bytes))
    monkeypatch.setattr(history.History, "_write", writes.before(history.History.__dict__["_write"]))
    monkeypatch.setattr(bench.learn.loop, "draw", writes.before(lambda *_: None))
    return writes


def left(folder: Path) -> tuple[Any, ...]:
    """What a training leaves, but for times: tensors, card, curves without repeated or missing rows."""
    tensors = packed(read_tensors(folder / "checkpoint.safetensors")[0])
    rows = [[{**row, "seconds": ""} for row in read_rows(folder / name)] for name in ("losses.csv", "held_out.csv")]
    return tensors, timeless(read_card(folder / "weights" / "toy.toml")), *rows


def timeless(card: WeightsCard) -> WeightsCard:
    return replace(card, seconds=0.0)


def test_killed_before_any_write_it_ends_in_the_same_place(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        writes = watched(patch)
        command(cache, tmp_path / "whole")
    assert writes.count > 5 * STEPS
    expected = left(tmp_path / "whole")
    for fatal in range(1, writes.count + 1):
        folder = tmp_path / str(fatal)
        with monkeypatch.context() as patch:
            watched(patch, fatal)
            with pytest.raises(KilledError):
                command(cache, folder)
        with monkeypatch.context() as patch:
            watched(patch)
            command(cache, folder)
        tensors, card, losses, held_out = left(folder)
        assert (tensors, card, losses) == expected[:3], f"killed before write {fatal} of {writes.count}"
        # A periodic validation that was killed is not made up for; no step has two rows.
        assert held_out[-1] == expected[3][-1]
        assert all(row in expected[3] for row in held_out)
        assert len({row["step"] for row in held_out}) == len(held_out)


def test_killed_twice_in_its_export_it_still_adds_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr("bench.learn.weights.write_bytes", Writes(fatal=1).before(lambda *_: None))
            with pytest.raises(KilledError):
                command(cache, tmp_path)
    command(cache, tmp_path)
    assert read_card(tmp_path / "weights" / "toy.toml").steps == STEPS
    command(cache, tmp_path)
    assert read_card(tmp_path / "weights" / "toy.toml").steps == 2 * STEPS


def test_minutes_that_are_used_up_stay_used_up(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step ends a moment before the time does: what is left of it is too short for another step."""
    steps: list[int] = []
    for dies in (True, False):
        with monkeypatch.context() as patch:
            if dies:
                patch.setattr("bench.learn.weights.write_bytes", Writes(fatal=1).before(lambda *_: None))
                with pytest.raises(KilledError):
                    command(cache, tmp_path, TrainingBudget(minutes=0.02))
            else:
                command(cache, tmp_path, TrainingBudget(minutes=0.02))
        steps.append(len(read_rows(tmp_path / "losses.csv")))
    assert steps[0] == steps[1]


def test_another_budget_comes_on_top_of_one_whose_export_was_killed(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bench.learn.weights.write_bytes", Writes(fatal=1).before(lambda *_: None))
        with pytest.raises(KilledError):
            command(cache, tmp_path)
    command(cache, tmp_path, TrainingBudget(steps=2))
    assert read_card(tmp_path / "weights" / "toy.toml").steps == STEPS + 2


def test_sigkill_in_the_last_validation(cache: Path, tmp_path: Path) -> None:
    """A real one."""
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from bench.learn import loop\n"
        "from tests.test_killed_at_any_moment import command\n"
        "loop._Training._validate = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"command(Path({str(cache)!r}), Path({str(tmp_path)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    command(cache, tmp_path)
    assert read_card(tmp_path / "weights" / "toy.toml").steps == STEPS


COMMAND = ("train", "lgff_reg", "--steps", "1", "--set", "image_size=32", "batch=2")
SMALL = ("--volume", "ct.nii.gz", "--box", "-30", "-30", "-30", "30", "30", "30", "--out", "mine")


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *COMMAND, *SMALL, *words])
    cli.main()


@pytest.fixture
def ct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CT of one's own: a block of bone in soft tissue."""
    import numpy as np
    import SimpleITK

    sitk: Any = SimpleITK
    hu = np.full((32, 32, 32), 40, dtype=np.int16)
    hu[10:20, 11:22, 9:23] = 700
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing([3.0] * 3)
    image.SetOrigin([-46.5] * 3)
    sitk.WriteImage(image, str(tmp_path / "ct.nii.gz"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("ct")
def test_the_command_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it exports, given again, and given once more when it was done."""

    def steps() -> int:
        return read_card(next((tmp_path / "mine" / "weights").glob("*.toml"))).steps

    with monkeypatch.context() as patch:
        patch.setattr("bench.learn.weights.write_bytes", Writes(fatal=1).before(lambda *_: None))
        with pytest.raises(KilledError):
            typed(patch)
    typed(monkeypatch)
    assert steps() == 1
    typed(monkeypatch)
    assert steps() == 2


@pytest.mark.usefixtures("ct")
def test_an_export_by_hand_ends_the_budget_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bench.learn.weights.write_bytes", Writes(fatal=1).before(lambda *_: None))
        with pytest.raises(KilledError):
            typed(patch)
    typed(monkeypatch, "--export-only")
    typed(monkeypatch)
    assert read_card(next((tmp_path / "mine" / "weights").glob("*.toml"))).steps == 2
