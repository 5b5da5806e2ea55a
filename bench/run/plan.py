"""Which registrations of a run are left, and which units of them can be begun."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from bench.cases.records import EstimateRecord, ProblemRecord
from bench.protocol.model import MethodTable
from bench.run.first_stage import first_stage
from bench.run.rows import Key
from bench.run.unit import Unit


class Plan:
    """The units of a run, in the order of one worker: methods, then patients.

    A row that continues another row's answers waits for those of its patient.

    Args:
        rows: Of the protocol.
        problems: All cases.
        done: Rows that the run holds already.
    """

    def __init__(
        self, rows: Sequence[MethodTable], problems: Sequence[ProblemRecord], done: Iterable[EstimateRecord]
    ) -> None:
        firsts = {row.label: first_stage(row, rows) for row in rows}
        self._continued = {first.label for first in firsts.values() if first is not None}
        self._answers: dict[Key, EstimateRecord] = {}
        self._done: set[Key] = set()
        for each in done:
            self.add(each)
        self._waiting: list[Unit] = []
        self._total = len(rows) * len(problems)
        by_patient: dict[str, list[ProblemRecord]] = {}
        for problem in problems:
            by_patient.setdefault(problem.patient_id, []).append(problem)
        for number, (row, patient) in enumerate(product(rows, by_patient)):
            left = tuple(each for each in by_patient[patient] if (row.label, each.case_id) not in self._done)
            if left:
                self._waiting.append(Unit(number, row, patient, left, firsts[row.label]))

    @property
    def done(self) -> int:
        """How many registrations were done."""
        return len(self._done)

    @property
    def finished(self) -> bool:
        """Whether every registration was done; a unit may have ended before all of its rows came."""
        return len(self._done) == self._total

    def add(self, row: EstimateRecord) -> bool:
        """A registration was done; returns whether it was not known before."""
        key = row.label, row.case_id
        if key in self._done:
            return False
        self._done.add(key)
        if row.label in self._continued:
            self._answers[key] = row
        return True

    def ready(self) -> Iterator[Unit]:
        """The units that can be begun now; each is given once."""
        waiting, self._waiting = self._waiting, []
        for unit in waiting:
            if self._known(unit):
                yield self._with_answers(unit)
            else:
                self._waiting.append(unit)

    def _known(self, unit: Unit) -> bool:
        first = unit.first
        return first is None or all((first.label, each.case_id) in self._answers for each in unit.problems)

    def _with_answers(self, unit: Unit) -> Unit:
        if unit.first is None:
            return unit
        answers = {each.case_id: self._answers[unit.first.label, each.case_id] for each in unit.problems}
        return replace(unit, first=replace(unit.first, answers=answers))
