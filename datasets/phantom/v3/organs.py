"""Liver, spleen, stomach, kidneys and the lower tips of the lungs."""

import numpy as np

from ..v2.shapes import Part, capsule, ellipsoid, half_space, soft, tube
from .person import Person

FAT_HU, SINUS_HU, LUNG_HU, GAS_HU = -101.0, -55.0, -810.0, -960.0


def organs(person: Person, front: float) -> list[Part]:
    """In painting order; ``front`` is how far the belly reaches before the middle of L3, mm."""
    random = person.random("organs")
    parts = [part for side in (-1.0, 1.0) for part in _kidney(person, side, random)]
    parts += [*_liver(person, front, random), *_stomach(front, random), *_lungs(random)]
    return parts


def _liver(person: Person, front: float, random: np.random.Generator) -> list[Part]:
    """A large right lobe that thins to an edge below, a flat left one; the spleen."""
    low = random.normal(14, 14)
    grain = int(random.integers(1 << 30))
    right = ellipsoid((-84 * person.scale, -28, 106 + low), (62, 78, 84))
    edge = ellipsoid((-92 * person.scale, -52, 52 + low), (40, 34, 52))
    left = ellipsoid((-18, -0.62 * front, 118 + low), (72, 26, 42))
    spleen = ellipsoid((104 * person.scale, 26, random.normal(110, 12)), (25, 42, 52))
    return [
        soft(
            (right, edge, left), float(random.normal(54, 7) - 22 * person.fat), blend_mm=14, texture_hu=4.0, seed=grain
        ),
        soft((spleen,), float(random.normal(50, 4)), texture_hu=4.0, seed=grain + 5),
    ]


def _stomach(front: float, random: np.random.Generator) -> list[Part]:
    """A bag of fluid below, food and gas above (that is in front, as the patient lies)."""
    seed = int(random.integers(1 << 30))
    start, end = (62, -0.3 * front - 8, 112), (12 + random.normal(0, 10), -0.62 * front, 62 + random.normal(0, 12))
    size = random.uniform(18, 30)
    bag = tube(start, end, size, pouch=0.05, period=40, rough=0.16, seed=seed)
    wall = Part((bag.made_of(shell_mm=4.0, inner_hu=float(random.normal(18, 18))),), 42.0, texture_hu=30.0,
                texture_seed=seed)  # fmt: skip
    parts = [wall]
    if random.random() < 0.5:
        level = start[1] - random.uniform(-0.2, 0.7) * size
        hollow = tube(start, end, size - 4.0, pouch=0.05, period=40, rough=0.16, seed=seed)
        parts.append(soft((hollow,), GAS_HU).confined(half_space((0, level, 0), (0, 1, 0)).confining()))
    return parts


def _lungs(random: np.random.Generator) -> list[Part]:
    """The recess behind the liver and spleen."""
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        bottom = random.normal(106, 11)
        lobe = ellipsoid((side * 70, 34, bottom + 95), (56, 56, 95))
        parts.append(soft((lobe,), LUNG_HU, texture_hu=25.0, seed=int(random.integers(1 << 30))))
    return parts


def _kidney(person: Person, side: float, random: np.random.Generator) -> list[Part]:
    """Fat round it, the kidney, the fat of its sinus; the right one lies lower."""
    s = person.scale
    middle = [side * random.normal(60, 4), random.normal(12, 5), random.normal(58 if side > 0 else 46, 9)]
    centre = np.array(middle) * s
    lean = np.array([side * 0.3, 0.28, -1.0])
    lean = lean / np.linalg.norm(lean)
    thick = (10 + 22 * person.fat) * 0.6
    halo = capsule(centre - lean * 26, centre + lean * 30, (27 + thick, 23 + thick), flat_along=(side, 1, 0))
    solid = capsule(centre - lean * 26 * s, centre + lean * 26 * s, (26 * s, 22 * s), flat_along=(side, 1, 0))
    hilum = ellipsoid(centre + np.array([-side * 20, -8, 0]), (17, 8, 15)).carving()
    sinus = ellipsoid(centre + np.array([-side * 9, -4, 0]), (11, 7, 18))
    renal = float(random.normal(34, 4))
    return [
        soft((halo,), FAT_HU, texture_hu=14.0, seed=int(random.integers(1 << 30))),
        soft((solid, hilum), renal, texture_hu=5.0, seed=int(random.integers(1 << 30))),
        soft((sinus,), SINUS_HU, texture_hu=20.0),
    ]
