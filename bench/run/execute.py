"""Execute a protocol: build the cases, pass them to every method, record each estimate at once.

Methods are the outer loop and patients the inner one: one method's process lives at a time, so memory does not grow
with the number of methods. Prepared patients and cases stay in memory while they are small; otherwise they are made
again, bit for bit.
"""

import json
import typing
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

from bench.cases.build import BuiltCase, build_case, case_ids, landmark_records, view_record
from bench.cases.hashes import perturbation_hash
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord, TruthRecord
from bench.contract import Dataset, Outcome, Problem, View, patient_origin
from bench.protocol import Protocol
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.environment import reference_kernel_seconds
from bench.run.first_stage import first_stage
from bench.run.isolation import IsolatedMethod
from bench.run.journal import Journal
from bench.run.reply import Answered, Done, Failed, Reply
from bench.volume import Volume

KEPT_BYTES = 300 * 2**20
# Of the reference kernel, some 10 ms each, between two cases.
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A step, for a progress bar: ``phase`` is ``preparing`` or ``registering``."""

    phase: str
    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """What methods are given of a patient: cases with their moving volumes and images."""

    cases: list[BuiltCase]

    @property
    def size_bytes(self) -> int:
        views = [view for each in self.cases for view in each.case.problem.views]
        images = [array for view in views for array in (view.image, view.valid) if array is not None]
        volumes = {id(each.case.problem.volume): each.case.problem.volume for each in self.cases}.values()
        grids = [grid for each in volumes for grid in (each.hu, each.labels, each.mask) if grid is not None]
        return sum(array.nbytes for array in (*images, *grids))


class RunningMethod(typing.Protocol):
    """A row's method, ready to be asked; see ``bench.run.isolation.IsolatedMethod``."""

    def __enter__(self) -> "RunningMethod": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def prepare(self, volume: Volume, views: Sequence[View]) -> Reply:
        """Prepare for a patient."""
        ...

    def register(self, problem: Problem) -> Reply:
        """Answer a problem of that patient."""
        ...

    def stop(self) -> None:
        """End it."""
        ...

    def printed(self) -> str:
        """What it printed."""
        ...


OpenMethod: TypeAlias = Callable[[MethodTable, BudgetTable], RunningMethod]


class Execution:
    """One protocol being run.

    ``prepare`` loads every patient and draws every case, so that invalid input is refused before a folder is made;
    ``register`` then fills the folder.
    """

    def __init__(self, protocol: Protocol, open_method: OpenMethod = IsolatedMethod) -> None:
        """Bind a protocol.

        Args:
            protocol: Resolved.
            open_method: Builds a row's method; in a process of its own, but for studies that plant defects in this one.
        """
        self._protocol, self._open_method = protocol, open_method
        self._dataset = open_dataset(protocol)
        self._patients = patient_ids(protocol, self._dataset)
        self._kept: dict[str, _Posed] = {}
        self._patient_records: list[PatientRecord] = []
        self._problems: list[ProblemRecord] = []
        self._truths: list[TruthRecord] = []

    def prepare(self) -> Iterator[RunProgress]:
        """Draw all cases; yields a step at a time."""
        problems: list[ProblemRecord] = []
        for index, patient_id in enumerate(self._patients):
            yield RunProgress("preparing", index, len(self._patients), patient_id)
            patient = load_patient(self._protocol, self._dataset, patient_id)
            self._patient_records.append(_patient_record(self._protocol, self._dataset, patient))
            cases = self._pose(patient).cases
            problems.extend(each.problem_record for each in cases)
            self._truths.extend(each.truth_record for each in cases)
        name = perturbation_hash(problems)
        self._problems = [each.model_copy(update={"perturbation_hash": name}) for each in problems]
        yield RunProgress("preparing", len(self._patients), len(self._patients), "")

    def for_rows(self, methods: tuple[MethodTable, ...]) -> "Execution":
        """The same cases, once they are drawn, for other rows."""
        other = copy(self)
        other._protocol = self._protocol.model_copy(update={"methods": methods})
        return other

    @property
    def unreferenced(self) -> dict[str, list[str]]:
        """Acquisitions left out because they have no reference pose, by patient; known once all cases are drawn."""
        return {each.patient_id: each.unreferenced for each in self._patient_records if each.unreferenced}

    def resume(self, journal: Journal) -> list[str]:
        """Write the cases, and make the rows of an interrupted run ready; returns a sentence for each that is lost."""
        journal.write_cases(self._patient_records, self._problems)
        return journal.mend()

    def register(self, journal: Journal) -> Iterator[RunProgress]:
        """Do every registration that the journal does not hold yet, then write the truth; yields a step at a time."""
        self.resume(journal)
        done = {(each.label, each.case_id) for each in journal.estimates()}
        total = len(self._protocol.methods) * self._protocol.cases
        yield RunProgress("registering", len(done), total, "")
        for choice in self._protocol.methods:
            for record in self._register_method(choice, done, journal):
                journal.append(record)
                done.add((record.label, record.case_id))
                yield RunProgress("registering", len(done), total, f"{record.label} {record.case_id}")
        journal.write_truth(self._truths)

    def _register_method(
        self, choice: MethodTable, done: set[tuple[str, str]], journal: Journal
    ) -> Iterator[EstimateRecord]:
        name = self._problems[0].perturbation_hash
        first = first_stage(choice, self._protocol.methods, journal.estimates())
        with self._open_method(choice if first is None else first.rest, self._protocol.budget) as method:
            for patient_id in self._patients:
                left = [case for case in case_ids(self._protocol, patient_id) if (choice.label, case) not in done]
                if not left:
                    continue
                posed = self._posed(patient_id)
                wanted = [each for each in posed.cases if each.case.problem.case_id in left]
                begun = [each.case.problem if first is None else first.begun(each.case.problem) for each in wanted]
                yield from (each for each in begun if isinstance(each, EstimateRecord))
                problems = [each for each in begun if isinstance(each, Problem)]
                unit = reference_kernel_seconds(_REPEATS)
                for case_id, reply, ready in _answers(method, problems):
                    before, unit = unit, reference_kernel_seconds(_REPEATS)
                    record = _record(choice.label, case_id, name, reply, ready)
                    record = record.model_copy(update={"reference_seconds": (before + unit) / 2})
                    yield record if first is None else first.whole(record)
            method.stop()
            journal.keep_output(choice.label, method.printed())

    def _posed(self, patient_id: str) -> _Posed:
        kept = self._kept.get(patient_id)
        return self._pose(load_patient(self._protocol, self._dataset, patient_id)) if kept is None else kept

    def _pose(self, patient: PreparedPatient) -> _Posed:
        """Build a patient's cases; they stay in memory while they are small."""
        names = case_ids(self._protocol, patient.id)
        posed = _Posed([build_case(self._protocol, patient, index) for index in range(len(names))])
        if posed.size_bytes + sum(each.size_bytes for each in self._kept.values()) <= KEPT_BYTES:
            self._kept[patient.id] = posed
        return posed


def _patient_record(protocol: Protocol, dataset: Dataset, patient: PreparedPatient) -> PatientRecord:
    return PatientRecord(
        patient_id=patient.id,
        patient_hash=patient.hash,
        dataset=protocol.data.dataset,
        origin=patient_origin(dataset, patient.id),
        landmarks=landmark_records(patient),
        voxels_hash=patient.patient.volume.voxels_hash(),
        unreferenced=list(patient.unreferenced),
        extent=patient.extent,
    )


def _answers(method: RunningMethod, problems: list[Problem]) -> Iterator[tuple[str, Reply, Reply]]:
    """One reply per problem, also after failures, and the one to preparing."""
    for group in _by_preparation(problems):
        yield from _answers_of_group(method, group)


def _by_preparation(problems: list[Problem]) -> list[list[Problem]]:
    """Problems that share their volume and their views' geometry: a method prepares once for each group."""
    groups: dict[tuple[int, str], list[Problem]] = {}
    for problem in problems:
        views = json.dumps([view_record(view).model_dump(mode="json") for view in problem.views])
        groups.setdefault((id(problem.volume), views), []).append(problem)
    return list(groups.values())


def _answers_of_group(method: RunningMethod, problems: list[Problem]) -> Iterator[tuple[str, Reply, Reply]]:
    views = tuple(view.without_image() for view in problems[0].views)
    ready = method.prepare(problems[0].volume, views)
    for problem in problems:
        # A method that could not get ready gets its row for every case, and no second chance with this patient.
        if isinstance(ready, Failed):
            yield problem.case_id, ready.model_copy(update={"cost": None, "waited": None}), ready
        else:
            yield problem.case_id, method.register(problem), ready


def _record(label: str, case_id: str, name: str, reply: Reply, ready: Reply) -> EstimateRecord:
    cost, to_prepare = reply.cost, ready.cost
    common = EstimateRecord(
        label=label,
        case_id=case_id,
        perturbation_hash=name,
        pose=None,
        outcome=Outcome.INVALID,
        seconds=_seconds(reply),
        seconds_prepare=_seconds(ready) or 0.0,
        seconds_by_phase={},
        drr_evaluations=0 if cost is None else cost.rendered,
        processor_seconds=None if cost is None else cost.processor_seconds,
        processor_seconds_prepare=None if to_prepare is None else to_prepare.processor_seconds,
        threads=None if cost is None else cost.threads,
        drr_evaluations_prepare=0 if to_prepare is None else to_prepare.rendered,
    )
    return common.model_copy(update=_found(reply))


def _found(reply: Reply) -> dict[str, Any]:
    """The fields of a row that the method answered; or why there are none."""
    match reply:
        case Answered():
            return {
                "pose": reply.pose,
                "outcome": reply.outcome,
                "seconds_by_phase": reply.seconds,
                "drr_evaluations_stated": reply.drr_evaluations,
                "covariance": reply.covariance,
            }
        case Failed():
            return {"outcome": reply.outcome, "error": reply.reason}
        case Done():
            return {"error": "it returned no estimate"}


def _seconds(reply: Reply) -> float | None:
    """By the process's clock; by the harness's where the process gave none; None where the case was skipped."""
    if isinstance(reply, Failed) and (reply.outcome is Outcome.SKIPPED or reply.cost is None):
        return None if reply.outcome is Outcome.SKIPPED else reply.waited
    return None if reply.cost is None else reply.cost.seconds
