"""Execute a protocol: build the cases, pass them to every method, record each estimate at once.

Methods are the outer loop and patients the inner one: one method's process lives at a time, so memory does not grow
with the number of methods. Prepared patients and cases stay in memory while they are small; otherwise they are made
again, bit for bit.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.cases.build import BuiltCase, build_case, case_ids, landmark_records
from bench.cases.hashes import perturbation_hash
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord, TruthRecord, as_list
from bench.contract import Dataset, Estimate, Outcome, patient_origin
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.isolation import IsolatedMethod, MethodDiedError, MethodTimeoutError
from bench.run.journal import Journal
from bench.run.meter import Cost
from bench.run.worker import Done, InvalidEstimate, Raised, Reply, Skipped

KEPT_BYTES = 300 * 2**20


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A step, for a progress bar: ``phase`` is ``preparing`` or ``registering``."""

    phase: str
    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A patient with its cases."""

    patient: PreparedPatient
    cases: list[BuiltCase]

    @property
    def size_bytes(self) -> int:
        views = [view for each in self.cases for view in each.case.problem.views]
        images = sum(view.image.nbytes for view in views if view.image is not None)
        return images + 8 * self.patient.moving.hu.nbytes + self.patient.patient.volume.hu.nbytes


class Execution:
    """One protocol being run.

    ``prepare`` loads every patient and draws every case, so that invalid input is refused before a folder is made;
    ``register`` then fills the folder.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._dataset = open_dataset(protocol)
        self._patients = patient_ids(protocol, self._dataset)
        self._kept: dict[str, _Prepared] = {}
        self._patient_records: list[PatientRecord] = []
        self._problems: list[ProblemRecord] = []
        self._truths: list[TruthRecord] = []

    def prepare(self) -> Iterator[RunProgress]:
        """Draw all cases; yields a step at a time."""
        problems: list[ProblemRecord] = []
        for index, patient_id in enumerate(self._patients):
            yield RunProgress("preparing", index, len(self._patients), patient_id)
            prepared = self._prepared(patient_id)
            self._patient_records.append(_patient_record(self._protocol, self._dataset, prepared.patient))
            problems.extend(each.problem_record for each in prepared.cases)
            self._truths.extend(each.truth_record for each in prepared.cases)
        name = perturbation_hash(problems)
        self._problems = [each.model_copy(update={"perturbation_hash": name}) for each in problems]
        yield RunProgress("preparing", len(self._patients), len(self._patients), "")

    @property
    def unreferenced(self) -> dict[str, list[str]]:
        """Acquisitions left out because they have no reference pose, by patient; known once all cases are drawn."""
        return {each.patient_id: each.unreferenced for each in self._patient_records if each.unreferenced}

    def register(self, journal: Journal) -> Iterator[RunProgress]:
        """Do every registration that the journal does not hold yet, then write the truth; yields a step at a time."""
        journal.write_cases(self._patient_records, self._problems)
        journal.mend()
        done = {(each.label, each.case_id) for each in journal.estimates()}
        total = len(self._protocol.methods) * self._protocol.cases
        yield RunProgress("registering", len(done), total, "")
        for choice in self._protocol.methods:
            for record in self._register_method(choice, done):
                journal.append(record)
                done.add((record.label, record.case_id))
                yield RunProgress("registering", len(done), total, f"{record.label} {record.case_id}")
        journal.write_truth(self._truths)

    def _register_method(self, choice: MethodTable, done: set[tuple[str, str]]) -> Iterator[EstimateRecord]:
        name = self._problems[0].perturbation_hash
        with IsolatedMethod(choice, self._protocol.budget) as method:
            for patient_id in self._patients:
                left = [case for case in case_ids(self._protocol, patient_id) if (choice.label, case) not in done]
                if not left:
                    continue
                prepared = self._prepared(patient_id)
                wanted = [each for each in prepared.cases if each.case.problem.case_id in left]
                for case_id, answer, ready in _answers(method, prepared.patient, wanted):
                    yield _record(choice.label, case_id, name, answer, ready)

    def _prepared(self, patient_id: str) -> _Prepared:
        if patient_id in self._kept:
            return self._kept[patient_id]
        patient = load_patient(self._protocol, self._dataset, patient_id)
        cases = [build_case(self._protocol, patient, index) for index in range(self._protocol.start.per_patient)]
        prepared = _Prepared(patient, cases)
        if prepared.size_bytes + sum(each.size_bytes for each in self._kept.values()) <= KEPT_BYTES:
            self._kept[patient_id] = prepared
        return prepared


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


@dataclass(frozen=True, slots=True)
class _Lost:
    """No reply: the process was killed or died."""

    outcome: Outcome
    error: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reply, and how long the harness waited for it."""

    reply: Reply | _Lost
    waited: float | None

    @property
    def cost(self) -> Cost | None:
        """Measured in the method's process; None where it died or could not be built."""
        return None if isinstance(self.reply, _Lost) else self.reply.cost

    @property
    def seconds(self) -> float | None:
        """By the process's clock; by the harness's where there is no answer; None where the case was skipped."""
        match self.reply:
            case Skipped():
                return None
            case Done(Cost(seconds=seconds)) | InvalidEstimate(cost=Cost(seconds=seconds)):
                return seconds
            case _:
                return self.waited


def _answers(
    method: IsolatedMethod, patient: PreparedPatient, cases: list[BuiltCase]
) -> Iterator[tuple[str, _Answer, _Answer]]:
    """One reply per case, also after failures; with the one to preparing."""
    for group in _by_geometry(cases):
        yield from _answers_of_geometry(method, patient, group)


def _by_geometry(cases: list[BuiltCase]) -> list[list[BuiltCase]]:
    """Cases that share their views' geometry: a method prepares once for each; simulated ones are one group."""
    groups: dict[str, list[BuiltCase]] = {}
    for built in cases:
        key = json.dumps([view.model_dump(mode="json", exclude={"drawn"}) for view in built.problem_record.views])
        groups.setdefault(key, []).append(built)
    return list(groups.values())


def _answers_of_geometry(
    method: IsolatedMethod, patient: PreparedPatient, cases: list[BuiltCase]
) -> Iterator[tuple[str, _Answer, _Answer]]:
    views = tuple(view.without_image() for view in cases[0].case.problem.views)
    ready = _ask(partial(method.prepare, patient.moving, views))
    unready = _Answer(ready.reply, None)
    for problem in (built.case.problem for built in cases):
        # A method that could not get ready gets its row for every case, and no second chance with this patient.
        answer = _ask(partial(method.register, problem)) if isinstance(ready.reply, Done) else unready
        yield problem.case_id, answer, ready


def _ask(request: Callable[[], Reply]) -> _Answer:
    began = time.perf_counter()
    reply: Reply | _Lost
    try:
        reply = request()
    except MethodTimeoutError as error:
        reply = _Lost(Outcome.TIMED_OUT, str(error))
    except MethodDiedError as error:
        reply = _Lost(Outcome.DIED, str(error))
    return _Answer(reply, time.perf_counter() - began)


def _record(label: str, case_id: str, name: str, answer: _Answer, ready: _Answer) -> EstimateRecord:
    outcome, error, estimate = _judge(answer.reply)
    cost, to_prepare = answer.cost if answer.waited is not None else None, ready.cost
    return EstimateRecord(
        label=label,
        case_id=case_id,
        perturbation_hash=name,
        pose=None if estimate is None else as_list(np.asarray(estimate.pose)),
        outcome=outcome,
        seconds=answer.seconds,
        seconds_prepare=ready.seconds or 0.0,
        seconds_by_phase={} if estimate is None else dict(estimate.seconds),
        drr_evaluations=0 if cost is None else cost.rendered,
        processor_seconds=None if cost is None else cost.processor_seconds,
        processor_seconds_prepare=None if to_prepare is None else to_prepare.processor_seconds,
        threads=None if cost is None else cost.threads,
        drr_evaluations_prepare=0 if to_prepare is None else to_prepare.rendered,
        drr_evaluations_stated=None if estimate is None else estimate.drr_evaluations,
        covariance=None if estimate is None or estimate.covariance is None else as_list(estimate.covariance),
        error=error,
    )


def _judge(reply: Reply | _Lost) -> tuple[Outcome, str | None, Estimate | None]:
    """Outcome, error, and the estimate where its pose can be used."""
    match reply:
        case _Lost(outcome, error):
            return outcome, error, None
        case Skipped(reason):
            return Outcome.SKIPPED, reason, None
        case Raised(error):
            return Outcome.RAISED, error, None
        case InvalidEstimate(error):
            return Outcome.INVALID, error, None
        case Done(estimate=Estimate() as estimate):
            return estimate.outcome, None, estimate
        case Done():
            return Outcome.INVALID, "it returned no estimate", None
