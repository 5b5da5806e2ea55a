"""Kill a run at a random moment, give its command again, and compare with the run that nobody disturbed."""

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, product
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from bench.cases.records import EstimateRecord
from bench.contract import Outcome
from bench.run.journal import Journal
from bench.run.verify import verify
from studies.rows import Row, Rows
from studies.torture.places import TOY
from studies.torture.watch import Command, Commands, end_all, left, said, temporary_files, workers

OUTCOMES = ("same", "other scores", "not resumed", "verify complains", "process left", "file left", "traceback")
KINDS = ("SIGKILL of the group", "SIGKILL of the method", "SIGTERM", "Ctrl-C")
PHASES = ("preparing", "registering", "scoring", "reporting")
# No process of a method lives while rows are scored and reported.
_COMBINATIONS = [each for each in product(PHASES, KINDS) if each[0] in PHASES[:2] or each[1] != KINDS[1]]
IMPORTED = ("bench.run.resume", "bench.score.finished", "bench.cli.report", "matplotlib.pyplot")
SECONDS = 600.0
_ATTEMPTS = 8
# By this factor sooner after every kill that came too late.
_SOONER = 0.7
# Columns of scores that are times, or that name the machine.
_TIMES = ("seconds", "processor", "reference", "threads", "load")


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The run that others are compared with.

    Attributes:
        folder: Of the run.
        spans: Seconds that each phase took.
    """

    folder: Path
    spans: Mapping[str, float]


def words(profile: str) -> list[str]:
    """The command that is killed."""
    return ["run", str(TOY), "--profile", profile, "--out", "runs", "--only", "Steady"]


def reached(phase: str, runs: Path) -> bool:
    """Whether a run has come to a phase."""
    match phase:
        case "preparing":
            return True
        case "registering":
            return any(runs.glob("torture-*/problems.jsonl"))
        case "scoring":
            return any(runs.glob("torture-*/seals.json"))
        case _:
            return any(runs.glob("torture-*/scores.parquet"))


def undisturbed(commands: Commands, folder: Path, profile: str) -> Undisturbed:
    """Run to the end once, and time the phases; a finished one is used again."""
    spans = folder / "spans.json"
    if not spans.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        process, began = commands.start(words(profile), folder.name, folder), dict[str, float]()
        while process.poll() is None:
            for phase in PHASES:
                if phase not in began and reached(phase, folder / "runs"):
                    began[phase] = time.monotonic()
            time.sleep(0.002)
        if process.poll() != 0:
            raise RuntimeError(f"the run that nobody disturbs ended with status {process.poll()}: see {folder}")
        ends = [*list(began.values())[1:], time.monotonic()]
        took = {phase: end - at for (phase, at), end in zip(began.items(), ends, strict=True)}
        spans.write_text(json.dumps(took), encoding="utf-8")
    found: dict[str, float] = json.loads(spans.read_text(encoding="utf-8"))
    return Undisturbed(_run_folder(folder), found)


def _run_folder(folder: Path) -> Path:
    return next((folder / "runs").glob("torture-*"))


def campaign(out: Path, count: int, profile: str) -> list[Row]:
    """Kill so many runs, phases and kinds of kills in turn; those done before are kept."""
    found, rows = list[Row](), Rows(out, "kills")
    with Commands(*IMPORTED) as commands:
        model = undisturbed(commands, out / "undisturbed", profile)
        for number, (phase, kind) in enumerate(islice(cycle(_COMBINATIONS), count)):
            one = Trial(commands, model, number, kind, phase)
            found.append(rows.once(f"{number:03d}", partial(one.made, out, profile)))
    return found


@dataclass(frozen=True, slots=True)
class Trial:
    """A kill of one kind in one phase; ``number`` seeds its moment."""

    commands: Commands
    model: Undisturbed
    number: int
    kind: str
    phase: str

    def made(self, out: Path, profile: str) -> Row:
        """Kill, continue and compare; the folder of a trial that went wrong is kept."""
        random = Random(self.number)
        for attempt in range(_ATTEMPTS):
            folder = out / f"kill-{self.number:03d}-{attempt}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            # The undisturbed run may have been on a busier machine.
            longest = self.model.spans[self.phase] * _SOONER**attempt
            phase = self._kill(folder, random.uniform(0, longest), profile)
            if phase is not None:
                outcome, note = self._judged(folder, profile)
                if outcome == "same":
                    shutil.rmtree(folder)
                return {"kind": self.kind, "phase": phase, "outcome": outcome, "note": note}
            shutil.rmtree(folder)
        raise RuntimeError(f"the run was over before each of {_ATTEMPTS} kills in phase {self.phase}")

    def _kill(self, folder: Path, delay: float, profile: str) -> str | None:
        """Kill a run a while after it came to the phase; in which it was, or None where it was over before."""
        command = self.commands.start(words(profile), folder.name, folder)
        while command.poll() is None and not reached(self.phase, folder / "runs"):
            time.sleep(0.002)
        command.poll(delay)
        victim: int | None = command.pid
        if self.kind == KINDS[1]:
            victim = _worker(command, folder.name)
        if victim is None or command.poll() is not None:
            return None
        phase = [each for each in PHASES if reached(each, folder / "runs")][-1]
        if self.kind in ("SIGKILL of the group", "Ctrl-C"):
            os.killpg(victim, signal.SIGINT if self.kind == "Ctrl-C" else signal.SIGKILL)
        else:
            os.kill(victim, signal.SIGTERM if self.kind == "SIGTERM" else signal.SIGKILL)
        status = command.wait(SECONDS)
        return phase if status or self.kind == KINDS[1] else None

    def _judged(self, folder: Path, profile: str) -> tuple[str, str]:
        """Outcome and note, after the command was given again."""
        if orphans := left(folder.name):
            end_all(orphans)
            return "process left", f"{len(orphans)} processes"
        if self.kind == "Ctrl-C" and "Traceback" in said(folder):
            return "traceback", said(folder).strip().splitlines()[-1]
        again = f"{folder.name}-again"
        status = self.commands.start(words(profile), again, folder).wait(SECONDS)
        if status != 0:
            return "not resumed", f"status {status}: {said(folder).strip().splitlines()[-1][:300]}"
        if left(again):
            return "process left", "after the run was continued"
        return _compared(folder, self.kind, self.model)


def _worker(command: Command, mark: str) -> int | None:
    """A process of a method, as soon as there is one; None where there is none until the end."""
    while command.poll() is None:
        if found := workers(mark):
            return found[0]
        time.sleep(0.002)
    return None


def _compared(folder: Path, kind: str, model: Undisturbed) -> tuple[str, str]:
    run = _run_folder(folder)
    if findings := verify(run).findings:
        return "verify complains", findings[0].what
    if files := temporary_files(folder):
        return "file left", ", ".join(files[:3])
    died, other = difference(run, model.folder)
    if other or (died and kind != "SIGKILL of the method"):
        return "other scores", ", ".join((other or died)[:3])
    return "same", f"{len(died)} rows say that the method's process died" if died else ""


def difference(run: Path, model: Path) -> tuple[list[str], list[str]]:
    """Registrations of a run whose process died, and others whose row or score differs from those of another run."""
    mine, theirs = _answers(run), _answers(model)
    died = [f"{key[0]} {key[1]}" for key, row in mine.items() if row[0] == Outcome.DIED.value]
    gone = set(died)
    differ = [f"{key[0]} {key[1]}" for key in theirs if mine.get(key) != theirs[key]]
    scores, others = _scores(run), _scores(model)
    differ += [f"score of {' '.join(key)}" for key in others if scores.get(key) != others[key]]
    return died, [each for each in differ if each.removeprefix("score of ") not in gone]


def _answers(folder: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    def told(row: EstimateRecord) -> tuple[Any, ...]:
        return row.outcome.value, row.pose, row.covariance, row.drr_evaluations, row.drr_evaluations_stated, row.error

    return {(row.label, row.case_id): told(row) for row in Journal(folder).estimates()}


def _scores(folder: Path) -> dict[tuple[str, str], str]:
    table = pd.read_parquet(folder / "scores.parquet")
    kept = [name for name in table.columns if not any(word in name for word in _TIMES)]
    return {
        (str(row["label"]), str(row["case_id"])): repr({name: row[name] for name in kept if not pd.isna(row[name])})
        for row in table.to_dict("records")
    }
