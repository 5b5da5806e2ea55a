"""Distributions of truth and start over the six parameters, in our names (rx, ry, rz deg; tx, ty, tz mm)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame


class DistributionError(FluorobenchError):
    """Invalid widths of a distribution of poses."""


@dataclass(frozen=True, slots=True, eq=False)
class StartContext:
    """The case for which a start is drawn.

    Attributes:
        truth: theta (6,), degrees and mm.
        frame: The frame of theta.
        marks: World points (n, 3), mm, that target registration errors are measured at.
        index: Number of the start among the patient's, in an order that methods do not know: distributions that fill
            bins in turn choose the bin by it.
    """

    truth: Matrix
    frame: PoseFrame
    marks: Matrix
    index: int


@dataclass(frozen=True, slots=True)
class PoseDistribution:
    """Independent draws per parameter; a table of a protocol file has the same fields.

    Attributes:
        kind: ``normal`` (``width`` is the standard deviation) or ``uniform`` (``width`` is the half-width).
        width: Six of them, degrees and mm, our order; none negative.
        about: Whether draws are centred on the case's ``truth`` or on the protocol's ``nominal`` pose; starts on real
            X-rays are always drawn about the nominal one.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["normal", "uniform"]
    width: tuple[float, ...]
    about: Literal["truth", "nominal"] = "nominal"

    def __post_init__(self) -> None:
        require_widths(self.width)

    def draw(self, random: np.random.Generator, truth: Matrix | None = None) -> Matrix:
        """Draw theta (6,), in degrees and mm."""
        unit = random.normal(size=6) if self.kind == "normal" else random.uniform(-1, 1, size=6)
        middle = np.zeros(6) if self.about == "nominal" or truth is None else truth
        return np.asarray(middle + unit * np.array(self.width))

    def start(self, random: np.random.Generator, around: StartContext) -> Matrix:
        """Draw a start (6,), in degrees and mm."""
        return self.draw(random, around.truth)


def require_widths(width: tuple[float, ...]) -> None:
    """Raise ``DistributionError`` unless these are six finite numbers, none negative."""
    if len(width) != 6 or not all(0 <= each < np.inf for each in width):
        raise DistributionError(
            f"width must hold six finite numbers >= 0 (degrees x 3, mm x 3); got {', '.join(f'{w:g}' for w in width)}"
        )
