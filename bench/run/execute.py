"""Execute a protocol: draw the cases, have every method do them, record each estimate at once.

The unit of work is one method with one patient. Where units are done is the engine's matter (``bench.run.engine``);
this process alone holds the truths and writes the journal.
"""

from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial

from bench.cases.hashes import perturbation_hash
from bench.cases.records import EstimateRecord, PatientRecord, ProblemRecord, TruthRecord
from bench.contract import Case, Outcome
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run import meter
from bench.run.engine import Engine, LocalEngine
from bench.run.isolation import IsolatedMethod
from bench.run.journal import Journal
from bench.run.plan import Plan
from bench.run.posed import PosedPatients
from bench.run.recipe import kept_rows, recipes
from bench.run.station import OpenMethod, Work
from bench.run.unit import Ended, Printed, Raised, WantsImages


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A step, for a progress bar: ``phase`` is ``preparing`` or ``registering``.

    ``trouble``: The first failure of a method, with its traceback; several lines, and empty elsewhere.
    """

    phase: str
    done: int
    total: int
    what: str
    trouble: str = ""


class Execution:
    """One protocol being run.

    ``prepare`` loads every patient and draws every case, so that invalid input is refused before a folder is made;
    ``register`` then fills the folder.
    """

    def __init__(
        self, protocol: Protocol, open_method: OpenMethod | None = None, *, threads: int | None = None
    ) -> None:
        """Bind a protocol.

        Args:
            protocol: Resolved.
            open_method: Builds a row's method, for studies that plant defects in this process; None = in a process of
                its own.
            threads: That such a process may use; None = as many as this one.
        """
        self._protocol = protocol
        self._open_method = partial(IsolatedMethod, threads=threads) if open_method is None else open_method
        self._threads = meter.threads() if threads is None else threads
        # Of methods that a study opens nobody knows what made their rows.
        self._recipes = None if open_method is not None else recipes(protocol, self._threads)
        self._patients = PosedPatients(protocol)
        self._patient_records: list[PatientRecord] = []
        self._problems: list[ProblemRecord] = []
        self._truths: list[TruthRecord] = []
        self._traces: dict[tuple[str, str], str] = {}
        self._told: set[str] = set()

    def prepare(self) -> Iterator[RunProgress]:
        """Draw all cases; yields a step at a time."""
        problems: list[ProblemRecord] = []
        ids = self._patients.ids
        for index, patient_id in enumerate(ids):
            yield RunProgress("preparing", index, len(ids), patient_id)
            record, cases = self._patients.draw(patient_id)
            self._patient_records.append(record)
            problems.extend(each.problem_record for each in cases)
            self._truths.extend(each.truth_record for each in cases)
        name = perturbation_hash(problems)
        self._problems = [each.model_copy(update={"perturbation_hash": name}) for each in problems]
        yield RunProgress("preparing", len(ids), len(ids), "")

    def for_rows(self, methods: tuple[MethodTable, ...]) -> "Execution":
        """The same cases, once they are drawn, for other rows."""
        other = copy(self)
        other._protocol = self._protocol.model_copy(update={"methods": methods})
        other._recipes = None if self._recipes is None else recipes(other._protocol, self._threads)
        return other

    @property
    def cases(self) -> dict[str, Case]:
        """Cases that are in memory, by id: a report need not build them again."""
        return self._patients.kept

    @property
    def unreferenced(self) -> dict[str, list[str]]:
        """Acquisitions left out because they have no reference pose, by patient; known once all cases are drawn."""
        return {each.patient_id: each.unreferenced for each in self._patient_records if each.unreferenced}

    def resume(self, journal: Journal) -> list[str]:
        """Write the cases, and make the rows of an interrupted run ready; returns a sentence for each that is lost."""
        journal.write_cases(self._patient_records, self._problems)
        return journal.mend(self._recipes)

    def take_up(self, journal: Journal) -> list[str]:
        """Take rows that this run lacks from before its methods were edited, or from other runs of the same cases.

        Returns:
            A sentence for every run that rows were taken from.
        """
        known = {each.case_id: each for each in self._problems}
        missing = journal.rows(self._recipes).missing
        if self._recipes is None or not missing:
            return []
        wanted = {(label, case_id): self._recipes[label] for label, case_id in missing}
        found = list(kept_rows(journal.folder, self._protocol, known, wanted))
        if found:
            journal.append(*(row for _, row in found))
        places = Counter(name for name, _ in found)
        labels = {name: dict.fromkeys(row.label for place, row in found if place == name) for name in places}
        return [
            f"rows of {', '.join(labels[name])} kept from "
            f"{'before' if name == journal.folder.name else name}: {count}, the same methods on the same cases"
            for name, count in places.items()
        ]

    def register(self, journal: Journal, engine: Engine | None = None) -> Iterator[RunProgress]:
        """Do every registration that the journal does not hold yet, then write the truth; yields a step at a time.

        Args:
            journal: Of the run.
            engine: Where, entered already; None = one registration after the other in this process.
        """
        self.resume(journal)
        plan = Plan(self._protocol.methods, self._problems, journal.estimates())
        if engine is not None:
            yield from self._register(journal, plan, engine)
        else:
            with LocalEngine() as alone:
                yield from self._register(journal, plan, alone)
        if not plan.finished:
            raise RuntimeError("rows are missing although all workers have ended")
        journal.write_truth(self._truths)

    def _register(self, journal: Journal, plan: Plan, engine: Engine) -> Iterator[RunProgress]:
        total = len(self._protocol.methods) * self._protocol.cases
        yield RunProgress("registering", plan.done, total, "")
        engine.start(Work(self._protocol, self._patients, self._open_method))
        for unit in plan.ready():
            engine.begin(unit)
        for message in engine.messages():
            if isinstance(message, EstimateRecord):
                # A unit that was begun again, elsewhere, gives rows that are known.
                if plan.add(message):
                    journal.append(self._with_recipe(message))
                    what = f"{message.label} {message.case_id}"
                    yield RunProgress("registering", plan.done, total, what, self._trouble(message))
            else:
                self._heed(message, journal, plan, engine)

    def _with_recipe(self, row: EstimateRecord) -> EstimateRecord:
        known = self._recipes
        return row if known is None else row.model_copy(update={"recipe": known[row.label]})

    def _trouble(self, row: EstimateRecord) -> str:
        """What is said of the first failure of a method."""
        if not row.outcome.failed or row.outcome is Outcome.SKIPPED or row.label in self._told:
            return ""
        self._told.add(row.label)
        traceback = self._traces.get((row.label, row.case_id), "")
        return f"{row.label}, case {row.case_id}: {row.outcome}: {row.error}\n{traceback}".rstrip()

    def _heed(
        self, message: Printed | Raised | Ended | WantsImages, journal: Journal, plan: Plan, engine: Engine
    ) -> None:
        match message:
            case Printed():
                journal.keep_output(message.label, message.text)
            case Raised():
                self._traces[message.label, message.case_id] = message.traceback
                journal.keep_output(message.label, f"case {message.case_id}\n{message.traceback}")
            case Ended():
                for unit in plan.ready():
                    engine.begin(unit)
            case WantsImages():
                engine.begin(message.unit.with_images(self._patients.cases(message.unit.patient_id)))
