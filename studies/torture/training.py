"""Kill a training at a random moment, give its command again, and compare with the training that nobody disturbed."""

import json
import os
import shutil
import signal
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from bench.errors import FluorobenchError
from bench.files import sha256_of
from bench.learn.history import HELD_OUT, LOSSES, read_rows
from bench.learn.tensors import packed, read_tensors
from bench.learn.weights import load_weights
from studies.rows import Row, Rows
from studies.torture.watch import Command, Commands, end_all, left, said, temporary_files

OUTCOMES = (
    *("same", "other weights", "not resumed", "half-written"),
    *("process left", "file left", "traceback", "other status"),
)
# What the ends are told with; of a shell: 128 + the signal.
_STATUS = {"SIGTERM": 143, "Ctrl-C": 130, "Ctrl-C twice": 130}
KINDS = ("SIGKILL of the group", "SIGKILL of the training", *_STATUS)
PHASES = ("preparing", "training", "validating", "exporting")
_COMBINATIONS = list(product(PHASES, KINDS))
IMPORTED = ("bench.cli.train", "bench.learn", "bench.learn.history", "matplotlib.pyplot")
NAME, STEPS = "torture_network", 40
SECONDS = 300.0
_ATTEMPTS = 12


def words(steps: int, settings: Sequence[str]) -> list[str]:
    """The command that is killed."""
    given = ["--set", *settings] if settings else []
    return ["train", NAME, "--steps", str(steps), "--device", "cpu", "--out", "train", *given]


def reached(phase: str, folder: Path, steps: int) -> bool:
    """Whether a training has come to a phase; ``validating`` is the last validation, ``exporting`` what comes then."""
    match phase:
        case "preparing":
            return True
        case "training":
            return (folder / LOSSES).is_file()
        case "validating":
            return _last_step(folder / LOSSES) == steps
        case _:
            return _last_step(folder / HELD_OUT) == steps


def _last_step(path: Path) -> int:
    rows = read_rows(path)
    # A file that is begun while it is read may show its title line as a row.
    return int(rows[-1].get("step", 0)) if rows else 0


def finished(folder: Path) -> bool:
    """Whether a training is over: its budget given again comes on top."""
    return (folder / "checkpoint.safetensors").is_file() and bool(_position(folder)["finished"])


def _position(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_tensors(folder / "checkpoint.safetensors")[1]["training"])["position"]
    return found


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The training that others are compared with.

    Attributes:
        folder: Of the training.
        steps: Its length.
        settings: Of the trainer.
        spans: Seconds that each phase took.
    """

    folder: Path
    steps: int
    settings: Sequence[str]
    spans: Mapping[str, float]

    @property
    def words(self) -> list[str]:
        """The command."""
        return words(self.steps, self.settings)


def undisturbed(commands: Commands, folder: Path, steps: int, settings: Sequence[str]) -> Undisturbed:
    """Train to the end once, and time the phases; a finished one is used again."""
    spans = folder / "spans.json"
    if not spans.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        process, began = commands.start(words(steps, settings), folder.name, folder), dict[str, float]()
        while process.poll() is None:
            for phase in PHASES:
                if phase not in began and reached(phase, folder / "train", steps):
                    began[phase] = time.monotonic()
            time.sleep(0.002)
        if process.poll() != 0:
            raise RuntimeError(f"the training that nobody disturbs ended with status {process.poll()}: see {folder}")
        ends = [*list(began.values())[1:], time.monotonic()]
        took = {phase: end - at for (phase, at), end in zip(began.items(), ends, strict=True)}
        spans.write_text(json.dumps(took), encoding="utf-8")
    return Undisturbed(folder / "train", steps, settings, json.loads(spans.read_text(encoding="utf-8")))


def campaign(out: Path, numbers: Iterable[int], steps: int = STEPS, settings: Sequence[str] = ()) -> list[Row]:
    """Kill trainings, phases and kinds of kills in turn by their numbers; those done before are kept."""
    found, rows = list[Row](), Rows(out, "training")
    with Commands(*IMPORTED) as commands:
        model = undisturbed(commands, out / "undisturbed-training", steps, settings)
        for number in numbers:
            phase, kind = _COMBINATIONS[number % len(_COMBINATIONS)]
            one = Trial(commands, model, number, kind, phase)
            found.append(rows.once(f"{number:03d}", partial(one.made, out)))
    return found


@dataclass(frozen=True, slots=True)
class Trial:
    """A kill of one kind in one phase; ``number`` seeds its moment."""

    commands: Commands
    model: Undisturbed
    number: int
    kind: str
    phase: str

    def made(self, out: Path) -> Row:
        """Kill, continue and compare; the folder of a trial that went wrong is kept."""
        random = Random(self.number)
        for attempt in range(_ATTEMPTS):
            folder = out / f"training-{self.number:03d}-{attempt}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            phase, status = self._kill(folder, random.uniform(0, self.model.spans[self.phase]))
            if phase is not None:
                outcome, note = self._judged(folder, status)
                if outcome == "same":
                    shutil.rmtree(folder)
                return {"kind": self.kind, "phase": phase, "outcome": outcome, "note": note}
            shutil.rmtree(folder)
        raise RuntimeError(f"the training was over before each of {_ATTEMPTS} kills in phase {self.phase}")

    def _kill(self, folder: Path, delay: float) -> tuple[str | None, int]:
        """Kill a training a while after it came to the phase; in which it was (None: over before), and its status."""
        place, steps = folder / "train", self.model.steps
        command = self.commands.start(self.model.words, folder.name, folder)
        while command.poll() is None and not reached(self.phase, place, steps):
            time.sleep(0.002)
        command.poll(delay)
        if command.poll() is not None:
            return None, 0
        phase = [each for each in PHASES if reached(each, place, steps)][-1]
        self._signal(command)
        status = command.wait(SECONDS)
        return (phase if status and not finished(place) else None), status

    def _signal(self, command: Command) -> None:
        match self.kind:
            case "SIGKILL of the group":
                os.killpg(command.pid, signal.SIGKILL)
            case "SIGKILL of the training":
                os.kill(command.pid, signal.SIGKILL)
            case "SIGTERM":
                os.kill(command.pid, signal.SIGTERM)
            case _:
                os.killpg(command.pid, signal.SIGINT)
        if self.kind == "Ctrl-C twice" and command.poll(0.05) is None:
            os.killpg(command.pid, signal.SIGINT)

    def _judged(self, folder: Path, status: int) -> tuple[str, str]:
        """Outcome and note, after the command was given again."""
        if orphans := left(folder.name):
            end_all(orphans)
            return "process left", f"{len(orphans)} processes"
        if "Traceback" in said(folder):
            return "traceback", said(folder).strip().splitlines()[-1]
        if status != _STATUS.get(self.kind, -signal.SIGKILL):
            return "other status", str(status)
        if damaged := half_written(folder / "train"):
            return "half-written", damaged
        again = f"{folder.name}-again"
        status = self.commands.start(self.model.words, again, folder).wait(SECONDS)
        if status != 0:
            return "not resumed", f"status {status}: {said(folder).strip().splitlines()[-1][:300]}"
        if left(again):
            return "process left", "after the training was continued"
        if files := temporary_files(folder):
            return "file left", ", ".join(files[:3])
        differ = difference(folder / "train", self.model.folder)
        return ("other weights", ", ".join(differ)) if differ else ("same", "")


def half_written(folder: Path) -> str:
    """What is wrong with the files of a killed training, or nothing."""
    try:
        if (folder / "checkpoint.safetensors").is_file():
            _position(folder)
        for card in _cards(folder):
            load_weights(card, method=NAME, version=1)
        for name in (LOSSES, HELD_OUT):
            for row in read_rows(folder / name):
                float(row["seconds"])
        picture = folder / "losses.png"
        if picture.is_file() and not picture.read_bytes().endswith(b"IEND\xaeB`\x82"):
            return "losses.png has no end"
    except (FluorobenchError, ValueError, KeyError) as error:
        return str(error)
    return ""


def _cards(folder: Path) -> list[Path]:
    return sorted(folder.glob("weights/*.toml"))


def difference(folder: Path, other: Path) -> list[str]:
    """What of two finished trainings is not the same; times do not count."""
    mine, theirs = _told(folder), _told(other)
    return [name for name in theirs if mine[name] != theirs[name]]


def _told(folder: Path) -> dict[str, Any]:
    cards = _cards(folder)
    card = tomllib.loads(cards[0].read_text(encoding="utf-8"))
    steps = read_rows(folder / LOSSES)
    last = read_rows(folder / HELD_OUT)[-1]
    return {
        "weights": sha256_of(cards[0].with_suffix(".safetensors")),
        "files": sorted(path.name for path in folder.rglob("*")),
        "card": {name: value for name, value in card.items() if name != "seconds"},
        "checkpoint": packed(read_tensors(folder / "checkpoint.safetensors")[0]),
        "position": {name: value for name, value in _position(folder).items() if "seconds" not in name},
        "losses": [{**row, "seconds": ""} for row in steps],
        "last validation": {**last, "seconds": ""},
    }
