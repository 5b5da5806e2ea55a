"""The training loop: steps, budgets, checkpoints and validations, for any network."""

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from bench.contract import Split
from bench.learn.budget import TrainingBudget
from bench.learn.checkpoint import NAME, Position, load_checkpoint, mark_finished, save_checkpoint
from bench.learn.errors import CheckpointError, TrainingError
from bench.learn.hardware import choose_device
from bench.learn.history import HELD_OUT, LOSSES, History, draw
from bench.learn.population import Population
from bench.learn.source import Library, Source
from bench.learn.start import begin_with, stages
from bench.learn.trainable import Plan, Trainable
from bench.learn.weights_card import read_card
from bench.lock import FolderLock
from bench.perturb import salted_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Reported after every step and validation.

    Attributes:
        step: Steps done, over all sessions.
        used: Part of the budget, 0 to 1.
        seconds_left: Estimated; None before the first step.
        figures: Losses of the step, or held-out figures.
        held_out: Whether ``figures`` are those.
    """

    step: int
    used: float
    seconds_left: float | None
    figures: Mapping[str, float]
    held_out: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a training left in its folder.

    Attributes:
        network: With the averaged weights where the plan averages, in eval mode.
        position: Steps, seconds, patients used, held-out figures.
        device: Device of the training.
    """

    network: nn.Module
    position: Position
    device: torch.device


def train(
    trainable: Trainable,
    *,
    folder: Path,
    budget: TrainingBudget,
    population: Population | None = None,
    device: str = "auto",
    fresh: bool = False,
    start_from: Path | None = None,
    background: bool = True,
    report: Callable[[TrainingProgress], None] | None = None,
    deliver: Callable[[], object] | None = None,
) -> Trained:
    """Train until the budget is used; continues from the folder's checkpoint where there is one.

    An unfinished training with the same budget is completed; a finished one, or another budget, gets the budget on top.
    It is finished when ``deliver`` has returned: killed at any moment before, the same call ends in the same place.
    SIGINT and SIGTERM end it after the step with a checkpoint and what they raised before, or ``KeyboardInterrupt``.

    Args:
        trainable: Network, data and losses.
        folder: Of checkpoint, loss curve and figure.
        budget: Steps, minutes or both.
        population: Instead of the trainable's.
        device: ``auto``, ``cpu`` or ``cuda``.
        fresh: Delete the folder's checkpoint.
        start_from: Card of finished weights that a new training begins with; an old one continues from its checkpoint.
        background: Generate patients in advance in a separate process.
        report: Called after every step.
        deliver: Final action, such as the export of the weights; called when its checkpoint is complete.

    Raises:
        CheckpointError: The folder's checkpoint is damaged, of another training or of another start.
        WeightsError: The weights to begin with are damaged or do not fit.
        TrainingError: The loss is not finite, the device is not available, or another process trains in the folder.
    """
    with training_lock(folder) as lock:
        training = _Training(trainable, folder, population or trainable.population, choose_device(device), background)
        try:
            lock.take()
            with _Interrupts() as stop:
                training.begin(budget, fresh=fresh, start_from=start_from)
                training.run(stop, report or _silent)
        finally:
            training.library.close()
        if deliver is not None:
            deliver()
        mark_finished(folder)
    return training.result()


def training_lock(folder: Path) -> FolderLock:
    """The right to train in a folder; raises ``TrainingError`` where another process has it."""
    return FolderLock(folder, "mix their steps", TrainingError)


def averaged(trainable: Trainable, network: nn.Module, average: Mapping[str, Tensor]) -> nn.Module:
    """The network to validate and export: a copy with the averaged weights, in eval mode."""
    copy = trainable.network().to(next(network.parameters()).device)
    copy.load_state_dict({**network.state_dict(), **average})
    return copy.eval()


def identity(trainable: Trainable, population: Population) -> dict[str, Any]:
    """Settings that must be equal for a training to continue from a checkpoint."""
    return {
        "method": trainable.name,
        "version": trainable.version,
        "architecture": dict(trainable.architecture),
        "training": {name: str(value) for name, value in sorted(_settings(trainable).items())},
        "population": population.described(),
        "scene": trainable.scene.described(),
    }


def _settings(trainable: Trainable) -> dict[str, Any]:
    fields: Mapping[str, Any] = getattr(trainable, "__dataclass_fields__", {})
    return {name: getattr(trainable, name) for name in fields}


class _Training:
    """A training in progress."""

    def __init__(
        self, trainable: Trainable, folder: Path, population: Population, device: torch.device, background: bool
    ) -> None:
        self.trainable, self.folder, self.device = trainable, folder, device
        self.plan: Plan = trainable.plan
        self.identity = identity(trainable, population)
        torch.manual_seed(salted_seed(self.plan.seed, "network"))  # pyright: ignore[reportUnknownMemberType]
        self.network = trainable.network().to(device)
        self.optimiser = trainable.optimiser(self.network)
        for group in self.optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.average: dict[str, Tensor] = {}
        if self.plan.average > 0:
            self.average = {name: tensor.detach().clone() for name, tensor in self._floating()}
        self.position = Position()
        self.library = Library(population, trainable.scene, background=background)

    def begin(self, budget: TrainingBudget, *, fresh: bool, start_from: Path | None) -> None:
        """Start, from finished weights where there are any, or continue from a checkpoint."""
        if fresh:
            # The first patient shows whether the new training can begin at all, before the old one is deleted.
            self.library.prepared(self.library.population.ids(Split.TRAIN)[0])
            (self.folder / NAME).unlink(missing_ok=True)
        limits = budget.steps, budget.minutes
        if (self.folder / NAME).is_file():
            here = load_checkpoint(self.folder, self.identity, self.network, self.optimiser, self.average)
            _require_start(here, start_from)
            self.library.hashes.update(here.hashes)
        else:
            here = self._beginning(start_from)
        if here.finished or (here.run_steps, here.run_minutes) != limits:
            here = replace(here, run_step=here.step, run_seconds=here.seconds, spent=False, finished=False)
        self.position = replace(here, run_steps=limits[0], run_minutes=limits[1])
        self.budget = budget
        self.losses = History(self.folder / LOSSES, keep_to_step=here.step)
        # A validation that was killed may have written its row: it would stand there twice when it is made again.
        self.held_out = History(self.folder / HELD_OUT, keep_to_step=here.step - (not self._validated()))

    def _beginning(self, start_from: Path | None) -> Position:
        if start_from is None:
            return self.position
        card = begin_with(self.network, start_from, method=self.trainable.name, version=self.trainable.version)
        if self.average:
            self.average = {name: tensor.detach().clone() for name, tensor in self._floating()}
        earlier = [asdict(each) for each in stages(card)]
        return replace(self.position, began_with=card.files[0].sha256, earlier=earlier)

    def run(self, stop: "_Interrupts", report: Callable[[TrainingProgress], None]) -> None:
        """Steps until the budget is used or the training is interrupted, then the last validation."""
        if not self.position.spent:
            self._steps(stop, report)
            # Stored apart from the times: a budget in minutes may have some seconds left after the last step.
            self.position = replace(self.position, spent=True)
            self._save(self.position.seconds)
        if not self._validated():
            self._validate(report)
            self._save(self.position.seconds)
        if stop():
            stop.end()

    def _steps(self, stop: "_Interrupts", report: Callable[[TrainingProgress], None]) -> None:
        clock = _Clock(self.position.seconds)
        now = saved = validated = clock.seconds()
        while (used := self._used(clock.seconds())) < 1:
            before, figures = now, self._step(used)
            now = clock.seconds()
            self.position = replace(self.position, step=self.position.step + 1, seconds=now)
            self.losses.add(self.position.step, now, figures)
            report(self._progress(figures))
            pause = now - validated >= 60 * self.plan.validate_minutes
            # What comes next may be killed too: a step as long as this one, or a validation, which may be longer.
            if pause or stop() or now - saved + (now - before) >= min(60.0, self.plan.checkpoint_seconds):
                self._save(now)
                saved = now
            if stop():
                stop.end()
            if pause:
                self._validate(report)
                saved = validated = clock.seconds()
                self._save(saved)

    def result(self) -> Trained:
        """The result."""
        position = replace(self.position, finished=True)
        return Trained(averaged(self.trainable, self.network, self.average), position, self.device)

    def _step(self, used: float) -> dict[str, float]:
        torch.manual_seed(salted_seed(self.plan.seed, "step", self.position.step))  # pyright: ignore
        factor = self.trainable.rate(self.position.step, used)
        for group in self.optimiser.param_groups:
            group["lr"] = group["initial_lr"] * factor
        self.network.train()
        with self._precision():
            losses = self.trainable.losses(self.network, self._source(Split.TRAIN))
        total = losses["total"]
        if not bool(torch.isfinite(total)):
            step = self.position.step
            raise TrainingError(
                f"the loss is {float(total)} at step {step}; expected a number: lower the learning rate"
            )
        self._descend(total)
        return {**{name: float(value.detach()) for name, value in losses.items()}, "rate": factor}

    def _descend(self, total: Tensor) -> None:
        parameters = [each for each in self.network.parameters() if each.requires_grad]
        self.optimiser.zero_grad(set_to_none=True)
        # Named inputs: a double backward must not spend time on, or fail at, the poses.
        total.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.plan.clip_norm)
        self.optimiser.step()
        # Early on the average forgets faster, so that it does not remember the random start.
        decay = min(self.plan.average, (1 + self.position.step) / (10 + self.position.step))
        with torch.no_grad():
            for name, tensor in self._floating() if self.average else ():
                self.average[name].lerp_(tensor, 1 - decay)

    def _validate(self, report: Callable[[TrainingProgress], None]) -> None:
        network = averaged(self.trainable, self.network, self.average)
        figures = dict(self.trainable.validate(network, self._source(Split.VALIDATION)))
        self.position = replace(self.position, held_out=figures, held_out_step=self.position.step)
        self.held_out.add(self.position.step, self.position.seconds, figures)
        draw(self.folder, f"{self.trainable.name}, {self.position.step} steps")
        report(replace(self._progress(figures), held_out=True))

    def _validated(self) -> bool:
        return self.position.held_out_step == self.position.step

    def _save(self, seconds: float) -> None:
        self.position = replace(self.position, seconds=seconds, hashes=dict(self.library.hashes))
        save_checkpoint(self.folder, self.identity, self.position, self.network, self.optimiser, average=self.average)

    def _source(self, split: Split) -> Source:
        step = self.position.step if split is Split.TRAIN else 0
        return Source(self.library, seed=self.plan.seed, step=step, split=split, device=self.device)

    def _used(self, seconds: float) -> float:
        here = self.position
        return self.budget.progress(here.step - here.run_step, seconds - here.run_seconds)

    def _progress(self, figures: Mapping[str, float]) -> TrainingProgress:
        here = self.position
        used = self._used(here.seconds)
        left = (here.seconds - here.run_seconds) * (1 - used) / used if used > 0 else None
        return TrainingProgress(step=here.step, used=used, seconds_left=left, figures=figures)

    def _floating(self) -> list[tuple[str, Tensor]]:
        return [(name, each) for name, each in self.network.state_dict().items() if each.is_floating_point()]

    def _precision(self) -> Any:
        if self.plan.precision == "mixed" and self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()


def _require_start(here: Position, start_from: Path | None) -> None:
    if start_from is not None and read_card(start_from).files[0].sha256 != here.began_with:
        raise CheckpointError(
            f"the checkpoint did not begin with the weights of {start_from.name}; continue without them, or start "
            "with --fresh or another --out"
        )


class _Clock:
    """Seconds trained, over all sessions."""

    def __init__(self, before: float) -> None:
        self._began = time.monotonic() - before

    def seconds(self) -> float:
        return time.monotonic() - self._began


class _Interrupts:
    """Defers SIGINT and SIGTERM to the end of the step: true when one came. A second one acts at once."""

    def __init__(self) -> None:
        self._came: list[int] = []
        try:
            self._before = {each: signal.signal(each, self._note) for each in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread: it cannot handle signals
            self._before = {}

    def __enter__(self) -> "_Interrupts":
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def __call__(self) -> bool:
        return bool(self._came)

    def end(self) -> NoReturn:
        """Do what the signal would have done before; where that is no exception, ``KeyboardInterrupt``."""
        handler = self._before.get(signal.Signals(self._came[0]))
        if callable(handler):
            handler(self._came[0], None)
        raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            self.end()
        self._came.append(number)


def _silent(progress: TrainingProgress) -> None:
    """Nothing is reported."""
