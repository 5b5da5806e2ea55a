"""Small bowel: loops packed side by side, each 20 to 30 mm wide, with clefts of fat between them.

Loops fill the room before and beside the spine, up to the psoas, as far as there are enough of them: in lean persons
they lie against one another, in those with much visceral fat they lie apart. Most contain fluid between feathery folds
or are collapsed; in nearly everyone small bubbles stand at their most anterior places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.fat_network import VISCERAL_HU
from ..rendering.shapes import Part, Shape, capsule, ellipsoid, soft, tube
from .gas import GAS_HU, gas_level, in_front_of

_TRIES = 600
_STEP_MM = 14.0
# Gas of persons who have next to none (see ``person``).
_HARDLY_ANY = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A loop of small bowel: points along it, and its radius, mm."""

    line: list[Matrix]
    radius: float

    @property
    def middle(self) -> Matrix:
        """Its middle point."""
        return self.line[len(self.line) // 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where loops may lie, mm.

    Attributes:
        half: Half-width.
        behind: Least distance before the middle of L3, before the spine.
        beside: That beside the spine.
        front: Greatest distance before the middle of L3.
    """

    half: float
    behind: float
    beside: float
    front: float

    def holds(self, place: Matrix) -> bool:
        """Whether a point lies in it from side to side and from top to bottom."""
        # On the right the liver hangs above.
        return bool(abs(place[0]) < self.half and -128 < place[2] < (58 if place[0] > -28 else 8))

    def draw(self, random: np.random.Generator, centre: Matrix) -> Matrix:
        """A random point, most likely near the centre (x, z) of the bowel."""
        x, z = centre + random.normal(0, 1, 2) * [48, 48]
        return self.into(np.array([x, -random.uniform(self.beside, self.front), z]))

    def into(self, place: Matrix) -> Matrix:
        """The point moved forwards or backwards into the room."""
        nearest = self.behind if abs(place[0]) < 48 else self.beside
        return np.array([place[0], np.clip(place[1], -self.front, -nearest), place[2]])


def draw_loops(person: Person, random: np.random.Generator, *, front: float, side: float) -> list[Loop]:
    """As many loops as a person has or as find room; none comes nearer to another than their calibre.

    Args:
        person: The person.
        random: Random generator.
        front: How far the abdominal cavity reaches before the middle of L3, mm.
        side: How far to each side, mm.
    """
    inside = 16 * person.fat * person.visceral * random.uniform(0.4, 1.2)
    room = Room(half=min(side - 18.0, 98.0), behind=42 + inside, beside=24 + inside, front=max(front - 11, 62 + inside))
    centre = np.array([random.normal(8, 14), random.normal(-38, 16)])
    calibre = float(random.uniform(9.5, 13.0)) * (1 + 0.2 * person.gas)
    wanted = float(random.uniform(2000, 3400))
    taken = np.full((1, 3), 1e4)
    loops: list[Loop] = []
    for _ in range(_TRIES):
        apart = calibre * float(random.uniform(1.5, 1.95))
        line = _wander(random, room, room.draw(random, centre), taken, apart)
        if len(line) < 3:
            continue
        loops.append(Loop(line, calibre * float(random.uniform(0.8, 1.2))))
        taken = np.concatenate([taken, np.array(line)])
        wanted -= _STEP_MM * len(line)
        if wanted < 0:
            break
    return sorted(loops, key=lambda one: -float(one.middle[1]))


def _wander(random: np.random.Generator, room: Room, place: Matrix, taken: Matrix, apart: float) -> list[Matrix]:
    """A winding course, mostly in a coronal plane, that ends where other loops leave no room."""
    line: list[Matrix] = []
    heading, turning = random.normal(0, 1, 3) * [1, 0.45, 1], random.normal(0, 0.5)
    for _ in range(int(random.integers(5, 12))):
        if not room.holds(place) or np.square(taken - place).sum(axis=1).min() < apart**2:
            break
        line.append(place)
        turning = 0.7 * turning + random.normal(0, 0.4)
        side = np.array([heading[2], 0.0, -heading[0]])
        heading = heading + turning * side + random.normal(0, 0.3, 3) * [1, 0.7, 1]
        heading = heading / np.linalg.norm(heading)
        place = room.into(place + _STEP_MM * heading)
    return line


def small_bowel(person: Person, random: np.random.Generator, loops: Sequence[Loop], wall_hu: float) -> list[Part]:
    """Parts of the loops, from back to front.

    Args:
        person: The person.
        random: Random generator.
        loops: Sorted from back to front.
        wall_hu: Of the wall of the bowel.
    """
    parts: list[Part] = []
    specks = (0.0 if person.gas <= _HARDLY_ANY else float(random.uniform(0.25, 0.75))) + 0.3 * person.gas
    # In some persons air stays in the small bowel, in others it has passed on.
    gassy = person.gas * float(random.uniform(0.25, 1.5))
    for loop in loops:
        parts += _loop(random, loop, wall_hu, gas=person.gas, gassy=gassy)
        if random.random() < specks:
            parts.append(_bubbles(random, loop))
    return parts


def _loop(random: np.random.Generator, loop: Loop, wall_hu: float, *, gas: float, gassy: float) -> list[Part]:
    """Surrounding fat, wall and content of a loop; a share ``gassy`` of the loops has gas in front of a level."""
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
    if not collapsed and random.random() < gassy:
        depths = np.array(loop.line)[:, 1]
        level = gas_level(depths, np.full(len(depths), radius), float(random.uniform(0.15, 0.3 + 0.7 * gas)))
        hollow = [
            tube(loop.line[n], loop.line[n + 1], radius - 2.2, pouch=1.4 * deep, period=ring, rough=0.16, seed=seed)
            for n in lengths
        ]
        parts.append(soft(tuple(hollow), GAS_HU, blend_mm=1.0).confined(in_front_of(level)))
    return parts


def _bubbles(random: np.random.Generator, loop: Loop) -> Part:
    """One to four bubbles in a row, flattened, at the most anterior place of a loop."""
    foremost = int(np.argmin([knot[1] for knot in loop.line]))
    shapes: list[Shape] = []
    for _ in range(int(random.integers(1, 5))):
        size = float(random.uniform(1.8, 7.0))
        place = loop.line[foremost] + np.array([0, -max(0.62 * loop.radius - 0.4 * size, 0), 0])
        place = place + random.normal(0, 0.5 * loop.radius, 3) * [1, 0.12, 1]
        shapes.append(ellipsoid(place, (size * float(random.uniform(0.8, 1.5)), 0.6 * size, size)))
    return soft(tuple(shapes), GAS_HU, blend_mm=1.0)
