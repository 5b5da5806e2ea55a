"""Execute a protocol: pose the cases, hand them to every method, write down each answer as it comes.

Patients are the outer loop and methods the inner one, so that a drift of the machine's speed meets all methods alike.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench import registry
from bench.contract import Estimate, Outcome
from bench.geometry import is_rigid
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.cases import PosedCase, case_ids, pose_case
from bench.run.hashes import perturbation_hash
from bench.run.isolation import IsolatedMethod, MethodDiedError, MethodTimeoutError
from bench.run.journal import Journal
from bench.run.records import EstimateRecord, LandmarkRecord, PatientRecord, ProblemRecord, TruthRecord, as_list
from bench.run.staging import StagedPatient, open_dataset, patient_ids, stage_patient
from bench.run.worker import Broke, Declined, Done, Reply


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened, for a progress bar: ``phase`` is ``posing`` or ``registering``."""

    phase: str
    done: int
    total: int
    what: str


class Execution:
    """One protocol being run.

    ``pose`` loads every patient and draws every case, so that whatever can be refused is refused before a folder is
    made; ``register`` then fills the folder.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._dataset = open_dataset(protocol)
        self._patients = patient_ids(protocol, self._dataset)
        self._patient_records: list[PatientRecord] = []
        self._problems: list[ProblemRecord] = []
        self._truths: list[TruthRecord] = []

    def pose(self) -> Iterator[Progress]:
        """Draw all cases; yields as it goes."""
        problems: list[ProblemRecord] = []
        for index, patient_id in enumerate(self._patients):
            yield Progress("posing", index, len(self._patients), patient_id)
            staged = self._stage(patient_id)
            self._patient_records.append(_patient_record(self._protocol, staged))
            for posed in self._cases(staged):
                problems.append(posed.problem_record)
                self._truths.append(posed.truth_record)
        name = perturbation_hash(problems)
        self._problems = [each.model_copy(update={"perturbation_hash": name}) for each in problems]
        yield Progress("posing", len(self._patients), len(self._patients), "")

    def register(self, journal: Journal) -> Iterator[Progress]:
        """Do every registration that the journal does not hold yet, then write the truth; yields as it goes."""
        journal.write_cases(self._patient_records, self._problems)
        yield from self._register_all(journal, self._problems[0].perturbation_hash)
        journal.write_truth(self._truths)

    def _register_all(self, journal: Journal, name: str) -> Iterator[Progress]:
        journal.mend()
        done = {(each.label, each.case_id) for each in journal.estimates()}
        total = len(self._protocol.methods) * self._protocol.cases
        with ExitStack() as stack:
            workers = [
                (choice, stack.enter_context(IsolatedMethod(choice, self._protocol.budget)))
                for choice in self._protocol.methods
            ]
            for patient_id in self._patients:
                left = _left(self._protocol, patient_id, done)
                if not left:
                    continue
                staged = self._stage(patient_id)
                cases = self._cases(staged)
                for choice, worker in workers:
                    wanted = [posed for posed in cases if (choice.label, posed.case.problem.case_id) in left]
                    for record in _register_patient(choice, worker, staged, wanted, name):
                        journal.append(record)
                        done.add((record.label, record.case_id))
                        yield Progress("registering", len(done), total, f"{record.label} {record.case_id}")

    def _stage(self, patient_id: str) -> StagedPatient:
        return stage_patient(self._protocol, self._dataset, patient_id)

    def _cases(self, staged: StagedPatient) -> list[PosedCase]:
        return [pose_case(self._protocol, staged, index) for index in range(self._protocol.start.per_patient)]


def _left(protocol: Protocol, patient_id: str, done: set[tuple[str, str]]) -> set[tuple[str, str]]:
    wanted = {(choice.label, case) for choice in protocol.methods for case in case_ids(protocol, patient_id)}
    return wanted - done


def _patient_record(protocol: Protocol, staged: StagedPatient) -> PatientRecord:
    card = registry.card("datasets", protocol.data.dataset)
    return PatientRecord(
        patient_id=staged.patient.id,
        patient_hash=staged.patient.hash,
        dataset=protocol.data.dataset,
        dataset_version=card.title,
        landmarks=[LandmarkRecord(name=each.name, points=as_list(each.points)) for each in staged.landmarks],
    )


def _register_patient(
    choice: MethodTable, worker: IsolatedMethod, staged: StagedPatient, cases: list[PosedCase], name: str
) -> Iterator[EstimateRecord]:
    """One row per case, whatever happens."""
    if not cases:
        return
    ready = _guarded(partial(worker.prepare, staged.moving, staged.views))
    seconds_prepare = ready.seconds if isinstance(ready, Done) else 0.0
    for posed in cases:
        problem = posed.case.problem
        # A method that could not get ready gets its row for every case, and no second chance with this patient.
        answer = _guarded(partial(worker.register, problem)) if isinstance(ready, Done) else ready
        yield _record(choice.label, problem.case_id, name, answer, seconds_prepare)


@dataclass(frozen=True, slots=True)
class _Lost:
    """No reply: killed or dead."""

    outcome: Outcome
    error: str


def _guarded(request: Callable[[], Reply]) -> Reply | _Lost:
    try:
        return request()
    except MethodTimeoutError as error:
        return _Lost(Outcome.TIMED_OUT, str(error))
    except MethodDiedError as error:
        return _Lost(Outcome.DIED, str(error))


def _record(label: str, case_id: str, name: str, answer: Reply | _Lost, seconds_prepare: float) -> EstimateRecord:
    outcome, error, estimate, seconds = _judge(answer)
    return EstimateRecord(
        label=label,
        case_id=case_id,
        perturbation_hash=name,
        pose=None if estimate is None else as_list(np.asarray(estimate.pose, dtype=np.float64)),
        outcome=outcome,
        seconds=seconds,
        seconds_prepare=seconds_prepare,
        seconds_by_phase={} if estimate is None else dict(estimate.seconds),
        drr_evaluations=0 if estimate is None else estimate.drr_evaluations,
        covariance=None if estimate is None or estimate.covariance is None else as_list(estimate.covariance),
        error=error,
    )


def _judge(answer: Reply | _Lost) -> tuple[Outcome, str | None, Estimate | None, float]:
    """Outcome, error, the estimate where its pose can be used, seconds."""
    if isinstance(answer, _Lost):
        return answer.outcome, answer.error, None, 0.0
    if isinstance(answer, Declined):
        return Outcome.SKIPPED, answer.reason, None, 0.0
    if isinstance(answer, Broke):
        return Outcome.RAISED, answer.error, None, 0.0
    estimate = answer.estimate
    if estimate is None or not is_rigid(estimate.pose):
        got = None if estimate is None else np.asarray(estimate.pose).tolist()
        return Outcome.INVALID, f"expected a finite rigid 4x4 pose; got {got}"[:500], None, answer.seconds
    return estimate.outcome, None, estimate, answer.seconds
