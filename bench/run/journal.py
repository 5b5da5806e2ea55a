"""The files of a run: written line by line onto the disk, sealed, and read back when a killed run continues."""

import json
import os
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    read_lines,
    read_records,
    stream_records,
)
from bench.errors import FluorobenchError
from bench.files import open_no_link, sha256_of, slug, write_text
from bench.lock import LOCK
from bench.protocol import Protocol, ProtocolError, protocol_hash, validate
from bench.run.environment import LAYOUT, Environment
from bench.run.parts import weights_used
from bench.run.rows import Rows, sorted_out
from bench.run.seals import SEALED, SEALS, broken_seals, is_sealed, write_seals
from bench.text import one_line, parse_toml, printable

# Rows of methods that have changed since; an edit that is undone takes them up again.
EARLIER = "earlier.jsonl"
# Of what a row's method printed.
_OUTPUT_BYTES = 1 << 20


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
            RunError: The folder was made by another engine, with other threads or on another machine; ``fresh``
                deletes it.
        """
        journal = cls.of(runs, protocol)
        environment = environment.model_copy(update={"weights": weights_used(protocol)})
        if fresh:
            journal.clear()
        if journal.begun:
            journal._require_layout()
            journal.refuse_others(environment.code_hash, environment.threads)
            before = journal.environment.model_copy(update={"weights": environment.weights})
            journal._restore("environment.json", before.model_dump_json(indent=2) + "\n")
        else:
            journal.folder.mkdir(parents=True, exist_ok=True)
            journal._write("environment.json", environment.model_dump_json(indent=2) + "\n")
        journal._restore("protocol.toml", tomli_w.dumps(protocol.model_dump(mode="json", exclude_none=True)))
        link_latest(journal.folder)
        return journal

    @classmethod
    def existing(cls, folder: Path) -> "Journal":
        """Open the folder of an earlier run.

        Raises:
            RunError: It is not one, or its files have the layout of another version.
        """
        journal = cls(folder)
        if not (folder / "protocol.toml").is_file():
            raise RunError(f"{folder} is not a run's folder: expected protocol.toml and problems.jsonl in it")
        journal._require_layout()
        return journal

    @property
    def protocol(self) -> Protocol:
        """The resolved protocol."""
        path = self.folder / "protocol.toml"
        try:
            return validate(parse_toml(path.read_text()), source=str(path))
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
    def begun(self) -> bool:
        """Whether any file of a run is there."""
        return any((self.folder / name).exists() for name in (*SEALED, SEALS))

    @property
    def complete(self) -> bool:
        """Whether the truth was written, which happens last; rows may have been lost or damaged since (``rows``)."""
        return (self.folder / "truth.jsonl").is_file()

    def rows(self, recipes: Mapping[str, str] | None = None) -> Rows:
        """Which registrations can be used, which lines cannot, and what is missing.

        Args:
            recipes: Of the rows as they would be made now (``bench.run.recipe``); None = whatever made them.

        Raises:
            RunError: The cases cannot be read.
        """
        problems, lines = self.problems(), read_lines(self.folder / "estimates.jsonl", EstimateRecord)
        wanted = [(method.label, case.case_id) for method in self.protocol.methods for case in problems]
        name = problems[0].perturbation_hash if problems else ""
        return sorted_out(lines, wanted, perturbation=name, sealed=is_sealed(self.folder), recipes=recipes)

    def clear(self) -> None:
        """Delete a run's files, rows first: what a kill leaves of them is never taken for the rows of another run."""
        if not self.folder.is_dir():
            return
        last = ("environment.json", "protocol.toml")
        found = [each for each in self.folder.iterdir() if not each.name.startswith(LOCK)]
        found.sort(key=lambda each: (each.name in last, each.name != "estimates.jsonl"))
        for each in found:
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

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
        self.require_complete()
        return self._read("truth.jsonl", TruthRecord)

    def each_problem(self) -> Iterator[ProblemRecord]:
        """The cases one by one, for runs that are larger than the memory."""
        return self._stream("problems.jsonl", ProblemRecord)

    def each_estimate(self) -> Iterator[EstimateRecord]:
        """The estimates one by one."""
        return self._stream("estimates.jsonl", EstimateRecord)

    def each_truth(self) -> Iterator[TruthRecord]:
        """The answers one by one."""
        self.require_complete()
        return self._stream("truth.jsonl", TruthRecord)

    def require_complete(self) -> None:
        """Raise ``RunError`` unless the run is finished."""
        if not self.complete:
            raise RunError(f"{self.folder} is not finished (no truth.jsonl); run the same command again to continue")

    def require_seals(self) -> None:
        """Raise ``RunError`` unless the files are as the run left them, and the cases match the hashes it recorded."""
        if broken := broken_seals(self.folder):
            raise RunError(
                f"{self.folder}/{broken[0]}{_and_more(broken)} was altered or damaged since the run ended; "
                "`fluorobench verify` tells what; the run's own command does lost registrations again"
            )
        self.require_cases()

    def require_cases(self) -> None:
        """Raise ``RunError`` unless starts, views, centres and landmarks match the hashes recorded by the run."""
        stated, landmarks = set[str](), set[tuple[str, str]]()

        def noted() -> Iterator[ProblemRecord]:
            for problem in self.each_problem():
                stated.add(problem.perturbation_hash)
                landmarks.add((problem.patient_id, problem.landmarks_hash))
                yield problem

        if {perturbation_hash(noted())} != stated:
            raise RunError(f"{self.folder}/problems.jsonl does not match the hash recorded by the run: it was altered")
        known = {patient.patient_id: landmarks_hash(patient.landmarks) for patient in self.patients()}
        for patient_id, sealed in sorted(landmarks):
            if known.get(patient_id) != sealed:
                raise RunError(f"{self.folder}/patients.jsonl: landmarks of {patient_id!r} were altered")

    def write_cases(self, patients: Iterable[PatientRecord], problems: Sequence[ProblemRecord]) -> None:
        """Write the cases, or check that those of an interrupted run are the same; damaged ones are written again.

        Raises:
            RunError: They are not: the dataset's files changed in between.
        """
        given = {each.case_id: each for each in problems}
        recorded = read_lines(self.folder / "problems.jsonl", ProblemRecord).records.values()
        if any(each != given.get(each.case_id) for each in recorded):
            raise RunError(f"{self.folder} was begun on other cases (did the CT change?); use --fresh to start over")
        self._restore("patients.jsonl", _lines(patients))
        self._restore("problems.jsonl", _lines(problems))

    def append(self, *estimates: EstimateRecord) -> None:
        """Append registrations, each with a checksum, and wait until they are on the disk."""
        with open(self.folder / "estimates.jsonl", "ab", opener=open_no_link) as file:
            file.writelines(each.sealed().model_dump_json().encode() + b"\n" for each in estimates)
            file.flush()
            os.fsync(file.fileno())

    def mend(self, recipes: Mapping[str, str] | None = None) -> list[str]:
        """Make the rows ready to be continued.

        The half-written line that a killed run may have left is cut. Lines that are damaged, doubled or of another run
        are taken out, and their registrations will be done again; the file as it was is kept beside. So are rows of
        methods that have changed since; they are kept in ``earlier.jsonl``.

        Args:
            recipes: See ``rows``.

        Returns:
            A sentence for every line and every method that was taken out, and for a finished run for what it lacks.
        """
        path = self.folder / "estimates.jsonl"
        rows, finished = self.rows(recipes), self.complete
        if rows.dropped:
            shutil.copyfile(path, self.folder / f"estimates-damaged-{sha256_of(path)[:8]}.jsonl")
        if rows.replaced:
            self._set_aside(rows.replaced)
        if rows.dropped or rows.replaced:
            self._write("estimates.jsonl", _lines(rows.kept))
        elif path.is_file():
            _cut_torn(path)
        if finished and rows.missing:
            # No truth while methods run.
            for name in ("truth.jsonl", SEALS):
                (self.folder / name).unlink(missing_ok=True)
        told = [f"{path}: {fault}" for fault in rows.faults]
        counts = Counter(each.label for each in rows.replaced)
        told += [f"{label}: source or weights have changed; rows to be replaced: {n}" for label, n in counts.items()]
        lost = len(rows.missing) - len(rows.replaced)
        return [*told, f"{path}: {lost} registrations are missing"] if finished and lost > 0 else told

    def _set_aside(self, replaced: Sequence[EstimateRecord]) -> None:
        """Keep rows that are done again, and forget what their methods printed."""
        path = self.folder / EARLIER
        known = path.read_text().splitlines(keepends=True) if path.is_file() else []
        write_text(path, "".join(dict.fromkeys([*known, *_lines(replaced).splitlines(keepends=True)])))
        for label in {each.label for each in replaced}:
            (self.folder / "output" / f"{slug(label)}.txt").unlink(missing_ok=True)

    def write_truth(self, truths: Iterable[TruthRecord]) -> None:
        """Seal the run, then write the answers: it is complete."""
        text = _lines(truths)
        write_seals(self.folder, text)
        self._write("truth.jsonl", text)

    def keep_output(self, label: str, printed: str) -> None:
        """Add what a method printed to ``output/LABEL.txt``, which keeps its last MiB; no file for nothing."""
        if printed:
            path = self.folder / "output" / f"{slug(label)}.txt"
            before = path.read_bytes() if path.is_file() else b""
            whole = before + "".join(f"{printable(line).rstrip()}\n" for line in printed.splitlines()).encode()
            # The cut may go through a character.
            write_text(path, whole[-_OUTPUT_BYTES:].decode(errors="ignore"))

    def _require_layout(self) -> None:
        """Refuse records of another version; a damaged ``environment.json`` is reported by those who need it."""
        try:
            environment: object = json.loads((self.folder / "environment.json").read_text())
        except (OSError, ValueError, RecursionError):
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
            raise _damaged(path, error) from None

    def _stream(self, name: str, kind: type[RecordType]) -> Iterator[RecordType]:
        path = self.folder / name
        try:
            yield from stream_records(path, kind)
        except ValueError as error:
            raise _damaged(path, error) from None

    def _write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        write_text(self.folder / name, text, durable=True)

    def _restore(self, name: str, text: str) -> None:
        """Write a file unless it has this content: a kill or a disk may have taken it."""
        path = self.folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            self._write(name, text)

    def refuse_others(self, code_hash: str, threads: int | None) -> None:
        """Raise ``RunError`` unless the run was made by this engine, on this kind of machine, with these threads.

        Args:
            code_hash: ``bench.run.environment.code_hash``.
            threads: That methods' processes may use.
        """
        before = self.environment
        if before.code_hash != code_hash:
            raise RunError(
                f"{self.folder} was made by another engine, other versions or processor ({before.code_hash} then, "
                f"{code_hash} now): rows must not be mixed; use --fresh to run it again"
            )
        if before.threads != threads:
            raise RunError(
                f"{self.folder} was made with {before.threads} threads a method, this command would use {threads}: "
                f"rows differ in their last digits; give --threads {before.threads}, or use --fresh to run it again"
            )


def _damaged(path: Path, error: ValueError) -> RunError:
    return RunError(f"{path} is damaged: {one_line(str(error), 300)}; give the run's command again, which mends it")


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _cut_torn(path: Path) -> None:
    """Cut the bytes after the last line break."""
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        os.truncate(path, whole)


def _lines(records: Iterable[Record]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)


def link_latest(folder: Path) -> None:
    """Point ``runs/latest`` at the newest run; without effect where links are not supported."""
    link, part = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    with suppress(OSError):
        for killed in folder.parent.glob(".latest-*"):
            killed.unlink(missing_ok=True)
        part.symlink_to(folder.name)
        try:
            part.replace(link)
        finally:
            part.unlink(missing_ok=True)
