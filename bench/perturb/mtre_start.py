"""Starts that are uniform in their initial mTRE, for success against the initial error.

After van de Kraats, Penney, Tomazevic, van Walsum and Niessen, IEEE Trans. Med. Imaging 24(9), 2005, whose starts are
spread evenly over intervals of the initial mTRE. How a direction is drawn is ours: see ``MtreStartDistribution``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.optimize import brentq

from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.perturb.distribution import PoseDistribution, StartContext, require_widths

_MAX_DOUBLINGS = 20
_TOLERANCE_MM = 1e-6
# Directions that standard deviations are averaged over.
_DIRECTIONS = 128


class MtreStartError(FluorobenchError):
    """An invalid distribution of starts by initial mTRE."""


@dataclass(frozen=True, slots=True)
class MtreStartDistribution:
    """Starts whose initial mTRE is uniform between two limits, the same number in every bin.

    The six parameters' differences from the truth have a direction drawn uniformly from the box of half-widths
    ``width``; it is then stretched until the mTRE is the one wanted. The patient's start number ``index`` falls in bin
    ``index`` modulo the number of bins, uniformly within it.

    Attributes:
        width: Six proportions, degrees and mm, our order; not all zero.
        mtre_mm: Lowest and highest initial mTRE.
        bin_mm: Width of a bin; divides the range.
        about: Always the truth.
        kind: Tells this distribution from the others in a protocol file.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    width: tuple[float, ...]
    mtre_mm: tuple[float, float]
    bin_mm: float = 1.0
    about: Literal["truth"] = "truth"
    kind: Literal["mtre"] = "mtre"

    def __post_init__(self) -> None:
        require_widths(self.width)
        low, high = self.mtre_mm
        if not 0 <= low < high < np.inf or not self.bin_mm > 0:
            raise MtreStartError(
                f"mtre_mm must be 0 <= low < high and bin_mm positive; got {self.mtre_mm}, {self.bin_mm}"
            )
        if abs(self.bins * self.bin_mm - (high - low)) > 1e-6 * high or self.bins < 1:
            raise MtreStartError(
                f"bin_mm must divide the range of mtre_mm; got {self.bin_mm:g} for {low:g} to {high:g}"
            )
        if not any(self.width):
            raise MtreStartError("a start at a distance needs a width that is not zero; got six zeros")

    @property
    def bins(self) -> int:
        """How many bins the range has."""
        return round((self.mtre_mm[1] - self.mtre_mm[0]) / self.bin_mm)

    def start(self, random: np.random.Generator, around: StartContext) -> Matrix:
        """Draw a start (6,), in degrees and mm.

        Raises:
            MtreStartError: No pose in the drawn direction is that far away.
        """
        number = around.index % self.bins
        wanted = self.mtre_mm[0] + self.bin_mm * (number + random.uniform())
        direction = random.uniform(-1, 1, size=6) * np.array(self.width)
        return np.asarray(around.truth + direction * _stretch(direction, wanted, around))

    def per_parameter(self, around: StartContext) -> PoseDistribution:
        """Independent normal distributions of the same standard deviations, for small rotations about the true pose.

        The distance is uniform between the limits and independent of the direction.
        """
        directions = np.random.default_rng(0).uniform(-1, 1, size=(_DIRECTIONS, 6)) * np.array(self.width)
        reached = np.array([_moved_mm(each, around) for each in directions])
        low, high = self.mtre_mm
        distance = (high**3 - low**3) / (3 * (high - low))
        variances = distance * np.mean((directions / reached[:, None]) ** 2, axis=0)
        return PoseDistribution("normal", tuple(np.sqrt(variances).tolist()), self.about)


def _moved_mm(offset: Matrix, around: StartContext) -> float:
    """Mean distance by which an offset of theta moves the marks."""
    true = transform_points(around.frame.pose(around.truth), around.marks)
    moved = transform_points(around.frame.pose(around.truth + offset), around.marks)
    return float(np.linalg.norm(moved - true, axis=1).mean())


def _stretch(direction: Matrix, wanted_mm: float, around: StartContext) -> float:
    """The factor at which the direction moves the marks by the wanted mean distance."""

    def beyond(factor: float) -> float:
        return _moved_mm(factor * direction, around) - wanted_mm

    far = 1.0
    for _ in range(_MAX_DOUBLINGS):
        if beyond(far) >= 0:
            return float(brentq(beyond, 0.0, far, xtol=_TOLERANCE_MM * far))
        far *= 2
    raise MtreStartError(
        f"no start {wanted_mm:g} mm away in the direction {direction.tolist()}; give translations a width"
    )
