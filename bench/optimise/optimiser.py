"""The ask/tell interface of optimisers, the scaled box that they search, and the reasons for stopping."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError

Vector: TypeAlias = NDArray[np.float64]


class BoxError(FluorobenchError):
    """Invalid bounds."""


class Stop(StrEnum):
    """Why a search ended."""

    STEP = "the step became small"
    VALUE = "the values no longer changed"
    ITERATIONS = "all iterations were done"
    NUMERICAL = "the optimiser's own numbers degenerated"
    EVALUATIONS = "the budget of evaluations was spent"
    SECONDS = "the budget of seconds was spent"
    DIVERGED = "no value was finite"

    @property
    def converged(self) -> bool:
        """Whether the optimiser ended by its own criterion rather than by a budget."""
        return self in (Stop.STEP, Stop.VALUE, Stop.ITERATIONS, Stop.NUMERICAL)


class Optimiser(Protocol):
    """A minimiser with an ask/tell interface: it proposes points, then receives their values."""

    def ask(self) -> Vector:
        """Points (n, d) to evaluate next."""
        ...

    def tell(self, points: Vector, values: Vector) -> None:
        """Take the values (n,) of the points last asked for; finite or +inf, smaller is better."""
        ...

    @property
    def stop_reason(self) -> Stop | None:
        """The reason for stopping; None while the search continues."""
        ...

    def close(self) -> None:
        """Release what the optimiser holds (a thread); it is not asked again."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Bounds centre +- half-widths, and the scaled coordinates in which they are [-1, 1]^d.

    Optimisers work in the scaled coordinates, so that the bounds set the relative weight of a degree and a millimetre.
    A half-width of zero freezes its variable.

    Attributes:
        centre: (d,), in the variables' own units.
        half_widths: (d,), not negative.
    """

    centre: Vector
    half_widths: Vector

    def __post_init__(self) -> None:
        same = self.centre.ndim == 1 and self.centre.shape == self.half_widths.shape
        if not same or not np.isfinite([self.centre, self.half_widths]).all() or (self.half_widths < 0).any():
            raise BoxError(
                f"bounds need a finite centre and as many finite half-widths >= 0; "
                f"got {self.centre.tolist()} +- {self.half_widths.tolist()}"
            )

    def to_unit(self, points: Vector) -> Vector:
        """Scaled coordinates of points (..., d), clipped into the box."""
        width = np.where(self.half_widths > 0, self.half_widths, 1.0)
        unit = np.clip((points - self.centre) / width, -1.0, 1.0)
        return np.where(self.half_widths > 0, unit, 0.0)

    def from_unit(self, unit: Vector) -> Vector:
        """Points (..., d) of scaled coordinates."""
        return np.asarray(self.centre + unit * self.half_widths)
