"""How a column of score rows or of a printed table is declared: its heading together with what computes its cells.

A column holds the function that computes its cell from the context of a row, so that a cell cannot stand below another
column's heading.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from bench.errors import FluorobenchError

Value: TypeAlias = float | int | str | None
Cell: TypeAlias = tuple[Value, ...]
Context = TypeVar("Context", contravariant=True)

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


class ColumnError(FluorobenchError):
    """A cell that does not fit its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Context]):
    """One column.

    Attributes:
        name: In files, with the unit.
        heading: Printed by tables and axes; a line break splits it.
        compute: From the context of a row to the value, or to the values where there are several; None where there is
            none.
        further: Names, in files, of a cell's values after the first.
        unit: Of a metric: ``deg``, ``mm``, ``s``, ``1/s``, or empty for counts, flags and text.
        definition: Of a metric, one sentence.
        reading: Audited or paper-compatible.
        smaller_is_better: None where neither is.
        template: How the printed values are joined, one ``{}`` each.
        decimals: Digits after the point of numbers that are no integers.
        group: Printed above neighbouring columns that share it; empty for none.
        best: Whether a table sets the smallest first number in bold.
    """

    name: str
    heading: str
    compute: Callable[[Context], Value | Cell]
    further: tuple[str, ...] = ()
    unit: str = ""
    definition: str = ""
    reading: Reading = Reading.AUDITED
    smaller_is_better: bool | None = None
    template: str = "{}"
    decimals: int = 2
    group: str = ""
    best: bool = False

    def value(self, context: Context) -> Value:
        """The only, or first, value of one row."""
        found = self.compute(context)
        return self._checked(found)[0] if self.further or isinstance(found, tuple) else found

    def cell(self, context: Context) -> Cell:
        """All values of one row.

        Raises:
            ColumnError: ``compute`` gave more or fewer values than the column names.
        """
        return self._checked(self.compute(context))

    def _checked(self, found: Value | Cell) -> Cell:
        count = 1 + len(self.further)
        if found is None:
            return (None,) * count
        cell = found if isinstance(found, tuple) else (found,)
        if len(cell) != count:
            raise ColumnError(f"column {self.name} needs cells of {count} values; got {len(cell)}: {cell}")
        return cell

    @property
    def title(self) -> str:
        """Heading with its unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


def unit_of(parameter: str) -> str:
    """``deg`` for rx, ry, rz and ``mm`` for tx, ty, tz."""
    return "deg" if parameter.startswith("r") else "mm"
