"""Small bowel of version 5: short bends packed side by side, each 20 to 30 mm wide, with clefts of fat between them.

Bends fill the room before and beside the spine, up to the psoas, as far as there are enough of them: in the lean they
lie against one another, in those with much fat inside they lie apart. Most hold fluid between feathery folds or are
collapsed; small bubbles stand in their foremost places in nearly everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule, ellipsoid, soft, tube
from ..v3.fat import VISCERAL_HU
from ..v4.bowel import GAS_HU

# Version 4 is frozen and keeps these to itself; a copy would be worse.
from ..v4.bowel import _before as before  # pyright: ignore[reportPrivateUsage]
from ..v4.bowel import _level as level  # pyright: ignore[reportPrivateUsage]
from .person import Person

_TRIES = 260
# Gas of those who have next to none (see ``person``).
_HARDLY_ANY = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A bend of small bowel: points along it, and its radius, mm."""

    line: list[Matrix]
    radius: float

    @property
    def middle(self) -> Matrix:
        """Its middle point."""
        return self.line[len(self.line) // 2]


def draw_loops(person: Person, random: np.random.Generator, *, front: float, side: float) -> list[Loop]:
    """As many bends as there are, or as find room.

    Args:
        person: Whose.
        random: To draw from.
        front: How far the cavity reaches before the middle of L3, mm.
        side: To each side, mm.
    """
    wanted, apart = int(random.integers(34, 52)), float(random.uniform(23, 30))
    size = float(random.uniform(9.0, 12.5)) * (1 + 0.2 * person.gas)
    inside = 30 * person.fat * person.visceral
    half = min(side - 18.0, 98.0)
    # Where the bulk of it hangs.
    heart = np.array([random.normal(8, 14), -0.6 * front, random.normal(-38, 16)])
    middles: list[Matrix] = []
    for _ in range(_TRIES):
        x, z = heart[0] + random.normal(0, 46), heart[2] + random.normal(0, 48)
        back = (46 if abs(x) < 48 else 22) + inside * random.random()
        if abs(x) > half or not -125 < z < 56 or front - 14 < back:
            continue
        place = np.array([x, -random.uniform(back, front - 10), z])
        if middles and np.linalg.norm(np.array(middles) - place, axis=1).min() < apart:
            continue
        middles.append(place)
        if len(middles) == wanted:
            break
    middles.sort(key=lambda one: -float(one[1]))
    return [Loop(_bend(random, place, front), size * float(random.uniform(0.75, 1.25))) for place in middles]


def _bend(random: np.random.Generator, middle: Matrix, front: float) -> list[Matrix]:
    """An arc through its middle, in a plane of its own, mostly seen broadside from the front."""
    normal = random.normal(0, 1, 3) * [0.7, 1.2, 0.7]
    normal /= np.linalg.norm(normal)
    first = np.cross(normal, random.normal(0, 1, 3))
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    curve, sweep = float(random.uniform(13, 26)), float(random.uniform(0.5, 1.2)) * np.pi
    knots: list[Matrix] = []
    for turn in np.linspace(-0.5, 0.5, 5) * sweep:
        knot = middle + curve * ((np.cos(turn) - 1) * first + np.sin(turn) * second) + random.normal(0, 1.6, 3)
        knot[1] = np.clip(knot[1], -0.95 * front, -18 if abs(knot[0]) > 48 else -40)
        knots.append(knot)
    return knots


def small_bowel(person: Person, random: np.random.Generator, loops: Sequence[Loop], wall_hu: float) -> list[Part]:
    """The bends, from back to front.

    Args:
        person: Whose.
        random: To draw from.
        loops: Sorted from back to front.
        wall_hu: Of the gut's wall.
    """
    parts: list[Part] = []
    specks = (0.0 if person.gas <= _HARDLY_ANY else float(random.uniform(0.1, 0.35))) + 0.3 * person.gas
    for loop in loops:
        parts += _loop(person, random, loop, wall_hu)
        if random.random() < specks:
            parts.append(_bubbles(random, loop))
    return parts


def _loop(person: Person, random: np.random.Generator, loop: Loop, wall_hu: float) -> list[Part]:
    """A cleft of fat round it, wall and content; in the gassy one bend in some is filled before a level."""
    seed, hu = int(random.integers(1 << 30)), float(random.normal(20, 12))
    collapsed = random.random() < 0.35
    radius = loop.radius * (0.72 if collapsed else 1.0)
    ring, deep = float(random.uniform(5.0, 11.0)), float(random.uniform(0.04, 0.13))
    grain, filling = float(random.uniform(2.4, 4.2)), wall_hu - 6 if collapsed else hu
    cleft = float(random.uniform(1.0, 3.5))
    lengths = range(len(loop.line) - 1)
    rods = [
        tube(loop.line[n], loop.line[n + 1], radius, pouch=deep, period=ring, rough=0.16, seed=seed) for n in lengths
    ]
    halo = [capsule(loop.line[n], loop.line[n + 1], (radius + cleft, radius + cleft)) for n in lengths]
    parts = [
        soft(tuple(halo), VISCERAL_HU),
        Part(
            tuple(rod.made_of(shell_mm=2.0, inner_hu=filling) for rod in rods), wall_hu, blend_mm=2.5,
            texture_hu=float(random.uniform(10, 30)), texture_mm=(grain, grain, grain), texture_seed=seed,
            shell_variation=0.5,
        ),
    ]  # fmt: skip
    if not collapsed and random.random() < 0.55 * person.gas:
        depths = np.array(loop.line)[:, 1]
        behind = level(depths, np.full(len(depths), radius), float(random.uniform(0.1, 0.2 + 0.7 * person.gas)))
        hollow = [
            tube(loop.line[n], loop.line[n + 1], radius - 2.2, pouch=1.4 * deep, period=ring, rough=0.16, seed=seed)
            for n in lengths
        ]
        parts.append(soft(tuple(hollow), GAS_HU, blend_mm=1.0).confined(before(behind)))
    return parts


def _bubbles(random: np.random.Generator, loop: Loop) -> Part:
    """One to four bubbles in a row, flat behind, where the bend lies foremost."""
    foremost = int(np.argmin([knot[1] for knot in loop.line]))
    shapes: list[Shape] = []
    for _ in range(int(random.integers(1, 5))):
        size = float(random.uniform(1.6, 5.0))
        place = loop.line[foremost] + np.array([0, -max(0.62 * loop.radius - 0.4 * size, 0), 0])
        place = place + random.normal(0, 0.5 * loop.radius, 3) * [1, 0.12, 1]
        shapes.append(ellipsoid(place, (size * float(random.uniform(0.8, 1.5)), 0.6 * size, size)))
    return soft(tuple(shapes), GAS_HU, blend_mm=1.0)
