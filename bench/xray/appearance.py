"""The distribution of imaging conditions: ranges of the effects of an exposure, and one draw of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.xray.conditions import ImagingConditions
from bench.xray.hardware import Cylinder

Range = tuple[float, float]
Count = tuple[int, int]

_RANGES = ("collimator", "collimator_deg", "vignetting", "vignetting_offset", "gain", "motion_px")
_SCREW_MM, _SCREW_RADIUS_MM = (35.0, 55.0), (2.0, 3.5)
_TOOL_MM, _TOOL_RADIUS_MM = (80.0, 200.0), (0.75, 4.0)
# Pedicles of a lumbar vertebra lie so far from its middle; screws lean inwards and along the spine by so much.
_PEDICLE_MM, _LEAN_DEG = (10.0, 20.0), 20.0


class AppearanceError(FluorobenchError):
    """Invalid ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Ranges of the conditions' strengths, each drawn uniformly by itself; equal ends are a fixed strength.

    Every default leaves its effect out. Names are those of ``ImagingConditions``.

    Attributes:
        collimator: Of left, right, top and bottom, each drawn for itself.
        collimator_deg: The collimator's turn, degrees.
        leakage: Share of the beam that passes the collimator's blades.
        vignetting: Loss at a corner.
        vignetting_offset: Of the beam's middle along x and y, in half-widths.
        gain: Factor on the read signal; its logarithm is drawn evenly.
        motion_px: Movement during the exposure, pixels, in any direction.
        screws: How many titanium screws, from the back into the middle of the content, as in pedicles; least and most.
        tools: How many steel rods across the content, in any direction; least and most.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    collimator: Range = (0.0, 0.0)
    collimator_deg: Range = (0.0, 0.0)
    leakage: float = 0.005
    vignetting: Range = (0.0, 0.0)
    vignetting_offset: Range = (0.0, 0.0)
    gain: Range = (1.0, 1.0)
    motion_px: Range = (0.0, 0.0)
    screws: Count = (0, 0)
    tools: Count = (0, 0)

    def __post_init__(self) -> None:
        for name in (*_RANGES, "screws", "tools"):
            low, high = getattr(self, name)
            least = -np.inf if name in ("collimator_deg", "vignetting_offset") else 0
            if not (least <= low <= high and np.isfinite([low, high]).all()):
                raise AppearanceError(f"appearance.{name} must be (low, high), finite; got ({low}, {high})")
        if self.collimator[1] >= 0.5 or self.vignetting[1] > 1 or not 0 <= self.leakage <= 1:
            raise AppearanceError("appearance.collimator must stay below 0.5, vignetting and leakage within 0 to 1")
        if self.gain[0] <= 0:
            raise AppearanceError(f"appearance.gain must be positive; got {self.gain}")

    def __str__(self) -> str:
        """One phrase for captions: what is not left out."""
        shown = {name: getattr(self, name) for name in (*_RANGES, "screws", "tools")}
        plain = Appearance()
        parts = [f"{name.replace('_', ' ')} {low:g} to {high:g}" for name, (low, high) in shown.items()
                 if (low, high) != getattr(plain, name)]  # fmt: skip
        return ", ".join(parts)

    def draw(self, random: np.random.Generator, corners: ArrayLike) -> ImagingConditions:
        """Draw the conditions of one exposure.

        Args:
            random: Random generator.
            corners: World points (n, 3), LPS mm, whose box is the anatomy that hardware lies over.
        """
        sides = dict(zip(("left", "right", "top", "bottom"), random.uniform(*self.collimator, size=4), strict=True))
        middle = random.uniform(*self.vignetting_offset, size=2)
        box = np.asarray(corners, dtype=np.float64)
        return ImagingConditions(
            **{name: float(share) for name, share in sides.items()},
            collimator_deg=_even(random, self.collimator_deg),
            leakage=self.leakage,
            vignetting=_even(random, self.vignetting),
            vignetting_x=float(middle[0]),
            vignetting_y=float(middle[1]),
            gain=float(np.exp(_even(random, (float(np.log(self.gain[0])), float(np.log(self.gain[1])))))),
            motion_px=_even(random, self.motion_px),
            motion_deg=_even(random, (0.0, 180.0)),
            hardware=(
                *_several(random, self.screws, _screw, box),
                *_several(random, self.tools, _tool, box),
            ),
        )


def _even(random: np.random.Generator, limits: Range) -> float:
    return float(random.uniform(limits[0], limits[1]))


def _several(random: np.random.Generator, count: Count, make: Any, box: Matrix) -> Sequence[Cylinder]:
    return [make(random, box) for _ in range(int(random.integers(count[0], count[1] + 1)))]


def _screw(random: np.random.Generator, box: Matrix) -> Cylinder:
    """A titanium screw from behind, left or right of the middle, its tip in the middle of the content's depth."""
    low, high = box.min(axis=0), box.max(axis=0)
    side = 1.0 if random.random() < 0.5 else -1.0
    x = (low[0] + high[0]) / 2 + side * _even(random, _PEDICLE_MM)
    z = _even(random, (float(low[2]), float(high[2])))
    lean, tilt = np.deg2rad([_even(random, (0.0, _LEAN_DEG)), _even(random, (-_LEAN_DEG, _LEAN_DEG))])
    # LPS: -y is the front. Leaning inwards means towards the middle of x.
    direction = np.array([-side * np.sin(lean), -np.cos(lean) * np.cos(tilt), np.sin(tilt)])
    tip = np.array([x, (low[1] + high[1]) / 2, z])
    return _cylinder(tip - _even(random, _SCREW_MM) * direction, tip, _even(random, _SCREW_RADIUS_MM), "titanium")


def _tool(random: np.random.Generator, box: Matrix) -> Cylinder:
    """A steel rod through some point of the box, in any direction."""
    middle: Matrix = box.min(axis=0) + random.random(3) * np.ptp(box, axis=0)
    direction = random.normal(size=3)
    half = direction / np.linalg.norm(direction) * _even(random, _TOOL_MM) / 2
    return _cylinder(middle - half, middle + half, _even(random, _TOOL_RADIUS_MM), "steel")


def _cylinder(start: Matrix, end: Matrix, radius_mm: float, metal: str) -> Cylinder:
    (a, b, c), (d, e, f) = start.tolist(), end.tolist()
    return Cylinder((a, b, c), (d, e, f), radius_mm, metal)
