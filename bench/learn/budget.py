"""The length of a training: in steps, in minutes, or both."""

import re
from dataclasses import dataclass

from bench.learn.errors import TrainingError

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)")
_MINUTES = {"s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBudget:
    """Limits of a training, which ends at whichever comes first.

    Attributes:
        steps: Optimiser steps; None = no limit.
        minutes: Wall time, waiting for patients included; None = no limit. The learning rate then follows the clock, so
            two such trainings differ in their last bits; with ``steps`` alone they do not.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise TrainingError("a training needs an end: give --budget (such as 20m) or --steps")
        if (self.steps is not None and self.steps < 1) or (self.minutes is not None and not self.minutes > 0):
            raise TrainingError(f"a budget must be positive; got steps={self.steps}, minutes={self.minutes}")

    @classmethod
    def parse(cls, minutes: str | None, steps: int | None) -> "TrainingBudget":
        """Of the command line: ``20m``, ``90s`` or ``1.5h``, and a number of steps.

        Raises:
            TrainingError: Neither is given, or a time that cannot be read.
        """
        if minutes is None:
            return cls(steps=steps)
        found = _AMOUNT.fullmatch(minutes.strip())
        if found is None:
            raise TrainingError(f"a time budget reads 20m, 90s or 1.5h; got {minutes!r}")
        return cls(steps=steps, minutes=float(found[1]) * _MINUTES[found[2]])

    def progress(self, steps: int, seconds: float) -> float:
        """The used share, 0 to 1."""
        by_steps = 0.0 if self.steps is None else steps / self.steps
        by_time = 0.0 if self.minutes is None else seconds / (60 * self.minutes)
        return min(1.0, max(by_steps, by_time))
