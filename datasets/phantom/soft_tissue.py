"""Everything that is not bone: outline, fat, muscle, vessels, kidneys, liver, bowel, the contents of the canal."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .anthropometry import LEVELS
from .person import Person, stream
from .shapes import COLUMN, Frame, Part, Shape, capsule, ellipsoid, soft

FAT_HU, MUSCLE_HU, SKIN_HU = -102.0, 54.0, 15.0


def soft_tissue(version: int, seed: int, person: Person) -> list[Part]:
    """All soft parts in painting order; bones come after them."""
    trunk = stream(version, seed, "trunk")
    organs, bowels = stream(version, seed, "organs"), stream(version, seed, "bowel")
    return [
        *_outline(person, trunk),
        *_bowel(person, bowels),
        *_organs(person, organs),
        *_vessels(person, organs),
        *_muscles(person, trunk),
        *_canal(person),
    ]


def _column(centre: Sequence[float], half_width: float, half_depth: float, power: float) -> Shape:
    waist = (-0.02 * half_width, 0.03 * half_depth, 0.05 * half_width, -0.01 * half_depth)
    numbers = (half_width, half_depth, *waist, power, -1e4, 1e4)
    return Shape(COLUMN, Frame(np.asarray(centre, dtype=float), np.eye(3)), numbers, 1e4)


def _outline(person: Person, random: np.random.Generator) -> list[Part]:
    """Skin, fat under it, the muscular wall of the belly, and the fat inside."""
    front = (72 + 55 * person.fat) * person.scale + random.normal(0, 4)
    back = (78 + 26 * person.fat) * person.scale
    width = (142 + 55 * person.fat) * person.scale
    fat = 7 + 30 * person.fat
    middle, half = (0.0, (back - front) / 2, 0.0), (front + back) / 2
    skin = _column(middle, width, half, 2.5).made_of(shell_mm=2.0, inner_hu=FAT_HU)
    groove = capsule((0, back + 16, 200), (0, back + 16, -200), (16, 22)).carving()
    inner = _column((0.0, middle[1] - 2, 0.0), width - fat * 0.9, half - fat * 0.62, 2.4)
    wall = inner.made_of(shell_mm=9 + 8 * person.muscle, inner_hu=FAT_HU + 4)
    grain = int(random.integers(1 << 30))
    return [
        Part(
            (skin, replace(groove, reach_mm=1.0)), SKIN_HU, texture_hu=7.0, texture_mm=(14, 14, 14), texture_seed=grain
        ),
        Part(
            (wall,), MUSCLE_HU, texture_hu=10.0, texture_mm=(11, 11, 14), texture_seed=grain + 7, shell_variation=0.25
        ),
    ]


def _bowel(person: Person, random: np.random.Generator) -> list[Part]:
    """Loops of gut in front of the spine, some with gas that rises to the front; colon at the sides."""
    parts: list[Part] = []
    front = -(58 + 48 * person.fat) * person.scale
    for _ in range(46):
        centre = np.array([random.uniform(-95, 95), random.uniform(front, -28), random.uniform(-125, 70)])
        centre[1] += 0.0016 * centre[0] ** 2
        turn = random.normal(0, 1, 3)
        reach, girth = random.uniform(10, 34), random.uniform(8, 15)
        rod = capsule(centre, centre + reach * turn / np.linalg.norm(turn), (girth, girth * random.uniform(0.7, 1.0)))
        parts.append(_loop(rod, random, gas=0.10))
    for side in (-1.0, 1.0):
        x = side * random.uniform(88, 104) * person.scale
        knots = [np.array([x + random.normal(0, 6), random.normal(-22, 8), z]) for z in (80, 45, 10, -25, -60, -95)]
        for low, high in zip(knots[1:], knots[:-1], strict=True):
            parts.append(_loop(capsule(high, low, (random.uniform(14, 21), random.uniform(14, 20))), random, gas=0.3))
    return parts


def _loop(rod: Shape, random: np.random.Generator, *, gas: float) -> Part:
    filling = float(random.normal(18, 14))
    wall = rod.made_of(shell_mm=2.5, inner_hu=filling)
    shapes = [wall]
    if random.random() < gas:
        inside = tuple(max(1.0, number - 3.5) if n else number for n, number in enumerate(rod.numbers[:7]))
        lifted = Frame(rod.frame.origin - [0, random.uniform(0, 3), 0], rod.frame.axes)
        shapes.append(replace(rod, numbers=inside, frame=lifted).made_of(shell_mm=0.0, inner_hu=-920.0))
        blend = 0.6
    else:
        blend = 2.0
    return Part(tuple(shapes), 42.0, blend_mm=blend, texture_hu=14.0, texture_mm=(7, 7, 7),
                texture_seed=int(random.integers(1 << 30)))  # fmt: skip


def _organs(person: Person, random: np.random.Generator) -> list[Part]:
    """Kidneys with their sinus fat, liver on the right, spleen on the left."""
    parts, s = [], person.scale
    for side in (-1.0, 1.0):
        centre = (
            np.array([side * random.normal(58, 4), random.normal(16, 5), random.normal(58 if side > 0 else 48, 9)]) * s
        )
        lean = np.array([side * 0.25, 0.25, -1.0]) / np.linalg.norm([0.25, 0.25, 1.0])
        kidney = capsule(centre - lean * 22, centre + lean * 22, (25 * s, 21 * s), flat_along=(side, 1, 0))
        sinus = ellipsoid(centre - [side * 13, 5, 0], (13, 8, 17)).made_of(shell_mm=0.0, inner_hu=-60.0)
        halo = capsule(centre - lean * 30, centre + lean * 34, (36, 33), flat_along=(side, 1, 0))
        parts.append(soft((halo,), FAT_HU))
        solid = kidney.made_of(shell_mm=0.0, inner_hu=float(random.normal(34, 3)))
        parts.append(Part((solid, sinus), 34.0, blend_mm=2.0, texture_hu=4.0))
    liver = ellipsoid((-88, -22, random.normal(98, 14)), (62, 74, 76))
    spleen = ellipsoid((104, 22, random.normal(112, 12)), (26, 42, 56))
    grain = int(random.integers(1 << 30))
    parts.append(soft((liver,), float(random.normal(56, 6)), texture_hu=4.0, texture_seed=grain))
    parts.append(soft((spleen,), float(random.normal(50, 4)), texture_hu=4.0, texture_seed=grain + 5))
    return parts


def _vessels(person: Person, random: np.random.Generator) -> list[Part]:
    """Aorta to the left of the middle with chalk in older walls, vena cava to the right; both part at L4."""
    fronts = {level: person.vertebrae[level].upper_depth / 2 for level in LEVELS}
    blood, radius = float(random.normal(42, 4)), 7.5 + 0.04 * (person.age - 40)
    parts: list[Part] = []
    for side, thick in ((0.55, radius), (-1.35, radius * 1.15)):
        knots = [person.frames[lv].to_world((14 * side, -fronts[lv] - thick - 2, 0)) for lv in LEVELS[:-1]]
        rods = [capsule(high, low, (thick, thick * 0.95)) for high, low in zip(knots[:-1], knots[1:], strict=True)]
        for out in (-16.0, 20.0):
            end = person.frames["sacrum"].to_world((out + 14 * side * 2, -14, -20))
            rods.append(capsule(knots[-1], end, (thick * 0.62, thick * 0.62)))
        parts.append(soft(tuple(rods), blood, blend_mm=3.0))
        if side > 0 and person.age > 50:
            parts += _chalk(knots, thick, random, int((person.age - 50) / 4))
    return parts


def _chalk(
    knots: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
    radius: float,
    random: np.random.Generator,
    count: int,
) -> list[Part]:
    """Flat deposits in the wall."""
    flecks: list[Shape] = []
    for _ in range(count):
        n, share, turn = int(random.integers(2, len(knots) - 1)), random.random(), random.uniform(0, 2 * np.pi)
        centre = (1 - share) * knots[n] + share * knots[n + 1] + radius * np.array([np.cos(turn), np.sin(turn), 0])
        flecks.append(ellipsoid(centre, (1.6, 1.6, float(random.uniform(2, 6)))))
    return [soft(tuple(flecks), 620.0, blend_mm=0.5)] if flecks else []


def _muscles(person: Person, random: np.random.Generator) -> list[Part]:
    """Psoas, quadratus lumborum, erector spinae and multifidus of both sides, streaked with fat in age."""
    bulk = (0.82 + 0.36 * person.muscle) * person.scale
    lean_hu = MUSCLE_HU + 6 - 0.25 * max(0.0, person.age - 40)
    streaks = 10 + 0.35 * max(0.0, person.age - 35)
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        bulk_here = bulk * random.normal(1, 0.04)
        for paths in (
            _psoas(person, side, bulk_here),
            _erector(person, side, bulk_here),
            _quadratus(person, side, bulk_here),
        ):
            filled = tuple(rod.made_of(shell_mm=2.0, inner_hu=lean_hu) for rod in paths)
            parts.append(Part(filled, MUSCLE_HU, blend_mm=6.0, texture_hu=streaks, texture_mm=(7, 7, 22),
                              texture_seed=int(random.integers(1 << 30))))  # fmt: skip
    return parts


def _chain(
    points: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]], radii: list[tuple[float, float]]
) -> list[Shape]:
    return [capsule(points[n], points[n + 1], radii[n], radii[n + 1]) for n in range(len(points) - 1)]


def _psoas(person: Person, side: float, bulk: float) -> list[Shape]:
    radii = {"L1": 8.0, "L2": 13.0, "L3": 18.0, "L4": 21.0, "L5": 21.0}
    points = [
        person.frames[lv].to_world((side * (person.vertebrae[lv].upper_width / 2 + 0.72 * r * bulk), 6 - 0.35 * r, 0))
        for lv, r in radii.items()
    ]
    points.append(person.frames["sacrum"].origin + [side * 62, -26, -50])
    return _chain(points, [(r * bulk, r * bulk * 1.15) for r in (*radii.values(), 19.0)])


def _erector(person: Person, side: float, bulk: float) -> list[Shape]:
    shapes: list[Shape] = []
    for out, behind, wide, deep in ((17.0, 24.0, 15.0, 15.0), (40.0, 24.0, 21.0, 17.0)):
        points = [
            person.frames[lv].to_world((side * out, person.vertebrae[lv].upper_depth / 2 + behind + 8, -4))
            for lv in LEVELS
        ]
        points.append(person.frames["sacrum"].to_world((side * out * 0.75, 46, -40)))
        shapes += _chain(points, [(wide * bulk, deep * bulk)] * len(LEVELS) + [(8.0, 8.0)])
    return shapes


def _quadratus(person: Person, side: float, bulk: float) -> list[Shape]:
    points = [person.frames[lv].to_world((side * out, 20, 0)) for lv, out in (("T12", 42), ("L2", 56), ("L4", 74))]
    return _chain(points, [(14 * bulk, 6.5 * bulk), (18 * bulk, 8 * bulk), (20 * bulk, 8 * bulk)])


def _canal(person: Person) -> list[Part]:
    """Fat of the canal with the dural sac inside it."""
    points, widths = [], []
    for lv in LEVELS:
        size = person.vertebrae[lv]
        points.append(
            person.frames[lv].to_world((0, (size.upper_depth + size.lower_depth) / 4 + size.canal_depth / 2 - 1.5, 0))
        )
        widths.append((size.canal_width / 2, size.canal_depth / 2))
    points.append(person.frames["sacrum"].to_world((0, 24, -8)))
    widths.append((11.0, 7.0))
    tube = _chain(points, widths)
    sac = _chain(points, [(0.68 * u, 0.74 * v) for u, v in widths])
    return [soft(tuple(tube), -45.0, blend_mm=2.0), soft(tuple(sac), 18.0, blend_mm=2.0)]
