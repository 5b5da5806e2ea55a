"""Everything that is not bone: outline, fat, muscle, vessels, kidneys, liver, bowel, the contents of the canal."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from .anthropometry import LEVELS
from .person import Person, stream
from .shapes import COLUMN, Frame, Part, Shape, capsule, ellipsoid, soft
from .viscera import bowel, organs

FAT_HU, MUSCLE_HU, SKIN_HU = -102.0, 54.0, 15.0


def soft_tissue(version: int, seed: int, person: Person) -> list[Part]:
    """All soft parts in painting order; bones come after them."""
    trunk = stream(version, seed, "trunk")
    random, bowels = stream(version, seed, "organs"), stream(version, seed, "bowel")
    outline, cavity = _outline(person, trunk)
    return [
        *outline,
        *(_confined(part, cavity) for part in [*bowel(person, bowels), *organs(person, random)]),
        *_vessels(person, random),
        *_muscles(person, trunk),
        *_canal(person),
    ]


def _column(centre: Sequence[float], half_width: float, half_depth: float, power: float) -> Shape:
    waist = (-0.02 * half_width, 0.03 * half_depth, 0.05 * half_width, -0.01 * half_depth)
    numbers = (half_width, half_depth, *waist, power, -1e4, 1e4)
    return Shape(COLUMN, Frame(np.asarray(centre, dtype=float), np.eye(3)), numbers, 1e4)


def _confined(part: Part, cavity: Shape) -> Part:
    return replace(part, shapes=(*part.shapes, cavity))


def _outline(person: Person, random: np.random.Generator) -> tuple[list[Part], Shape]:
    """Skin, fat under it, the muscular wall of the belly, the fat inside; and the cavity as a confining shape."""
    front = (82 + 52 * person.fat) * person.scale + random.normal(0, 4)
    back = (88 + 28 * person.fat) * person.scale
    width = (142 + 55 * person.fat) * person.scale
    fat = 7 + 30 * person.fat
    middle, half = (0.0, (back - front) / 2, 0.0), (front + back) / 2
    skin = _column(middle, width, half, 2.5).made_of(shell_mm=2.0, inner_hu=FAT_HU)
    groove = capsule((0, back + 16, 200), (0, back + 16, -200), (16, 22)).carving()
    inner = _column((0.0, middle[1] - 2, 0.0), width - fat * 0.9, half - fat * 0.62, 2.4)
    thick = 8 + 8 * person.muscle
    cavity = _column((0.0, middle[1] - 2, 0.0), width - fat * 0.9 - thick - 2, half - fat * 0.62 - thick - 2, 2.4)
    wall = inner.made_of(shell_mm=thick, inner_hu=FAT_HU + 4)
    grain = int(random.integers(1 << 30))
    parts = [
        Part(
            (skin, replace(groove, reach_mm=1.0)), SKIN_HU, texture_hu=7.0, texture_mm=(14, 14, 14), texture_seed=grain
        ),
        Part((wall,), MUSCLE_HU, texture_hu=24.0, texture_mm=(9, 9, 9), texture_seed=grain + 7, shell_variation=0.25),
    ]
    return parts, cavity.confining()


def _vessels(person: Person, random: np.random.Generator) -> list[Part]:
    """Aorta to the left of the middle with chalk in older walls, vena cava to the right; both part at L4."""
    fronts = {level: person.vertebrae[level].upper_depth / 2 for level in LEVELS}
    blood, radius = float(random.normal(42, 4)), 7.5 + 0.04 * (person.age - 40)
    parts: list[Part] = []
    for side, thick in ((0.55, radius), (-1.35, radius * 1.15)):
        knots = [person.frames[lv].to_world((14 * side, -fronts[lv] - thick - 2, 0)) for lv in LEVELS[:-1]]
        rods = [capsule(high, low, (thick, thick * 0.95)) for high, low in pairwise(knots)]
        for out in (-16.0, 20.0):
            end = person.frames["sacrum"].to_world((out + 14 * side * 2, -14, -20))
            rods.append(capsule(knots[-1], end, (thick * 0.62, thick * 0.62)))
        parts.append(soft(tuple(rods), blood, blend_mm=3.0))
        if side > 0 and person.age > 50:
            parts += _chalk(knots, thick, random, int((person.age - 50) / 4))
    return parts


def _chalk(
    knots: list[Matrix],
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


def _chain(points: list[Matrix], radii: list[tuple[float, float]]) -> list[Shape]:
    return [capsule(points[n], points[n + 1], radii[n], radii[n + 1]) for n in range(len(points) - 1)]


def _psoas(person: Person, side: float, bulk: float) -> list[Shape]:
    radii = {"L1": 8.0, "L2": 13.0, "L3": 18.0, "L4": 21.0, "L5": 21.0}
    points = [
        person.frames[lv].to_world((side * (person.vertebrae[lv].upper_width / 2 + 0.72 * r * bulk), 6 - 0.35 * r, 0))
        for lv, r in radii.items()
    ]
    points.append(person.frames["sacrum"].origin + np.array([side * 62, -26, -50]))
    return _chain(points, [(r * bulk, r * bulk * 1.15) for r in (*radii.values(), 19.0)])


def _erector(person: Person, side: float, bulk: float) -> list[Shape]:
    shapes: list[Shape] = []
    for out, behind, wide, deep in ((17.0, 25.0, 17.0, 19.0), (44.0, 22.0, 25.0, 20.0)):
        points = [
            person.frames[lv].to_world((side * out, person.vertebrae[lv].upper_depth / 2 + behind + 8, -4))
            for lv in LEVELS
        ]
        points.append(person.frames["sacrum"].to_world((side * out * 0.75, 46, -40)))
        shapes += _chain(points, [*[(wide * bulk, deep * bulk)] * len(LEVELS), (8.0, 8.0)])
    return shapes


def _quadratus(person: Person, side: float, bulk: float) -> list[Shape]:
    points = [person.frames[lv].to_world((side * out, 20, 0)) for lv, out in (("T12", 42), ("L2", 56), ("L4", 74))]
    return _chain(points, [(14 * bulk, 6.5 * bulk), (18 * bulk, 8 * bulk), (20 * bulk, 8 * bulk)])


def _canal(person: Person) -> list[Part]:
    """Fat of the canal with the dural sac inside it."""
    points: list[Matrix] = []
    widths: list[tuple[float, float]] = []
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
