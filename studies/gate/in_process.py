"""A row's method in this process, where a planted defect reaches it; without the limits of a process of its own."""

from collections.abc import Sequence
from dataclasses import fields
from types import TracebackType

from bench import registry
from bench.contract import Problem, SearchSpace, View
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.meter import Meter
from bench.run.reply import Reply
from bench.run.worker import Answering, Prepare, Register
from bench.volume import Volume


class InProcess:
    """Answers as ``bench.run.isolation.IsolatedMethod`` does."""

    def __init__(self, choice: MethodTable, budget: BudgetTable) -> None:
        self._meter = Meter()
        self._method = Answering(registry.build("methods", choice.plugin, choice.settings, choice.preset))

    def __enter__(self) -> "InProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self, volume: Volume, views: Sequence[View], space: SearchSpace | None = None) -> Reply:
        """Prepare for a patient."""
        return self._ask(Prepare(volume, tuple(view.without_image() for view in views), space))

    def register(self, problem: Problem) -> Reply:
        """Answer a problem of that patient."""
        given = {each.name: getattr(problem, each.name) for each in fields(Problem) if each.name != "volume"}
        return self._ask(Register(given))

    def stop(self) -> None:
        """Nothing is left running."""

    def interrupt(self) -> None:
        """It is asked by one thread alone."""

    def printed(self) -> str:
        """What a method prints goes to the terminal."""
        return ""

    def _ask(self, what: Prepare | Register) -> Reply:
        self._meter.begin()
        return self._method.reply(what, self._meter)
