"""The loop that runs any optimiser: counts, budgets, non-finite values, the best point so far, the trace."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from bench.errors import FluorobenchError
from bench.optimise.optimiser import Optimiser, Stop, Vector

Objective: TypeAlias = Callable[[Vector], Vector]
"""Points (n, d) -> values (n,); smaller is better; NaN where there is no value."""


_WATCH = ContextVar[Callable[[int], None] | None]("watch", default=None)


@contextmanager
def watched(watch: Callable[[int], None]) -> Generator[None]:
    """A context in which ``watch`` is called with the number of points that each call of an objective evaluates."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


class BudgetError(FluorobenchError):
    """A budget that allows no evaluation."""


@dataclass(frozen=True, slots=True)
class EvaluationBudget:
    """Limits of a search, which ends at whichever comes first.

    Attributes:
        evaluations: Points evaluated, never exceeded; None = no limit.
        seconds: Wall time, checked between calls of the objective; None = no limit.
    """

    evaluations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.evaluations is not None and self.evaluations < 1) or (self.seconds is not None and self.seconds <= 0):
            raise BudgetError(f"a budget must be positive or absent; got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """How a search ended.

    Attributes:
        point: Best point ever evaluated, (d,).
        value: Its value; NaN when no value was finite (``point`` is then the first one asked for).
        evaluations: Points evaluated.
        seconds: Wall time.
        stop: Why it ended.
        trace: (evaluations so far, best value so far), one pair per call of the objective.
    """

    point: Vector
    value: float
    evaluations: int
    seconds: float
    stop: Stop
    trace: tuple[tuple[int, float], ...]


def minimise(optimiser: Optimiser, objective: Objective, budget: EvaluationBudget) -> Optimum:
    """Run an optimiser until it stops by itself or the budget is spent; the optimiser is closed afterwards.

    Values that are not finite count as the worst seen so far. A call in which none of several points, or in which the
    very first point, has a finite value ends the search as diverged.

    Args:
        optimiser: Fresh; it is used up.
        objective: Called with all points of one ask together; with fewer where the budget ends.
        budget: Limits.
    """
    record = _Record()
    try:
        stop = _run(optimiser, objective, budget, record)
    finally:
        optimiser.close()
    return Optimum(
        point=record.point,
        value=record.value,
        evaluations=record.evaluations,
        seconds=time.perf_counter() - record.began,
        stop=stop,
        trace=tuple(record.trace),
    )


def _run(optimiser: Optimiser, objective: Objective, budget: EvaluationBudget, record: "_Record") -> Stop:
    while True:
        if (reason := optimiser.stop_reason) is not None:
            return reason
        if (reason := record.spent(budget)) is not None:
            return reason
        points = optimiser.ask()
        affordable = points if budget.evaluations is None else points[: budget.evaluations - record.evaluations]
        values = record.add(affordable, objective(affordable))
        if (watch := _WATCH.get()) is not None:
            watch(len(affordable))
        if values is None:
            return Stop.DIVERGED
        if len(affordable) < len(points):
            return Stop.EVALUATIONS
        optimiser.tell(points, values)


@dataclass(slots=True)
class _Record:
    """State of the loop so far."""

    began: float = field(default_factory=time.perf_counter)
    point: Vector = field(default_factory=lambda: np.empty(0))
    value: float = float("nan")
    worst: float = float("-inf")
    evaluations: int = 0
    trace: list[tuple[int, float]] = field(default_factory=lambda: list[tuple[int, float]]())

    def spent(self, budget: EvaluationBudget) -> Stop | None:
        if budget.evaluations is not None and self.evaluations >= budget.evaluations:
            return Stop.EVALUATIONS
        if budget.seconds is not None and time.perf_counter() - self.began >= budget.seconds:
            return Stop.SECONDS
        return None

    def add(self, points: Vector, values: Vector) -> Vector | None:
        """Record the values; return them with the non-finite ones replaced, or None when the search has diverged."""
        if self.evaluations == 0:
            self.point = points[0].copy()
        self.evaluations += len(points)
        finite = np.isfinite(values)
        hopeless = not finite.any() and (len(points) > 1 or np.isnan(self.value))
        if finite.any():
            self._keep_best(points[finite], values[finite])
        self.trace.append((self.evaluations, self.value))
        return None if hopeless else np.where(finite, values, self.worst)

    def _keep_best(self, points: Vector, values: Vector) -> None:
        best = int(np.argmin(values))
        self.worst = max(self.worst, float(values.max()))
        if np.isnan(self.value) or values[best] < self.value:
            self.point, self.value = points[best].copy(), float(values[best])
