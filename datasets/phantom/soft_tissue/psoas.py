"""The psoas: a strip beside L1 and L2, a drop at L3, a rounded triangle at L4 that leaves the spine below.

Its posterior border reaches in between the body and the transverse process.
"""

from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Shape, capsule

# Radii of its section at each level, mm: across and along it; then how far its front leans outwards.
_PSOAS = {
    "T12": (2.5, 6.0, 0.1), "L1": (4.5, 10.0, 0.1), "L2": (8.0, 14.0, 0.2), "L3": (12.5, 17.5, 0.35),
    "L4": (16.5, 19.5, 0.5), "L5": (17.0, 18.5, 0.3),
}  # fmt: skip
# Its posterior border: radii, and how much nearer to the middle and farther back it lies, mm.
_HIND = {
    "L2": (5.5, 6.0, 4.0, 13.0), "L3": (6.5, 7.5, 6.5, 16.0), "L4": (7.0, 8.0, 7.5, 18.0), "L5": (7.5, 8.0, 6.0, 15.0),
}  # fmt: skip


def psoas(person: Person, side: float, random: np.random.Generator) -> list[Shape]:
    """Rods of one side (+1 left): the muscle, thicker farther down, its posterior border, its course over the brim."""
    bulk = (
        (0.76 + 0.38 * person.muscle) * person.scale * (1.04 if person.male else 0.94) * float(random.normal(1, 0.07))
    )
    drop, lean = float(random.normal(1, 0.12)), float(random.normal(0, 0.12))
    here = [name for name in _PSOAS if name in person.levels]
    middles = {name: _beside(person, name, side, bulk) for name in here}
    rods: list[Shape] = []
    for high, low in pairwise(here):
        turned = 0.5 * (_PSOAS[high][2] + _PSOAS[low][2]) + lean
        rods.append(
            capsule(middles[high], middles[low], _radii(high, bulk, drop), _radii(low, bulk, drop),
                    flat_along=(side, turned, 0.0))
        )  # fmt: skip
    hind = {name: _hind(name, middles[name], side, bulk) for name in here if name in _HIND}
    rods += [capsule(hind[high][0], hind[low][0], hind[high][1], hind[low][1]) for high, low in pairwise(hind)]
    origin = person.frames["sacrum"].origin
    brim = [origin + np.array([side * 63, -34, -44]), origin + np.array([side * 80, -64, -96])]
    sizes = [_radii("L5", bulk, drop), (15.5 * bulk, 18.0 * bulk), (13.5 * bulk, 16.0 * bulk)]
    path = [middles["L5"], *brim]
    rods += [capsule(path[n], path[n + 1], sizes[n], sizes[n + 1], flat_along=(side, 0.5, 0)) for n in range(2)]
    return rods


def _radii(level: str, bulk: float, drop: float) -> tuple[float, float]:
    across, along, _ = _PSOAS[level]
    return across * bulk, along * bulk * drop


def _hind(level: str, middle: Matrix, side: float, bulk: float) -> tuple[Matrix, tuple[float, float]]:
    """Middle and radii of the posterior border at a level."""
    across, along, inwards, behind = _HIND[level]
    return middle + np.array([-side * inwards, behind, 0.0]) * bulk, (across * bulk, along * bulk)


def _beside(person: Person, level: str, side: float, bulk: float) -> Matrix:
    """Middle of the psoas at a level: its inner edge on the side of the body, farther down nearer to the front."""
    across, _, lean = _PSOAS[level]
    size = person.vertebrae[level]
    waist = 0.5 * (size.upper_width + size.lower_width) / 2 - 2.0
    return person.frames[level].to_world((side * (waist + 0.9 * across * bulk), 9 - 16 * lean, 0))
