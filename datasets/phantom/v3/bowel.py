"""Small bowel and colon: winding chains of haustrated tubes with fluid, faeces and gas that rises to the front."""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule, half_space, soft, tube
from .person import Person

GAS_HU = -960.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gut:
    """What a piece of gut is like: radius, haustra (relative depth, period in mm), roughness, contents."""

    radius: float
    pouch: float
    period: float
    rough: float
    filling_hu: float
    grain_hu: float
    grain_mm: float


def bowel(person: Person, front: float) -> list[Part]:
    """Painted back to front, so that loops lie over one another; ``front`` is how far the cavity reaches, mm."""
    random = person.random("bowel")
    gassy = float(random.beta(2.0, 3.0))
    parts = [_mesentery(random, front)]
    for _ in range(16):
        parts += _small(random, front, gassy * 0.45)
    for line in _colon(person, random, front):
        parts += _large(random, line, 0.3 + 0.65 * gassy)
    return parts


def _mesentery(random: np.random.Generator, front: float) -> Part:
    """Vessels that fan out from before the spine through the fat between the loops."""
    twigs: list[Shape] = []
    for _ in range(46):
        start = np.array([random.normal(0, 24), -42 - 0.2 * front * random.random(), random.uniform(-70, 50)])
        end = start + np.array([random.normal(0, 42), -random.uniform(5, 0.45 * front), random.normal(-14, 30)])
        thick = float(random.uniform(1.6, 3.4))
        twigs.append(capsule(start, end, (thick, thick), (0.6 * thick, 0.6 * thick)))
    return soft(tuple(twigs), 46.0, blend_mm=1.5)


def _small(random: np.random.Generator, front: float, gas: float) -> list[Part]:
    """One winding loop: a walk that turns smoothly inside the belly."""
    place = np.array([random.uniform(-75, 75), random.uniform(-0.85 * front, -40), random.uniform(-120, 45)])
    heading = random.normal(0, 1, 3)
    line = [place]
    for _ in range(int(random.integers(6, 11))):
        pull = (np.array([0, -0.55 * front, -40]) - place) / 110
        heading = heading / np.linalg.norm(heading) + random.normal(0, 0.75, 3) * [1, 0.7, 1] + 0.5 * pull
        place = place + 21 * heading / np.linalg.norm(heading)
        place[1] = np.clip(place[1], -0.92 * front, -38)
        line.append(place)
    gut = Gut(
        radius=float(random.uniform(9.5, 14)), pouch=0.05, period=11.0, rough=0.14,
        filling_hu=float(random.normal(14, 16)), grain_hu=18.0, grain_mm=7.0,
    )  # fmt: skip
    return _piece(random, line, gut, gas)


def _large(random: np.random.Generator, line: list[Matrix], gas: float) -> list[Part]:
    """Colon, a few haustra at a time, each stretch with its own contents."""
    parts: list[Part] = []
    radius = float(random.uniform(15, 23))
    for n in range(0, len(line) - 1, 2):
        solid = random.random() < 0.6
        gut = Gut(
            radius=radius * float(random.uniform(0.8, 1.12)), pouch=float(random.uniform(0.1, 0.2)),
            period=float(random.uniform(26, 38)), rough=0.2,
            filling_hu=float(random.normal(-30, 45)) if solid else float(random.normal(22, 15)),
            grain_hu=190.0 if solid else 18.0, grain_mm=4.5,
        )  # fmt: skip
        parts += _piece(random, line[n : n + 3], gut, gas)
    return parts


def _piece(random: np.random.Generator, line: list[Matrix], gut: Gut, gas: float) -> list[Part]:
    """Wall and contents of a stretch, and perhaps gas above a level."""
    seed = int(random.integers(1 << 30))
    wall = tuple(rod.made_of(shell_mm=2.2, inner_hu=gut.filling_hu) for rod in _rods(line, gut, 0.0, seed))
    grain = (gut.grain_mm, gut.grain_mm, gut.grain_mm)
    parts = [Part(wall, 40.0, blend_mm=3.0, texture_hu=gut.grain_hu, texture_mm=grain, texture_seed=seed)]
    if random.random() < gas:
        first = int(random.integers(0, max(1, len(line) - 1)))
        stretch = line[first : first + int(random.integers(2, 4))]
        level = float(np.mean([point[1] for point in stretch])) + gut.radius * float(
            random.choice([random.uniform(-0.3, 0.8), 3.0], p=[0.2, 0.8])
        )
        bubble = soft(tuple(_rods(stretch, gut, 2.6, seed)), GAS_HU, blend_mm=2.0)
        parts.append(bubble.confined(half_space((0, level, 0), (0, 1, 0)).confining()))
    return parts


def _rods(line: list[Matrix], gut: Gut, inwards: float, seed: int) -> list[Shape]:
    return [
        tube(line[n], line[n + 1], gut.radius - inwards, pouch=gut.pouch, period=gut.period, rough=gut.rough, seed=seed)
        for n in range(len(line) - 1)
    ]


def _colon(person: Person, random: np.random.Generator, front: float) -> list[list[Matrix]]:
    """Ascending, descending and transverse colon, and the sigmoid."""
    s = person.scale
    heights = (88, 66, 44, 22, 0, -24, -48, -72, -96, -116)
    sides = [
        [
            np.array([x + random.normal(0, 6), random.normal(-26, 7) - 0.0012 * (z - 40) ** 2, z + random.normal(0, 4)])
            for z in heights
        ]
        for x in (-random.uniform(84, 100) * s, random.uniform(84, 102) * s)
    ]
    sag = random.uniform(5, 75)
    spread = np.linspace(-90, 90, 11) * s
    across = [
        np.array([x, -front + 24 + 0.0045 * x * x, 70 - sag * (1 - (x / 95) ** 2) + random.normal(0, 5)])
        for x in spread
    ]
    start = sides[1][-1]
    sigmoid = [start + np.array([-16 * n, -10 * np.sin(n) + 6 * n, 14 * np.sin(1.3 * n) - 4]) for n in range(6)]
    return [*sides, sigmoid, across]
