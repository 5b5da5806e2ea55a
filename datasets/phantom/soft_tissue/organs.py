"""Liver with gall bladder, spleen, stomach, pancreas, duodenum, kidneys and the lowest recesses of the lungs."""

import numpy as np

from ..person.person import Person
from ..rendering.fat_network import VISCERAL_HU
from ..rendering.shapes import Part, capsule, ellipsoid, half_space, soft, tube
from .gas import GAS_HU

_SINUS_HU, _LUNG_HU = -62.0, -820.0


def organs(person: Person, front: float) -> list[Part]:
    """All organs in painting order; ``front`` is how far the belly reaches before the middle of L3, mm."""
    random = person.random("organs")
    parts = [part for side in (-1.0, 1.0) for part in _kidney(person, side, random)]
    parts += [*_liver(person, front, random), *_pancreas(person, front, random), *_stomach(person, front, random)]
    return [*parts, *_lungs(random)]


def _liver(person: Person, front: float, random: np.random.Generator) -> list[Part]:
    """Liver with a large right lobe that tapers below and a flat left one, vessels and gall bladder; the spleen."""
    low, s = random.normal(10, 17), person.scale
    grain = int(random.integers(1 << 30))
    right = ellipsoid((-84 * s, -28, 106 + low), (60, 76, 84))
    edge = ellipsoid((-98 * s, -30, 50 + low), (33, 46, 58))
    left = ellipsoid((-18, -0.62 * front, 118 + low), (72, 26, 42))
    spleen = ellipsoid((104 * s, 26, random.normal(110, 12)), (25, 42, 52))
    hu = float(random.normal(55, 6) - 26 * person.fat + 50 * person.contrast)
    gall = capsule((-60 * s, -0.55 * front, 62 + low), (-64 * s, -0.7 * front, 34 + low), (9, 9), (14, 15))
    twigs = [
        capsule(
            (-30, -20, 110 + low), (-84 + random.normal(0, 25), random.normal(-30, 25), 70 + low), (6, 6), (2.5, 2.5)
        )
        for _ in range(5)
    ]  # fmt: skip
    return [
        soft((right, edge, left), hu, blend_mm=14, texture_hu=5.0, seed=grain),
        soft(tuple(twigs), 38.0 + 95 * person.contrast, blend_mm=2.0),
        soft((gall,), float(random.normal(8, 5)), blend_mm=2.0),
        soft((spleen,), float(random.normal(48, 4) + 70 * person.contrast), texture_hu=5.0, seed=grain + 5),
    ]


def _pancreas(person: Person, front: float, random: np.random.Generator) -> list[Part]:
    """Pancreas, lobed and streaked by fat, and the duodenum around its head."""
    high, s = random.normal(52, 8), person.scale
    seed = int(random.integers(1 << 30))
    deep = -52 - 0.1 * front
    path = [(-30, deep, high - 16), (-12, deep - 8, high), (18, deep - 10, high + 10), (52, deep + 12, high + 22),
            (80 * s, deep + 34, high + 30)]  # fmt: skip
    lobes = [
        tube(path[n], path[n + 1], 11 - 1.1 * n, pouch=0.15, period=9, rough=0.35, seed=seed)
        for n in range(len(path) - 1)
    ]
    bend = [(-38, deep - 14, high + 18), (-48, deep, high), (-48, deep + 4, high - 30), (-24, deep + 2, high - 46),
            (26, deep - 2, high - 42)]  # fmt: skip
    rods = [
        tube(bend[n], bend[n + 1], 13, pouch=0.12, period=9, rough=0.2, seed=seed + 3).made_of(
            shell_mm=2.5, inner_hu=float(random.normal(18, 10))
        )
        for n in range(len(bend) - 1)
    ]
    return [
        soft(tuple(lobes), 38.0 - 18 * person.fat + 45 * person.contrast, texture_hu=22 + 25 * person.fat, seed=seed),
        Part(tuple(rods), 40.0 + 45 * person.contrast, texture_hu=15.0, texture_seed=seed, shell_variation=0.6),
    ]


def _stomach(person: Person, front: float, random: np.random.Generator) -> list[Part]:
    """A bag with fluid behind, food and gas in front: the patient lies supine."""
    seed = int(random.integers(1 << 30))
    start, end = (62, -0.3 * front - 8, 112), (12 + random.normal(0, 10), -0.62 * front, 62 + random.normal(0, 12))
    size = random.uniform(18, 30)
    bag = tube(start, end, size, pouch=0.05, period=40, rough=0.16, seed=seed)
    made = bag.made_of(shell_mm=4.0, inner_hu=float(random.normal(18, 18)))
    parts = [Part((made,), 42.0 + 45 * person.contrast, texture_hu=30.0, texture_seed=seed)]
    if random.random() < 0.3 + 0.5 * person.gas:
        level = start[1] - random.uniform(-0.4, 0.7) * size
        hollow = tube(start, end, size - 4.0, pouch=0.05, period=40, rough=0.16, seed=seed)
        parts.append(soft((hollow,), GAS_HU).confined(half_space((0, level, 0), (0, 1, 0)).confining()))
    return parts


def _lungs(random: np.random.Generator) -> list[Part]:
    """The recesses behind and beside the diaphragm: crescents, not domes."""
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        bottom = random.normal(104, 11)
        lobe = ellipsoid((side * 68, 26, bottom + 95), (60, 60, 95))
        under = ellipsoid((side * 66, 2, bottom + 30), (56, 60, 92)).carving()
        parts.append(soft((lobe, under), _LUNG_HU, texture_hu=45.0, seed=int(random.integers(1 << 30))))
    return parts


def _kidney(person: Person, side: float, random: np.random.Generator) -> list[Part]:
    """Perirenal fat, cortex and medulla of the kidney, the fat of its sinus, its vessels; the right one lies lower."""
    s = person.scale
    middle = [side * random.normal(62, 4), random.normal(12, 5), random.normal(58 if side > 0 else 46, 11)]
    centre = np.array(middle) * s
    lean = np.array([side * 0.3, 0.28, -1.0])
    lean = lean / np.linalg.norm(lean)
    thick = (8 + 30 * person.fat * person.visceral) * 0.6
    halo = capsule(centre - lean * 26, centre + lean * 30, (27 + thick, 23 + thick), flat_along=(side, 1, 0))
    solid = capsule(centre - lean * 26 * s, centre + lean * 26 * s, (26 * s, 22 * s), flat_along=(side, 1, 0))
    medulla = float(random.normal(31, 4)) + 90 * person.contrast
    solid = solid.made_of(shell_mm=7.0, inner_hu=medulla)
    hilum = ellipsoid(centre + np.array([-side * 20, -8, 0]), (17, 8, 15)).carving()
    sinus = ellipsoid(centre + np.array([-side * 9, -4, 0]), (12, 8, 19))
    to = np.array([side * 12, -34, centre[2] + random.normal(4, 4)])
    vessels = [
        capsule(centre + np.array([-side * 10, -4, 0]), to, (3.6, 3.6), (4.2, 4.2)),
        capsule(centre + np.array([-side * 8, 0, 4]), to + np.array([-side * 4, 8, 5]), (2.4, 2.4)),
    ]
    seed = int(random.integers(1 << 30))
    return [
        soft((halo,), VISCERAL_HU),
        Part((solid, hilum), 35.0 + 150 * person.contrast, texture_hu=6.0, texture_seed=seed, shell_variation=0.6),
        soft((sinus,), _SINUS_HU, texture_hu=35.0, seed=seed + 1),
        soft(tuple(vessels), 40.0 + 105 * person.contrast, blend_mm=1.5),
    ]
