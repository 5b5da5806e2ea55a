"""One worker: it does units one after the other, each method in a process of its own."""

import json
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

from bench import registry
from bench.cases.build import view_record
from bench.cases.records import EstimateRecord
from bench.contract import Outcome, Problem, SearchSpace, View, takes_space
from bench.errors import FluorobenchError
from bench.protocol import Protocol
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.environment import processor
from bench.run.posed import PosedPatients
from bench.run.reference_kernel import ReferenceKernel
from bench.run.reply import Answered, Done, Failed, Reply
from bench.run.unit import Printed, Raised, Unit
from bench.volume import Volume

# Of one method that are kept.
_TRACEBACKS = 5


class RunningMethod(typing.Protocol):
    """A row's method, ready to be asked; see ``bench.run.isolation.IsolatedMethod``."""

    def __enter__(self) -> "RunningMethod": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def prepare(self, volume: Volume, views: Sequence[View], space: SearchSpace | None = None) -> Reply:
        """Prepare for a patient, and a search space where the method takes one."""
        ...

    def register(self, problem: Problem) -> Reply:
        """Answer a problem of that patient."""
        ...

    def stop(self) -> None:
        """End it."""
        ...

    def interrupt(self) -> None:
        """End it for good, from another thread than the one that waits for an answer."""
        ...

    def printed(self) -> str:
        """What it printed since this was asked before."""
        ...


Said: TypeAlias = EstimateRecord | Printed | Raised
OpenMethod: TypeAlias = Callable[[MethodTable, BudgetTable], RunningMethod]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What all units of a run share.

    Attributes:
        protocol: Resolved.
        patients: With their cases.
        open_method: Builds a row's method.
    """

    protocol: Protocol
    patients: PosedPatients
    open_method: OpenMethod


class StationError(FluorobenchError):
    """A unit that was interrupted."""


class Station:
    """One worker; the method of the unit before stays open, for the next patient.

    Args:
        work: Shared by all stations of a process.
        name: For the rows.
    """

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name
        self._method: RunningMethod | None = None
        self._interrupted = False
        self._raised_by: dict[str, set[str]] = {}
        self._kernel = ReferenceKernel()
        self.row: MethodTable | None = None

    def do(self, unit: Unit) -> Iterator[Said]:
        """Do a unit; yields each row as soon as it is known.

        Raises:
            OtherCasesError: The data here are not the run's.
            OtherImagesError: The images differ in their last bits.
            ProcessError: No process can be started.
            StationError: It was interrupted; what the method then seems to have answered is no row.
        """
        if self._interrupted:
            self.close()
            self._interrupted = False
        try:
            yield from self._do(unit)
        except BaseException:
            self.close()
            raise

    def close(self) -> list[Printed]:
        """End the open method; returns what it printed last."""
        method, row, self._method, self.row = self._method, self.row, None, None
        if method is None or row is None:
            return []
        with method:
            method.stop()
            return _printed(row, method)

    def interrupt(self) -> None:
        """End the open method, from another thread than the one that does a unit; the unit ends with an error."""
        self._interrupted = True
        method = self._method
        if method is not None:
            method.interrupt()

    def _do(self, unit: Unit) -> Iterator[Said]:
        problems = unit.posed(self._work.patients.cases(unit.patient_id))
        if self.row != unit.method:
            yield from self.close()
            self._method, self.row = self._work.open_method(unit.method, self._work.protocol.budget), unit.method
        assert self._method is not None
        first, name = unit.first, unit.problems[0].perturbation_hash
        begun = problems if first is None else [first.begun(each) for each in problems]
        yield from (each for each in begun if isinstance(each, EstimateRecord))
        here = {"worker": self._name, "processor": processor()}
        kernel = self._kernel.seconds()
        left = [each for each in begun if isinstance(each, Problem)]
        for case_id, reply, ready in _answers(self._method, left, with_space=_takes_space(unit.method)):
            if self._interrupted:
                raise StationError(f"{unit.name} was interrupted")
            before, kernel = kernel, self._kernel.seconds()
            record = _record(unit.row.label, case_id, name, reply, ready)
            record = record.model_copy(update={**here, "reference_seconds": (before + kernel) / 2})
            yield from self._raised(unit.row.label, case_id, reply)
            yield record if first is None else first.whole(record)
        yield from _printed(unit.row, self._method)

    def _raised(self, label: str, case_id: str, reply: Reply) -> Iterator[Raised]:
        """The traceback of an error, once for each place that raises, and of a method's first ones alone."""
        known = self._raised_by.setdefault(label, set())
        if isinstance(reply, Failed) and reply.traceback and len(known) < _TRACEBACKS:
            place = reply.reason.rpartition("(")[2]
            if place not in known:
                known.add(place)
                yield Raised(label=label, case_id=case_id, traceback=reply.traceback)


def _printed(row: MethodTable, method: RunningMethod) -> list[Printed]:
    text = method.printed()
    return [Printed(label=row.label, text=text)] if text else []


def _takes_space(row: MethodTable) -> bool:
    """Whether a row's method prepares for a search space; one that cannot be built says why in its own process."""
    try:
        return takes_space(registry.build("methods", row.plugin, row.settings, row.preset))
    except FluorobenchError:
        return False


def _answers(method: RunningMethod, problems: list[Problem], *, with_space: bool) -> Iterator[tuple[str, Reply, Reply]]:
    """One reply per problem, also after failures, and the one to preparing."""
    for group in _by_preparation(problems, with_space=with_space):
        yield from _answers_of_group(method, group, group[0].space if with_space else None)


def _by_preparation(problems: list[Problem], *, with_space: bool) -> list[list[Problem]]:
    """Problems that share what a method prepares for: volume, their views' geometry and the space, if it takes one."""
    groups: dict[tuple[int, str, str], list[Problem]] = {}
    for problem in problems:
        views = json.dumps([view_record(view).model_dump(mode="json") for view in problem.views])
        key = id(problem.volume), views, _key(problem.space) if with_space else ""
        groups.setdefault(key, []).append(problem)
    return list(groups.values())


def _key(space: SearchSpace) -> str:
    arrays = [each.tolist() for each in (space.nominal, space.centre, space.search)]
    return repr((arrays, space.moving, space.truth_distribution, space.start_distribution))


def _answers_of_group(
    method: RunningMethod, problems: list[Problem], space: SearchSpace | None
) -> Iterator[tuple[str, Reply, Reply]]:
    ready = method.prepare(problems[0].volume, tuple(view.without_image() for view in problems[0].views), space)
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
                "trace": reply.trace,
                "confidence": reply.confidence,
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
