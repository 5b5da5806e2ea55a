"""Make a run of a table of answers: the rows of the run that holds the truth, and one for each label beside them."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import tomli_w

from bench.cases.records import EstimateRecord, MatrixList, as_list
from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.exchange.answers import Answer, Answers
from bench.exchange.export import read_index
from bench.exchange.model import INDEX_FILE
from bench.exchange.scratch import Scratch
from bench.files import write_text
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.declared import DECLARED
from bench.run.journal import Journal, RunError, link_latest
from bench.run.seals import same_seals
from bench.score.finished import ScoredRun, open_run

PLUGIN = "external"
NO_POSE = "the table of answers has no pose for it"
_COPIED = ("environment.json", "patients.jsonl", "problems.jsonl")


class AnsweredError(FluorobenchError):
    """Answers that no run can be made of."""


def run_with_truth(place: Path, runs: Path) -> ScoredRun:
    """The finished run that holds the truth of exported problems; or, given a run's folder, that run.

    Args:
        place: A folder of exported problems, or of a run.
        runs: Where runs of exported problems lie; of several the one with the fewest rows is taken.

    Raises:
        AnsweredError: There is none.
    """
    if not (place / INDEX_FILE).is_file():
        return open_run(place)
    index = read_index(place)
    journals = [Journal(each) for each in sorted(runs.glob(f"{index.protocol}-{index.profile}-*"))]
    same = [each for each in journals if each.complete and _are_of(each, index.problems)]
    if same:
        # That of the export has the fewest rows; others hold answers, or methods of ours.
        return open_run(min(same, key=lambda each: len(each.protocol.methods)).folder)
    raise AnsweredError(
        f"no run in {runs} holds the truth of {place} (problems {index.problems[:8]}); give `fluorobench export "
        f"{index.protocol} --profile {index.profile}` again, or name the run's folder"
    )


def _are_of(journal: Journal, problems: str) -> bool:
    """Whether a run is of these problems; a damaged one, or one of an earlier version, is not."""
    with suppress(RunError):
        return any(each.perturbation_hash == problems for each in islice(journal.each_problem(), 1))
    return False


def write_answered(run: ScoredRun, answers: Answers, runs: Path) -> ScoredRun:
    """Write the run of answers, whole or not at all.

    A folder that holds the same answers beside the same rows and truth is left as it is; one that holds others, such as
    rows of earlier code, is replaced.

    Args:
        run: Holds the truth.
        answers: To its cases.
        runs: Folder for runs.

    Raises:
        AnsweredError: A label is that of a row of ``run``.
    """
    protocol = _protocol(run, answers)
    folder = Journal.of(runs, protocol).folder
    runs.mkdir(parents=True, exist_ok=True)
    with Scratch(runs, f".{folder.name}.part-") as place:
        part = place / folder.name
        part.mkdir()
        _fill(part, run, protocol, answers)
        if not same_seals(part, folder):
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
    link_latest(folder)
    return open_run(folder)


def _protocol(run: ScoredRun, answers: Answers) -> Protocol:
    rows = run.protocol.methods
    if taken := [each.label for each in rows if each.label in answers.by_label]:
        raise AnsweredError(
            f"{run.folder} has a row {taken[0]!r} of its own; choose another label for the answers of that name"
        )
    added = (
        MethodTable(label=label, plugin=PLUGIN, settings={"answers": answers.digest(label)})
        for label in answers.by_label
    )
    return run.protocol.model_copy(update={"methods": (*rows, *added)})


def _fill(folder: Path, run: ScoredRun, protocol: Protocol, answers: Answers) -> None:
    """All files of a finished run, the truth last."""
    for name in (*_COPIED, *([DECLARED] if (run.folder / DECLARED).is_file() else [])):
        shutil.copyfile(run.folder / name, folder / name)
    write_text(folder / "protocol.toml", tomli_w.dumps(protocol.model_dump(mode="json", exclude_none=True)))
    name = run.journal.problems()[0].perturbation_hash
    records = [*run.journal.estimates(), *_records(answers, name)]
    write_text(folder / "estimates.jsonl", "".join(_lines(records)), durable=True)
    Journal(folder).write_truth(run.journal.truths())


def _lines(records: Iterable[EstimateRecord]) -> Iterator[str]:
    return (record.sealed().model_dump_json() + "\n" for record in records)


def _records(answers: Answers, name: str) -> Iterator[EstimateRecord]:
    return (_record(each, name) for rows in answers.by_label.values() for each in rows)


def _record(answer: Answer, name: str) -> EstimateRecord:
    """A row without what is measured in a method's process."""
    pose: MatrixList | None = None if answer.pose is None else as_list(answer.pose)
    return EstimateRecord(
        label=answer.label,
        case_id=answer.case_id,
        perturbation_hash=name,
        pose=pose,
        outcome=Outcome.INVALID if pose is None else Outcome.CONVERGED,
        seconds=answer.seconds,
        seconds_prepare=0.0,
        seconds_by_phase={},
        drr_evaluations=0,
        error=(answer.error or NO_POSE) if pose is None else None,
    )
