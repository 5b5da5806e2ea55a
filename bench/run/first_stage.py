"""A row that begins with another row's method goes on from that row's answers instead of finding them again.

``SOPI+opt`` is ``SOPI``, then a refiner: where both are rows of a protocol, the refiner alone is run, from the recorded
poses. The answers are those of the whole chain to the bit; what the first stage cost is added to the row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench import registry
from bench.cases.records import EstimateRecord
from bench.contract import Outcome, Problem
from bench.protocol.model import MethodTable

_CHAIN = "chain"
_COSTS = (
    *("seconds", "seconds_prepare", "processor_seconds", "processor_seconds_prepare"),
    *("drr_evaluations", "drr_evaluations_prepare", "drr_evaluations_stated"),
)


@dataclass(frozen=True, slots=True)
class FirstStage:
    """What a row shares with an earlier one.

    Attributes:
        label: Of the earlier row.
        plugin: Of the shared stage.
        rest: The row without it.
        answers: Of the earlier row, by case; those that are known.
    """

    label: str
    plugin: str
    rest: MethodTable
    answers: Mapping[str, EstimateRecord] = field(default_factory=dict[str, EstimateRecord])

    def begun(self, problem: Problem) -> Problem | EstimateRecord:
        """The problem from where the first stage ended; or the row of a first stage that gave no pose."""
        first = self.answers[problem.case_id]
        if first.pose is None:
            return first.model_copy(update={"label": self.rest.label})
        lost = first.outcome in (Outcome.DIVERGED, Outcome.LEFT_VIEW)
        return problem if lost else replace(problem, start=np.array(first.pose))

    def whole(self, rest: EstimateRecord) -> EstimateRecord:
        """The row of all stages: the last one's answer, everyone's costs."""
        first = self.answers[rest.case_id]
        costs = {name: _sum(getattr(first, name), getattr(rest, name)) for name in _COSTS}
        phases = {f"1_{self.plugin}_{phase}": seconds for phase, seconds in first.seconds_by_phase.items()}
        phases |= {_later(phase): seconds for phase, seconds in rest.seconds_by_phase.items()}
        return rest.model_copy(update={**costs, "seconds_by_phase": phases})


def first_stage(choice: MethodTable, rows: Sequence[MethodTable]) -> FirstStage | None:
    """What a row shares with an earlier row of the run, without answers; None where it begins with no row's method.

    Args:
        choice: The row.
        rows: Of the protocol.
    """
    method = registry.build("methods", choice.plugin, choice.settings, choice.preset)
    stages = list[Any](getattr(method, "stages", ()))
    earlier = rows[: rows.index(choice)]
    same = [each for each in earlier if len(stages) > 1 and _is(each, stages[0])]
    if not same:
        return None
    rest = [{"plugin": each.plugin, "preset": each.preset, "settings": dict(each.settings)} for each in stages[1:]]
    shortened = MethodTable(label=choice.label, plugin=_CHAIN, settings={"stages": rest})
    return FirstStage(same[0].label, stages[0].plugin, shortened)


def _is(row: MethodTable, stage: Any) -> bool:
    return (row.plugin, row.preset, dict(row.settings)) == (stage.plugin, stage.preset, dict(stage.settings))


def _later(phase: str) -> str:
    """The name of a phase with its stage's number, which is one more in the whole chain."""
    return re.sub(r"^\d+", lambda number: str(int(number.group()) + 1), phase)


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
