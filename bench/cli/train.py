"""``fluorobench train``."""

import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import tyro

from bench.cli.console import messages, output
from bench.cli.own_patient import ct_options, grid_options, register_command, required_camera, run_command
from bench.cli.settings import setting, typed
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.learn import Population, Trainable, TrainingProgress


class TrainCommandError(FluorobenchError):
    """Arguments of ``fluorobench train`` that contradict each other."""


@dataclass(frozen=True)
class Train:
    """Train a method's network and export its weights with a card.

    Set the length with --budget or --steps. A new training starts at random weights; the cards of the shipped weights
    state their lengths. No data are needed: patients are generated during the training (--volume: your own CT, for
    patient-specific methods). Checkpoint, loss curve and weights go to runs/train/METHOD; the shipped weights stay as
    they are unless --ship is given. The last lines state the errors on held-out patients or poses, and how to use the
    weights.

    An interrupted or killed training continues with the same command (--fresh starts again); after a finished training
    the budget is added.
    """

    method: Annotated[str, tyro.conf.Positional]
    """Method with a network: deep_reg, lgff_reg, res_reg_net, rtpi, sopi, zhang, or your own."""

    budget: str | None = None
    """Wall time: 20m, 90s or 1.5h. Give --budget, --steps or both; the first limit to be reached ends the training."""

    steps: int | None = None
    """Number of optimiser steps; the result does not depend on the speed of the machine."""

    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""

    resume: bool = False
    """Require a checkpoint to continue from; without the option a new training starts if there is none."""

    fresh: bool = False
    """Discard an existing checkpoint and start again."""

    start_from: Path | None = None
    """Card (.toml) of finished weights to start from instead of random ones: methods/rtpi/weights/rtpi.toml."""

    out: Path | None = None
    """Folder of checkpoint and loss curve; runs/train/METHOD if not given."""

    set: tuple[str, ...] = ()
    """Settings of the trainer as field=value, such as max_learning_rate=1e-3."""

    volume: Path | None = None
    """CT to train on, for patient-specific methods: a file of Hounsfield units or a folder of DICOM slices."""

    labels: Path | None = None
    """Label map on the CT's grid."""

    label_scheme: str | None = None
    """Numbering of the labels: verse, totalsegmentator, phantom, or the path of a TOML file."""

    series: str | None = None
    """DICOM series UID, where the CT's folder holds several."""

    voxel_spacing_mm: tuple[float, float, float] | None = None
    """Along columns, rows, slices, of a CT file that does not state where its voxels lie, such as a TIFF stack."""

    vertebra: str | None = None
    """Labelled structure to train on, such as L3."""

    box: tuple[float, float, float, float, float, float] | None = None
    """Crop the CT first: lower x y z, upper x y z, LPS mm; without labels, the network is trained on this box."""

    weights: Path | None = None
    """Folder for the exported weights; OUT/weights if not given."""

    ship: bool = False
    """Export into the weights folder of the method: replaces the shipped weights."""

    export_only: bool = False
    """Export the checkpoint of an interrupted training without training on."""

    note: str = ""
    """Note for the card of the weights."""

    def __call__(self) -> None:
        """Train, validate, export."""
        from bench.learn import TrainingBudget, mark_finished, train

        trainable = self._of_region(self._trainable())
        patients = self._population(trainable)
        folder = self.out or Path("runs") / "train" / self.method
        self._check(folder)
        if self.export_only:
            self._export(trainable, patients, folder)
            mark_finished(folder)
            return
        budget = TrainingBudget.parse(self.budget, self.steps)
        with _shown(self.method) as report:
            train(
                trainable, folder=folder, budget=budget, population=patients, device=self.device, fresh=self.fresh,
                start_from=self.start_from, report=report, deliver=lambda: self._export(trainable, patients, folder),
            )  # fmt: skip

    def _export(self, trainable: "Trainable", patients: "Population", folder: Path) -> None:
        from bench.learn import Export, export

        what = Export(folder=folder, to=self._weights_folder(folder), command=self._command(), note=self.note)
        card = export(trainable, what, population=patients, device=self.device)
        output.print(f"{card.steps} steps in {card.seconds / 60:.1f} min on {card.hardware}", markup=False)
        output.print(", ".join(f"{name} {value:g}" for name, value in card.held_out.items()), markup=False)
        output.print(f"weights: {what.to / card.files[0].name}; loss curve: {folder / 'losses.png'}", markup=False)
        if self.volume is not None and patients.patient_specific:
            self._print_use(trainable, what.to)
        elif not self.ship:
            use = run_command(self.method, what.to)
            output.print(f"to use them in a protocol with a row of {self.method}: {use}", markup=False, soft_wrap=True)

    def _print_use(self, trainable: "Trainable", weights: Path) -> None:
        paths = {"--volume": self.volume, "--labels": self.labels}
        ct = [*ct_options(paths, self.label_scheme, self.box), *grid_options(self.series, self.voxel_spacing_mm)]
        use = register_command(trainable, ct, weights)
        output.print(f"to register with them: {use}", markup=False, soft_wrap=True)
        output.print(
            f"IMAGE has {required_camera(trainable)}; --binning makes pixels larger", markup=False, soft_wrap=True
        )

    def _check(self, folder: Path) -> None:
        there = (folder / "checkpoint.safetensors").is_file()
        if self.resume and self.fresh:
            raise TrainCommandError("--resume and --fresh contradict each other; give one of them")
        if (self.resume or self.export_only) and not there:
            raise TrainCommandError(f"no checkpoint in {folder}; train first, or name its folder with --out")
        if self.volume is None and any((self.labels, self.label_scheme, self.box, self.series, self.voxel_spacing_mm)):
            raise TrainCommandError(
                "--labels, --label-scheme, --box, --series and --voxel-spacing-mm belong to a CT of your own; name it "
                "with --volume"
            )
        if self.volume is not None and self.vertebra is not None and self.labels is None:
            raise TrainCommandError(
                f"--vertebra {self.vertebra} is found by labels: give --labels and --label-scheme, or its --box alone"
            )
        if self.ship and self.weights is not None:
            raise TrainCommandError("--ship and --weights both name a folder to export to; give one of them")

    def _trainable(self) -> "Trainable":
        from bench import registry

        trainer = getattr(registry.module("methods", self.method), "trainer", None)
        if trainer is None:
            raise TrainCommandError(f"{self.method} cannot be trained: its module declares no trainer; {_learners()}")
        settings = dict(setting(each) for each in self.set)
        for name in settings:
            known = registry.constructor_arguments(trainer)
            if name not in known:
                raise registry.unknown(f"setting of {self.method}'s trainer", name, known)
        built: Trainable = trainer(**{name: typed(trainer, name, value) for name, value in settings.items()})
        return built

    def _of_region(self, trainable: "Trainable") -> "Trainable":
        """The trainer for the part of the CT that the command names."""
        whole = self.volume is not None and self.labels is None and self.vertebra is None
        part: dict[str, Any] = {"region": "whole" if whole else self.vertebra}
        part["box"] = None if self.box is None else (self.box[:3], self.box[3:])
        given = {key: value for key, value in part.items() if value is not None}
        if not given:
            return trainable
        settings: Mapping[str, Any] = getattr(trainable, "__dataclass_fields__", {})
        if "scene" not in settings:
            raise TrainCommandError(f"the trainer of {self.method} has no setting `scene`, so its region is fixed")
        changed: Trainable = replace(cast("Any", trainable), scene=replace(trainable.scene, **given))
        return changed

    def _population(self, trainable: "Trainable") -> "Population":
        patients = trainable.population
        if self.volume is None:
            return patients
        paths = {"volume": self.volume, "labels": self.labels}
        settings: dict[str, Any] = {key: str(path.resolve()) for key, path in paths.items() if path is not None}
        given = {"label_scheme": self.label_scheme, "series": self.series, "voxel_spacing_mm": self.voxel_spacing_mm}
        settings |= {key: value for key, value in given.items() if value is not None}
        one: dict[str, Any] = {"patients": 1, "validation_patients": 1, "active": 1}
        return replace(patients, dataset="ct_file", settings=settings, **one)

    def _weights_folder(self, folder: Path) -> Path:
        from bench import registry

        if not self.ship:
            return self.weights or folder / "weights"
        return Path(str(registry.module("methods", self.method).__file__)).parent / "weights"

    def _command(self) -> str:
        """The command as given, with the names of files alone: a card must not state the folders of a machine."""
        given: Mapping[str, object] = {"--budget": self.budget, "--steps": self.steps, "--vertebra": self.vertebra}
        paths = {"--start-from": self.start_from, "--volume": self.volume, "--labels": self.labels}
        names = {name: None if path is None else Path(path.name) for name, path in paths.items()}
        scheme = None if self.label_scheme is None else Path(self.label_scheme).name
        arguments = [part for name, value in given.items() if value is not None for part in (name, str(value))]
        arguments += [*ct_options(names, scheme, self.box), *grid_options(self.series, self.voxel_spacing_mm)]
        arguments += ["--set", *self.set] if self.set else []
        return shlex.join(["fluorobench", "train", self.method, *arguments])


def _learners() -> str:
    from bench import registry

    found = [name for name in registry.names("methods") if hasattr(registry.module("methods", name), "trainer")]
    return f"methods with a trainer: {', '.join(found) or 'none'}"


@contextmanager
def _shown(method: str) -> "Generator[Callable[[TrainingProgress], None]]":
    """A line that changes on a terminal; in a log a line a minute, and one for every validation."""
    last = [0.0]
    if not sys.stderr.isatty():
        yield lambda progress: _print_at_intervals(progress, last)
        return
    with messages.status(f"training {method}") as status:

        def show(progress: "TrainingProgress") -> None:
            if progress.held_out:
                messages.print(_line(progress), markup=False)
            status.update(f"training {method}: {_line(progress)}")

        yield show


def _print_at_intervals(progress: "TrainingProgress", last: list[float]) -> None:
    now = time.monotonic()
    if progress.held_out or now - last[0] >= 60:
        messages.print(_line(progress), markup=False, soft_wrap=True)
        last[0] = now


def _line(progress: "TrainingProgress") -> str:
    left = "" if progress.seconds_left is None else f", {progress.seconds_left / 60:.1f} min left"
    figures = ", ".join(f"{name} {value:.4g}" for name, value in progress.figures.items())
    kind = "held out: " if progress.held_out else ""
    return f"step {progress.step}, {100 * progress.used:.0f} %{left}; {kind}{figures}"
