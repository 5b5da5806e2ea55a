"""What the belly holds: small bowel and colon with gas and contents, kidneys, liver, spleen."""

from dataclasses import replace

import numpy as np

from bench.geometry import Matrix

from .person import Person
from .shapes import Frame, Part, Shape, capsule, ellipsoid, soft

GAS_HU, SINUS_HU, FAT_HU = -940.0, -60.0, -102.0


def bowel(person: Person, random: np.random.Generator) -> list[Part]:
    """Loops of gut before the spine, colon at the sides and across; some hold gas, which rises to the front."""
    parts: list[Part] = []
    front = -(72 + 48 * person.fat) * person.scale
    gassy = random.beta(2.0, 3.5)
    for _ in range(90):
        centre = np.array([random.uniform(-95, 95), random.uniform(front, -30), random.uniform(-130, 75)])
        centre[1] += 0.0022 * centre[0] ** 2
        turn = random.normal(0, 1, 3)
        reach, girth = random.uniform(10, 34), random.uniform(9, 16)
        rod = capsule(centre, centre + reach * turn / np.linalg.norm(turn), (girth, girth * random.uniform(0.7, 1.0)))
        parts += _loop(rod, random, gassy * 0.35)
    for knots in _colon(person, random, front):
        for low, high in zip(knots[1:], knots[:-1], strict=True):
            rod = capsule(high, low, (random.uniform(14, 22), random.uniform(14, 20)))
            parts += _loop(rod, random, 0.15 + gassy, faeces=random.random() < 0.5)
    return parts


def _colon(person: Person, random: np.random.Generator, front: float) -> list[list[Matrix]]:
    """Knots of the ascending, descending and transverse colon."""
    heights = (85, 62, 38, 14, -10, -34, -58, -82, -106)
    sides = [
        [np.array([x + random.normal(0, 5), random.normal(-24, 7), z]) for z in heights]
        for x in (-random.uniform(86, 102) * person.scale, random.uniform(86, 102) * person.scale)
    ]
    sag = random.uniform(10, 60)
    spread = (-95, -72, -48, -24, 0, 24, 48, 72, 95)
    across = [
        np.array([x, front + 14 + 0.003 * x * x, 60 - sag * (1 - (x / 95) ** 2) + random.normal(0, 4)]) for x in spread
    ]
    return [*sides, across]


def _loop(rod: Shape, random: np.random.Generator, gas: float, *, faeces: bool = False) -> list[Part]:
    """A piece of gut: wall, contents and perhaps a bubble against its front."""
    seed = int(random.integers(1 << 30))
    filling, grain = (float(random.normal(-40, 30)), 130.0) if faeces else (float(random.normal(18, 14)), 14.0)
    wall = rod.made_of(shell_mm=2.5, inner_hu=filling)
    size = (4.0, 4.0, 4.0) if faeces else (7.0, 7.0, 7.0)
    parts = [Part((wall,), 42.0, blend_mm=2.0, texture_hu=grain, texture_mm=size, texture_seed=seed)]
    if random.random() < gas:
        slim = random.uniform(0.55, 0.85)
        inside = tuple(number * slim if n else number for n, number in enumerate(rod.numbers[:7]))
        rise = (1 - slim) * min(rod.numbers[1:3]) - 2.0
        lifted = Frame(rod.frame.origin - [0, max(0.0, rise), 0], rod.frame.axes)
        parts.append(soft((replace(rod, numbers=inside, frame=lifted),), GAS_HU))
    return parts


def organs(person: Person, random: np.random.Generator) -> list[Part]:
    """Kidneys in their fat, liver on the right, spleen on the left."""
    parts = [part for side in (-1.0, 1.0) for part in _kidney(side, person.scale, random)]
    liver = ellipsoid((-88, -22, random.normal(98, 14)), (66, 74, 76))
    spleen = ellipsoid((104, 22, random.normal(112, 12)), (26, 42, 56))
    grain = int(random.integers(1 << 30))
    parts.append(soft((liver,), float(random.normal(56, 6)), texture_hu=4.0, texture_seed=grain))
    parts.append(soft((spleen,), float(random.normal(50, 4)), texture_hu=4.0, texture_seed=grain + 5))
    return parts


def _kidney(side: float, scale: float, random: np.random.Generator) -> list[Part]:
    """Fat round it, the kidney, the fat of its sinus; the right one lies lower."""
    middle = [side * random.normal(58, 4), random.normal(14, 5), random.normal(58 if side > 0 else 48, 9)]
    centre = np.array(middle) * scale
    lean = np.array([side * 0.25, 0.25, -1.0]) / np.linalg.norm([0.25, 0.25, 1.0])
    halo = capsule(centre - lean * 28, centre + lean * 30, (33, 30), flat_along=(side, 1, 0))
    solid = capsule(centre - lean * 22, centre + lean * 22, (27 * scale, 22 * scale), flat_along=(side, 1, 0))
    sinus = ellipsoid(centre - [side * 13, 5, 0], (13, 8, 17))
    return [
        soft((halo,), FAT_HU, texture_hu=12.0),
        soft((solid,), float(random.normal(34, 3)), texture_hu=4.0),
        soft((sinus,), SINUS_HU),
    ]
