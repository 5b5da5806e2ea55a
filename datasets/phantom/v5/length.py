"""A short length of colon, of which courses are put together."""

from dataclasses import dataclass

from bench.geometry import Matrix

from ..v2.shapes import Shape, capsule
from ..v4.bowel import Pouch


@dataclass(frozen=True, slots=True, eq=False)
class Length(Pouch):
    """A short length of gut: a tapered rod from ``start`` to ``end`` with one radius at each."""

    start: Matrix
    end: Matrix
    calibres: tuple[float, float]

    def shape(self, inwards: float) -> Shape:
        """The rod, ``inwards`` mm smaller."""
        first, last = (max(radius - inwards, 1.0) for radius in self.calibres)
        return capsule(self.start, self.end, (first, first), (last, last))
