"""What stands on a board: every method of verified runs of the same cases, the newest rows of each ranked."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.cases.records import EstimateRecord
from bench.errors import FluorobenchError
from bench.protocol.model import MethodTable
from bench.report.summary import MethodRow
from bench.run.environment import Environment
from bench.run.seals import finished_at
from bench.run.verify import verify
from bench.score.compared import FAILED, Pair, compared, require_same_cases
from bench.score.finished import ScoredRun, open_run
from bench.score.statistics import of_label


class BoardError(FluorobenchError):
    """Runs that no board can be made of."""


@dataclass(frozen=True, slots=True, eq=False)
class BoardRun:
    """A verified run.

    Attributes:
        run: Finished and as it was left.
        finished: When it ended (UTC).
        environment: Machine and versions.
    """

    run: ScoredRun
    finished: datetime
    environment: Environment

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.run.folder.resolve().name


@dataclass(frozen=True, eq=False)
class Submission:
    """The rows of one method in one run.

    Attributes:
        of: The run.
        method: Label, plug-in and settings.
        answers: Checksum of what was answered and in what time.
        processors: Types of the processors that answered; none where it is not known, as of another program.
        threads: Numbers of threads; likewise.
        recipes: What made the rows (``bench.run.recipe``); likewise.
    """

    of: BoardRun
    method: MethodTable
    answers: str
    processors: tuple[str, ...]
    threads: tuple[str, ...]
    recipes: tuple[str, ...]

    @property
    def label(self) -> str:
        """Of the method."""
        return self.method.label

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Its scores."""
        return of_label(self.of.run.scores, self.label)

    @property
    def summary(self) -> MethodRow:
        """Its statistics."""
        return MethodRow(self.label, self.rows)


@dataclass(frozen=True, eq=False)
class Entries:
    """Everything that a board shows.

    Attributes:
        runs: The oldest first.
        histories: Submissions by label, the oldest first; the last one is ranked.
    """

    runs: Sequence[BoardRun]
    histories: dict[str, list[Submission]]

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order in which methods appeared."""
        return tuple(self.histories)

    @property
    def newest(self) -> list[Submission]:
        """What is ranked."""
        return [each[-1] for each in self.histories.values()]

    @property
    def submissions(self) -> Iterator[Submission]:
        """Of all methods, the newest of each first."""
        for each in self.histories.values():
            yield from reversed(each)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The rows that are ranked."""
        return pd.concat([each.rows for each in self.newest], ignore_index=True)

    @property
    def description(self) -> str:
        """One sentence on the cases."""
        return self.runs[-1].run.description

    @property
    def cases_hash(self) -> str:
        """Equal hashes mean identical cases."""
        return _cases_hash(self.runs[0].run)


def board_entries(folders: Iterable[Path]) -> Entries:
    """Verify the runs and merge them.

    Raises:
        BoardError: A run is not finished, or is not as it was left.
        ComparisonError: Their cases differ; says how.
        RunError: A folder is no run.
    """
    different = {each.resolve(): each for each in folders}
    runs = sorted((_verified(each) for each in different.values()), key=lambda each: (each.finished, each.name))
    if not runs:
        raise BoardError("expected at least one run; got none")
    for each in runs[1:]:
        if _cases_hash(each.run) != _cases_hash(runs[0].run):
            require_same_cases(runs[0].run.journal, each.run.journal)
    return Entries(runs, _histories(runs))


def verdict(before: Submission, after: Submission) -> str:
    """What changed from one submission of a method to the next, by the tests of the tables.

    Without times of another processor or other threads.
    """
    changes = compared(before.of.run, after.of.run, [Pair(before.label, after.label)])
    found = {each.metric: each.verdict for each in changes}
    named = [("mTRE", "mtre_mm"), ("failures", FAILED)]
    if (before.processors, before.threads) == (after.processors, after.threads):
        named.append(("time", "processor_seconds"))
    told = [f"{title} {found[metric]}" for title, metric in named if metric in found]
    return ", ".join(told) or "same errors"


def _verified(folder: Path) -> BoardRun:
    found = verify(folder)
    if found.findings:
        first = found.findings[0]
        raise BoardError(
            f"{folder} is not as its run left it: {first.file or 'its files'}: {first.what}; `fluorobench verify "
            f"{folder}` lists everything; leave it out or run it again"
        )
    if not found.finished:
        raise BoardError(
            f"{folder} is not finished ({found.rows:,} of {found.expected:,} registrations): the run's own command "
            "continues it; leave it out until then"
        )
    if not found.sealed:
        raise BoardError(f"{folder} has no seals, which an earlier version did not write: run its protocol again")
    run = open_run(folder)
    return BoardRun(run, finished_at(folder), run.journal.environment)


def _cases_hash(run: ScoredRun) -> str:
    return next(iter(run.journal.each_problem())).perturbation_hash


def _histories(runs: Sequence[BoardRun]) -> dict[str, list[Submission]]:
    """Rows that a later run took over from an earlier one are that one's."""
    found = dict[str, list[Submission]]()
    for run in runs:
        for each in _submissions(run):
            history = found.setdefault(each.label, [])
            if all(each.answers != known.answers for known in history):
                history.append(each)
    return found


def _submissions(run: BoardRun) -> Iterator[Submission]:
    records = dict[str, list[EstimateRecord]]()
    for each in run.run.journal.each_estimate():
        records.setdefault(each.label, []).append(each)
    for method in run.run.protocol.methods:
        own = records[method.label]
        yield Submission(
            run,
            method,
            _checksum(own),
            _different(each.processor for each in own),
            _different(each.threads for each in own),
            _different(each.recipe for each in own),
        )


def _checksum(records: Iterable[EstimateRecord]) -> str:
    lines = sorted(repr((each.case_id, each.pose, each.outcome, each.seconds)) for each in records)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _different(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(each) for each in values if each is not None))
