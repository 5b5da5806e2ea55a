"""Everything that can be checked of a run's folder without its data: seals, hashes, rows lost or doubled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cases.hashes import truth_hash
from bench.errors import FluorobenchError
from bench.protocol import protocol_hash
from bench.run.journal import Journal, RunError
from bench.run.seals import broken_seals, is_sealed

_FEW = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: the file, what is wrong, and what to do."""

    file: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a folder holds.

    Attributes:
        rows: Usable ones.
        expected: Rows of the finished run; 0 where the cases cannot be read.
        finished: Whether the truth was written.
        sealed: Whether it has seals; runs of earlier versions have none.
        findings: Faults; none = everything is as the run left it.
    """

    rows: int
    expected: int
    finished: bool
    sealed: bool
    findings: list[Finding]


AGAIN = "give the run's command again: it does these registrations again"
FRESH = "run it again with --fresh"


def verify(folder: Path) -> Verified:
    """Check a run's folder.

    Raises:
        RunError: It is none.
    """
    journal = Journal.existing(folder)
    findings = [each for check in _CHECKS for each in _safely(check, journal)]
    try:
        rows = journal.rows()
    except RunError:
        return Verified(0, 0, journal.complete, is_sealed(folder), findings)
    kept, missing = len(rows.kept), len(rows.missing)
    return Verified(kept, kept + missing, journal.complete, is_sealed(folder), findings)


def _safely(check: Callable[[Journal], Iterator[Finding]], journal: Journal) -> Iterator[Finding]:
    """The findings of a check; a file that it cannot read is one."""
    try:
        yield from check(journal)
    except (FluorobenchError, OSError) as error:
        yield Finding("", str(error), FRESH)


def _protocol(journal: Journal) -> Iterator[Finding]:
    protocol = journal.protocol
    name = f"{protocol.name}-{protocol.profile}-{protocol_hash(protocol)}"
    if journal.folder.resolve().name != name:
        yield Finding("protocol.toml", f"does not belong to this folder: its run is called {name}", FRESH)


def _environment(journal: Journal) -> Iterator[Finding]:
    try:
        _ = journal.environment
    except RunError as error:
        yield Finding("environment.json", str(error), FRESH)


def _cases(journal: Journal) -> Iterator[Finding]:
    try:
        journal.require_cases()
    except RunError as error:
        yield Finding("problems.jsonl, patients.jsonl", str(error), AGAIN)


def _rows(journal: Journal) -> Iterator[Finding]:
    rows, file = journal.rows(), "estimates.jsonl"
    for fault in rows.faults:
        yield Finding(file, fault, AGAIN)
    if journal.complete and rows.missing:
        some = ", ".join(f"{label} {case}" for label, case in rows.missing[:_FEW])
        more = f" and {len(rows.missing) - _FEW} more" if len(rows.missing) > _FEW else ""
        yield Finding(file, f"lacks {len(rows.missing)} registrations of a finished run: {some}{more}", AGAIN)


def _truths(journal: Journal) -> Iterator[Finding]:
    if not journal.complete:
        return
    hashes = {each.case_id: each.truth_hash for each in journal.problems()}
    answers = {each.case_id: each for each in journal.truths()}
    for case_id, sealed in hashes.items():
        if case_id not in answers:
            yield Finding("truth.jsonl", f"lacks case {case_id}", FRESH)
        elif truth_hash(answers[case_id]) != sealed:
            yield Finding("truth.jsonl", f"case {case_id} is not the truth sealed before the run", FRESH)


def _seals(journal: Journal) -> Iterator[Finding]:
    for name in broken_seals(journal.folder):
        yield Finding(name, "is not as the run left it: altered or damaged since", FRESH)


_CHECKS = (_protocol, _environment, _cases, _rows, _truths, _seals)
