"""The files of a run: written line by line, flushed, and read back when a killed run continues."""

import json
import os
import shutil
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import tomli_w

from bench.cases.hashes import landmarks_hash, perturbation_hash
from bench.cases.records import (
    EstimateRecord,
    PatientRecord,
    ProblemRecord,
    Record,
    RecordType,
    TruthRecord,
    read_records,
)
from bench.errors import FluorobenchError
from bench.files import slug, write_text
from bench.protocol import Protocol, ProtocolError, protocol_hash, validate
from bench.run.environment import LAYOUT, Environment
from bench.run.parts import weights_used
from bench.text import one_line


class RunError(FluorobenchError):
    """A run folder that cannot be used as asked."""


class Journal:
    """A run's folder.

    Args:
        folder: ``runs/<protocol>-<profile>-<hash>``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, runs: Path, protocol: Protocol) -> "Journal":
        """The journal of a protocol's run, whether it is there or not."""
        return cls(runs / f"{protocol.name}-{protocol.profile}-{protocol_hash(protocol)}")

    @classmethod
    def open(cls, runs: Path, protocol: Protocol, environment: Environment, *, fresh: bool) -> "Journal":
        """Open the folder of this protocol: a new one, or the one that an interrupted run left.

        Raises:
            RunError: The folder was made by other code, with other weights, other threads or on another machine;
                ``fresh`` deletes it.
        """
        journal = cls.of(runs, protocol)
        environment = environment.model_copy(update={"weights": weights_used(protocol)})
        if fresh and journal.folder.exists():
            shutil.rmtree(journal.folder)
        if journal._exists():
            journal._require_layout()
            journal.refuse_others(environment.code_hash, environment.threads, environment.weights)
        else:
            journal.folder.mkdir(parents=True, exist_ok=True)
            journal._write("environment.json", environment.model_dump_json(indent=2) + "\n")
            journal._write("protocol.toml", tomli_w.dumps(protocol.model_dump(mode="json", exclude_none=True)))
        _link_latest(journal.folder)
        return journal

    @classmethod
    def existing(cls, folder: Path) -> "Journal":
        """Open the folder of an earlier run.

        Raises:
            RunError: It is not one, or its files have the layout of another version.
        """
        journal = cls(folder)
        if not journal._exists():
            raise RunError(f"{folder} is not a run's folder: expected protocol.toml and problems.jsonl in it")
        journal._require_layout()
        return journal

    @property
    def protocol(self) -> Protocol:
        """The resolved protocol."""
        path = self.folder / "protocol.toml"
        try:
            return validate(tomllib.loads(path.read_text()), source=str(path))
        except ProtocolError as error:
            raise RunError(f"{error}; if an earlier version made this run, run its protocol again") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{path} is damaged: {error}") from None

    @property
    def environment(self) -> Environment:
        """The machine and versions of the run.

        Raises:
            RunError: ``environment.json`` is damaged or missing.
        """
        path = self.folder / "environment.json"
        try:
            return Environment.model_validate_json(path.read_text())
        except (OSError, ValueError):
            raise RunError(
                f"{path} is damaged or missing; expected the file that the run wrote: start over with --fresh"
            ) from None

    @property
    def complete(self) -> bool:
        """Whether every registration was done: the truth is written last."""
        return (self.folder / "truth.jsonl").is_file()

    def patients(self) -> list[PatientRecord]:
        """The patients of the run."""
        return self._read("patients.jsonl", PatientRecord)

    def problems(self) -> list[ProblemRecord]:
        """The cases without their answers."""
        return self._read("problems.jsonl", ProblemRecord)

    def estimates(self) -> list[EstimateRecord]:
        """The estimates so far."""
        return self._read("estimates.jsonl", EstimateRecord)

    def truths(self) -> list[TruthRecord]:
        """The answers."""
        if not self.complete:
            raise RunError(f"{self.folder} is not finished (no truth.jsonl); run the same command again to continue")
        return self._read("truth.jsonl", TruthRecord)

    def require_seals(self) -> None:
        """Raise ``RunError`` unless starts, views, centres and landmarks match the hashes recorded by the run."""
        problems = self.problems()
        if {record.perturbation_hash for record in problems} != {perturbation_hash(problems)}:
            raise RunError(f"{self.folder}/problems.jsonl does not match the hash recorded by the run: it was altered")
        landmarks = {patient.patient_id: landmarks_hash(patient.landmarks) for patient in self.patients()}
        for problem in problems:
            if landmarks.get(problem.patient_id) != problem.landmarks_hash:
                raise RunError(f"{self.folder}/patients.jsonl: landmarks of {problem.patient_id!r} were altered")

    def write_cases(self, patients: Iterable[PatientRecord], problems: Sequence[ProblemRecord]) -> None:
        """Write the cases, or check that those of an interrupted run are the same.

        Raises:
            RunError: They are not: the dataset's files changed in between.
        """
        path = self.folder / "problems.jsonl"
        if path.exists():
            if self.problems() != list(problems):
                raise RunError(
                    f"{self.folder} was begun on other cases (did the CT change?); use --fresh to start over"
                )
            return
        self._write("patients.jsonl", _lines(patients))
        self._write("problems.jsonl", _lines(problems))

    def append(self, estimate: EstimateRecord) -> None:
        """Append one registration and flush it."""
        path = self.folder / "estimates.jsonl"
        with path.open("a") as file:
            file.write(estimate.model_dump_json() + "\n")

    def mend(self) -> None:
        """Cut the half-written line that a killed run may have left."""
        path = self.folder / "estimates.jsonl"
        if path.exists():
            text = path.read_bytes()
            whole = text.rfind(b"\n") + 1
            if whole < len(text):
                os.truncate(path, whole)

    def write_truth(self, truths: Iterable[TruthRecord]) -> None:
        """Write the answers: the run is complete."""
        self._write("truth.jsonl", _lines(truths))

    def keep_output(self, label: str, printed: str) -> None:
        """Add what a method printed to ``output/LABEL.txt``; nothing where it printed nothing."""
        if printed:
            path = self.folder / "output" / f"{slug(label)}.txt"
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            write_text(path, before + "".join(f"{one_line(line)}\n" for line in printed.splitlines()))

    def _exists(self) -> bool:
        return (self.folder / "protocol.toml").is_file()

    def _require_layout(self) -> None:
        """Refuse records of another version; a damaged ``environment.json`` is reported by those who need it."""
        try:
            environment: object = json.loads((self.folder / "environment.json").read_text())
        except (OSError, ValueError):
            return
        found = cast("dict[str, Any]", environment).get("layout", 1) if isinstance(environment, dict) else 1
        if found != LAYOUT:
            raise RunError(
                f"{self.folder} holds run files of layout {found}, this version reads layout {LAYOUT}; run the "
                "protocol again (start over with --fresh)"
            )

    def _read(self, name: str, kind: type[RecordType]) -> list[RecordType]:
        path = self.folder / name
        if not path.is_file():
            return []
        try:
            return read_records(path, kind)
        except ValueError as error:
            raise RunError(f"{path} is damaged: {str(error).splitlines()[0]}; use --fresh to start over") from None

    def _write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        write_text(self.folder / name, text, durable=True)

    def refuse_others(self, code_hash: str, threads: int | None, weights: Mapping[str, str]) -> None:
        """Raise ``RunError`` unless the run was made by this code, this kind of machine, these threads, these weights.

        Args:
            code_hash: ``bench.run.environment.code_hash``.
            threads: ``bench.run.meter.threads``.
            weights: ``bench.run.parts.weights_used`` of the protocol.
        """
        before = self.environment
        if before.code_hash != code_hash:
            raise RunError(
                f"{self.folder} was made by other code, versions or processor ({before.code_hash} then, {code_hash} "
                "now): rows must not be mixed; use --fresh to run it again"
            )
        if before.threads != threads:
            raise RunError(
                f"{self.folder} was made with {before.threads} threads, this process may use {threads}: rows differ "
                f"in their last digits; set OMP_NUM_THREADS and NUMBA_NUM_THREADS to {before.threads}, or use --fresh "
                "to run it again"
            )
        names = sorted(before.weights.keys() | weights.keys())
        changed = [name for name in names if before.weights.get(name) != weights.get(name)]
        if changed:
            raise RunError(
                f"{self.folder} was made with other weights ({changed[0]}{_and_more(changed)}): rows must not "
                "be mixed; use --fresh to run it again"
            )


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _lines(records: Iterable[Record]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)


def _link_latest(folder: Path) -> None:
    """Point ``runs/latest`` at the newest run; without effect where links are not supported."""
    link, part = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    with suppress(OSError):
        part.symlink_to(folder.name)
        try:
            part.replace(link)
        finally:
            part.unlink(missing_ok=True)
