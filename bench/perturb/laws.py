"""Laws of truth and start: distributions over the six parameters, in our names (rx, ry, rz deg; tx, ty, tz mm).

Protocols that mirror SOPI state their numbers in SOPI's names; ``ours_from_sopi`` reorders them (the laws are
symmetric, so SOPI's signs do not matter).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.geometry import Matrix, PoseFrame

# Our (rx, ry, rz, tx, ty, tz) take SOPI's (ry, rx, rz, ty, tz, tx).
_SOPI_INDEX = (1, 0, 2, 4, 5, 3)


def ours_from_sopi(half_widths: Sequence[float]) -> tuple[float, ...]:
    """Reorder six magnitudes from SOPI's names to ours."""
    return tuple(float(half_widths[index]) for index in _SOPI_INDEX)


@dataclass(frozen=True, slots=True, eq=False)
class StartContext:
    """What a start is drawn about.

    Attributes:
        truth: theta (6,), degrees and mm.
        frame: The frame of theta.
        marks: World points (n, 3), mm, that target registration errors are measured at.
        index: Number of the case among the patient's: laws that fill bins in turn go by it.
    """

    truth: Matrix
    frame: PoseFrame
    marks: Matrix
    index: int


@dataclass(frozen=True, slots=True)
class PoseDistribution:
    """Independent draws per parameter.

    Attributes:
        kind: ``normal`` (``width`` is the standard deviation) or ``uniform`` (``width`` is the half-width).
        width: Six of them, degrees and mm, our order.
        about: StartContext the case's ``truth`` or the protocol's ``nominal`` pose.
    """

    kind: Literal["normal", "uniform"]
    width: tuple[float, ...]
    about: Literal["truth", "nominal"] = "nominal"

    def draw(self, random: np.random.Generator, truth: Matrix | None = None) -> Matrix:
        """Draw theta (6,), in degrees and mm."""
        unit = random.normal(size=6) if self.kind == "normal" else random.uniform(-1, 1, size=6)
        middle = np.zeros(6) if self.about == "nominal" or truth is None else truth
        return np.asarray(middle + unit * np.array(self.width))

    def start(self, random: np.random.Generator, around: StartContext) -> Matrix:
        """Draw a start (6,), in degrees and mm."""
        return self.draw(random, around.truth)
