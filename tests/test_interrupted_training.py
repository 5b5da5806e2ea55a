"""A training that is killed loses a minute at most, whatever a step takes; a checkpoint that does not fit says so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from bench.learn import CheckpointError, Plan, Population, Scene, Source, TrainingBudget, scene_of, train
from bench.learn.history import read_rows
from bench.learn.tensors import packed, read_tensors

MINUTE = 60.0


@dataclass
class Clock:
    """Time that passes where the test says so."""

    now: float = field(default=0.0, repr=False)

    def monotonic(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Slow:
    """One number, learnt by steps that take as long as they are told to; it looks at no patient but the first."""

    cache: Path
    clock: Clock
    step_seconds: float = 1.0
    validation_seconds: float = 0.0
    width: int = 1
    plan: Plan = field(default_factory=lambda: Plan(validate_minutes=5.0))

    name: str = "slow"
    version: int = 1
    scene: Scene = field(default_factory=lambda: scene_of("sopi-sim"))
    volume_shape: tuple[int, ...] = ()

    @property
    def architecture(self) -> Mapping[str, Any]:
        return {}

    @property
    def population(self) -> Population:
        settings = {"size": 24, "spacing_mm": 8.0, "cache_dir": self.cache}
        return Population(settings=settings, patients=1, active=1, validation_patients=1)

    def network(self) -> nn.Module:
        return nn.Linear(1, self.width)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=0.1)

    def rate(self, step: int, progress: float) -> float:
        return 1.0

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        self.clock.now += self.step_seconds
        return {"total": network(torch.ones(1, 1)).square().sum()}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        self.clock.now += self.validation_seconds
        return {"nothing": 1.0}


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a small training's time would go into its curves, which test_learn.py looks at."""
    monkeypatch.setattr("bench.learn.loop.draw", Mock())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("bench.learn.loop.time", made)
    return made


def run(trainable: Slow, folder: Path, budget: TrainingBudget, **options: Any) -> None:
    train(trainable, folder=folder, budget=budget, background=False, device="cpu", **options)


def position(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_tensors(folder / "checkpoint.safetensors")[1]["training"])["position"]
    return found


@pytest.mark.parametrize("step_seconds", [0.5, 2.5, 20.0, 31.0, 44.0, 59.0, 61.0, 200.0])
def test_no_more_than_a_minute_or_one_step_is_ever_at_risk(step_seconds: float, clock: Clock, tmp_path: Path) -> None:
    """Looked at where a kill costs most: at the end of every step, before anything is kept."""
    worst: list[float] = []

    def look(_: Any) -> None:
        kept = position(tmp_path)["seconds"] if (tmp_path / "checkpoint.safetensors").is_file() else 0.0
        worst.append(clock.now - kept)

    run(Slow(cache=tmp_path, clock=clock, step_seconds=step_seconds), tmp_path, TrainingBudget(minutes=12), report=look)
    assert len(worst) > 3
    assert max(worst) <= max(MINUTE, step_seconds)


def test_steps_are_kept_before_a_validation_begins_and_it_is_kept_too(clock: Clock, tmp_path: Path) -> None:
    """Validations of many descents take minutes, the last one too."""
    kept: list[tuple[int, int]] = []
    slow = Slow(cache=tmp_path, clock=clock, validation_seconds=300.0, plan=Plan(validate_minutes=1.0))

    def look(progress: Any) -> None:
        if progress.held_out:
            kept.append((progress.step, position(tmp_path)["step"]))

    run(slow, tmp_path, TrainingBudget(steps=130), report=look)
    assert [step for step, _ in kept] == [60, 120, 130]
    assert all(step == there for step, there in kept)


def test_time_of_a_killed_training_is_that_of_the_steps_that_were_kept(clock: Clock, tmp_path: Path) -> None:
    """What was lost is not counted, nor the time between; the same command ends at its minutes all the same."""
    slow = Slow(cache=tmp_path, clock=clock, step_seconds=2.0)

    def die(progress: Any) -> None:
        if clock.now > 100:
            raise KeyError("as if killed")

    with pytest.raises(KeyError):
        run(slow, tmp_path, TrainingBudget(minutes=5), report=die)
    kept = position(tmp_path)
    assert kept["seconds"] == 2.0 * kept["step"]
    assert 100 - MINUTE <= kept["seconds"] < 100
    assert not kept["finished"]
    clock.now += 10_000
    run(slow, tmp_path, TrainingBudget(minutes=5))
    done = position(tmp_path)
    assert done["finished"]
    assert done["seconds"] == 2.0 * done["step"] == 300.0
    assert [int(row["step"]) for row in read_rows(tmp_path / "losses.csv")] == list(range(1, 151))


def _damaged(kind: str, text: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    match kind:
        case "no identity":
            del text["identity"]
        case "another format":
            text["format"] = 99
        case "another version":
            text["identity"]["version"] = 2
        case "a place of another program":
            text["position"]["unheard"] = 1
        case "no optimiser":
            text["groups"] = []
        case "a tensor too few":
            del tensors["network/weight"]
        case _:
            tensors["optimiser/x/step"] = torch.zeros(1)


@pytest.mark.parametrize(
    "kind",
    ["no identity", "another format", "another version", "a place of another program", "no optimiser",
     "a tensor too few", "a tensor of nobody's"],
)  # fmt: skip
def test_a_checkpoint_of_another_program_is_refused_in_one_line(kind: str, clock: Clock, tmp_path: Path) -> None:
    slow = Slow(cache=tmp_path, clock=clock)
    run(slow, tmp_path, TrainingBudget(steps=2))
    path = tmp_path / "checkpoint.safetensors"
    tensors, text = read_tensors(path)
    training: dict[str, Any] = json.loads(text["training"])
    _damaged(kind, training, tensors)
    path.write_bytes(packed(tensors, {"training": json.dumps(training)}))
    with pytest.raises(CheckpointError, match="--fresh") as refused:
        run(slow, tmp_path, TrainingBudget(steps=2))
    assert "\n" not in str(refused.value)


def test_a_checkpoint_of_a_network_that_has_changed_is_refused_in_one_line(clock: Clock, tmp_path: Path) -> None:
    run(Slow(cache=tmp_path, clock=clock), tmp_path, TrainingBudget(steps=2))
    path = tmp_path / "checkpoint.safetensors"
    tensors, text = read_tensors(path)
    text["training"] = text["training"].replace('"width": "1"', '"width": "2"')
    path.write_bytes(packed(tensors, text))
    with pytest.raises(CheckpointError, match=r"does not fit this program's slow .*--fresh") as refused:
        run(replace(Slow(cache=tmp_path, clock=clock), width=2), tmp_path, TrainingBudget(steps=2))
    assert "\n" not in str(refused.value)
