"""How a metric is declared: its name, unit and definition together with the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

Value: TypeAlias = float | int | str | None
Context = TypeVar("Context")

# Before a metric's name: that metric of an estimate at the Cramer-Rao bound.
BOUND_PREFIX = "bound_"
# Before a metric's name: that metric as the method's own covariance predicts it.
STATED_PREFIX = "stated_"
# Before a metric's name: that metric to the second reference pose.
OTHER_PREFIX = "other_"
# mTRE between two reference poses of one X-ray.
APART = "references_apart_mm"


class Reading(StrEnum):
    """Whose definition a column follows."""

    AUDITED = "audited"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Context]):
    """One column of the score rows.

    Attributes:
        name: With the unit.
        heading: Printed by tables and axes, without the unit.
        unit: ``deg``, ``mm``, ``s``, ``1/s``, or empty for counts, flags and text.
        definition: One sentence.
        compute: From the context of a row to the value; None where there is none.
        reading: Audited or paper-compatible.
        decimals: Digits after the point in print.
        smaller_is_better: None where neither is.
    """

    name: str
    heading: str
    unit: str
    definition: str
    compute: Callable[[Context], Value]
    reading: Reading = Reading.AUDITED
    decimals: int = 2
    smaller_is_better: bool | None = True

    @property
    def title(self) -> str:
        """Heading with its unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


def unit_of(parameter: str) -> str:
    """``deg`` for rx, ry, rz and ``mm`` for tx, ty, tz."""
    return "deg" if parameter.startswith("r") else "mm"
