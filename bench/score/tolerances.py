"""How much a quantity of a run may grow before the regression gate calls it worse; kept in the baseline.

An error may grow by the share ``relative`` of itself, by ``spreads`` times the largest difference between clean
repeats, or by the size below which nobody would notice it (``floor``), whichever is most. A method's processor time may
grow by the factor ``time_ratio``, or by ``spreads`` times what clean repeats differ by.
"""

from collections.abc import Mapping

import numpy as np
from pydantic import Field, model_validator

from bench.cases.records import Record

METRICS = ("rotation_error_deg", "in_plane_error_mm", "mtre_mm")


def _floors() -> dict[str, float]:
    return {"rotation_error_deg": 1e-3, "in_plane_error_mm": 1e-3, "mtre_mm": 5e-3}


class Tolerances(Record):
    """The numbers of the rule above.

    Attributes:
        relative: Share of an error.
        floor: By metric, degrees or mm.
        spreads: Times the spread of clean repeats.
        time_ratio: Of processor time in units of the reference kernel's, in the median of a method's cases.
        projector_ratio: Of the projector's difference from the exact oracle.
    """

    relative: float = 0.05
    floor: dict[str, float] = Field(default_factory=_floors)
    spreads: float = 3.0
    time_ratio: float = 1.5
    projector_ratio: float = 1.2

    @model_validator(mode="after")
    def _lets_not_everything_pass(self) -> "Tolerances":
        numbers = [self.relative, self.spreads, self.time_ratio, self.projector_ratio, *self.floor.values()]
        if not np.isfinite(numbers).all() or min(numbers) < 0:
            raise ValueError("a tolerance is infinite, negative or no number")
        if set(self.floor) != set(METRICS):
            raise ValueError(f"floor needs {', '.join(METRICS)}")
        return self

    def allowed(self, metric: str, error: float, spread: Mapping[str, float]) -> float:
        """How much an error may grow.

        Args:
            metric: One of ``METRICS``.
            error: In the baseline.
            spread: Of clean repeats, by metric.
        """
        return max(self.floor[metric], self.relative * error, self.spreads * spread.get(metric, 0.0))

    def slower(self, spread: float) -> float:
        """The factor by which a time may grow; ``spread``: by which clean repeats differ, at least 1."""
        return max(self.time_ratio, 1 + self.spreads * (spread - 1))
