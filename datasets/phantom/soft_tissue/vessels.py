"""Aorta, inferior vena cava and iliac vessels: they differ in place, size, section and course.

The aorta runs before the left half of the bodies, round, and with age wider, tortuous and calcified; it divides before
the middle of L4. The vena cava runs to the right of the bodies, flat, wider by its filling, and begins where the common
iliac veins meet before the upper half of L5, right behind the right iliac artery. Calibres are textbook figures: aorta
16 to 24 mm below the kidneys, common iliac arteries 9 to 13 mm, vena cava 18 to 28 mm across and 9 to 20 mm deep.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Part, Shape, capsule, ellipsoid, soft

PLAQUE_HU = 850.0
# Age from which walls calcify, years.
_CALCIFIED_FROM = 42.0


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A stretch of vessel: points along it (n, 3), and radii there (n, 2), the first across the body, mm."""

    points: Matrix
    radii: Matrix

    def rods(self) -> list[Shape]:
        """Tapered rods from point to point."""
        return [
            capsule(self.points[n], self.points[m], _pair(self.radii[n]), _pair(self.radii[m]))
            for n, m in pairwise(range(len(self.points)))
        ]


def vessels(person: Person) -> list[Part]:
    """Veins, then the arteries that lie over them, then the calcified plaques of these."""
    random = person.random("vessels")
    blood = float(random.normal(42, 4))
    # Contrast agent reaches arteries before veins; later both are nearly alike.
    phase = float(random.uniform(0.35, 1.0))
    arteries, veins = draw_arteries(person, random), draw_veins(person, random)
    return [
        _filled(veins, blood + 105 * phase * person.contrast), _filled(arteries, blood + 130 * person.contrast),
        *_plaques(person, arteries, random),
    ]  # fmt: skip


def _pair(radii: Matrix) -> tuple[float, float]:
    return float(radii[0]), float(radii[1])


def _filled(runs: list[Course], hu: float) -> Part:
    return soft(tuple(rod for run in runs for rod in run.rods()), hu, blend_mm=2.0)


def _before(person: Person, level: str, left: float, gap: float, high: float = 0.0) -> Matrix:
    """A point ``left`` of the middle of a body and ``gap`` before the face that it has there, mm."""
    size = person.vertebrae[level]
    half, depth = size.upper_width / 2, size.depth / 2
    # The front of a body is round: it recedes towards the sides.
    face = depth * max(0.0, 1 - min(abs(left) / half, 1.0) ** 2.3) ** (1 / 2.3)
    return person.frames[level].to_world((left, -face - gap, high))


def _wound(points: Matrix, random: np.random.Generator, amount: float) -> Matrix:
    """The course with bends of up to ``amount`` mm, none at its ends."""
    share = np.linspace(0, 1, len(points))
    for axis, size in ((0, 1.0), (1, 0.4)):
        waves = random.normal(0, 1, 2)
        points[:, axis] += (
            amount * size * (waves[0] * np.sin(np.pi * share) + 0.6 * waves[1] * np.sin(2 * np.pi * share))
        )
    return points


def draw_arteries(person: Person, random: np.random.Generator) -> list[Course]:
    """Aorta, both common iliac arteries and the beginning of the external ones."""
    older = max(0.0, person.age - 40)
    top = (8.3 if person.male else 7.2) * (0.9 + 0.1 * person.scale) + 0.035 * older + random.normal(0, 0.6)
    low = top * random.uniform(0.8, 0.93)
    if person.age > 60 and random.random() < 0.06:
        low = random.uniform(13, 19)
    left, gap = random.normal(11, 2), random.uniform(0.5, 3.5)
    levels = [name for name in ("T11", "T12", "L1", "L2", "L3", "L4") if name in person.levels]
    radii = np.interp(
        np.arange(len(levels)), [0, 2, len(levels) - 2, len(levels) - 1], [1.15 * top, top, low, 0.93 * low]
    )
    drift = np.linspace(0, -random.uniform(3, 9), len(levels))
    points = np.array([
        _before(person, name, left + away, gap + radius, -6.0 if name == "L4" else 0.0)
        for name, away, radius in zip(levels, drift, radii, strict=True)
    ])  # fmt: skip
    points[:-1] = _wound(points[:-1], random, 0.05 * older * float(random.uniform(0.2, 1.6)))
    aorta = Course(points, np.column_stack([radii, radii]))
    return [aorta, *(_iliac_artery(person, random, side, aorta) for side in (-1.0, 1.0))]


def _iliac_artery(person: Person, random: np.random.Generator, side: float, aorta: Course) -> Course:
    origin, s, bend = person.frames["sacrum"].origin, person.scale, 0.06 * max(0.0, person.age - 45)
    start, radius = aorta.points[-1], float(random.uniform(4.6, 6.2))
    ends = [
        origin + np.array(place) * s for place in ((side * 34, -17, -2), (side * 48, -22, -30), (side * 58, -48, -62))
    ]
    knots = np.array([start + np.array([side * 3, 0, -4]), 0.55 * start + 0.45 * ends[0] + [side * 3, -3, 0], *ends])
    knots[1:] += random.normal(0, 1.5 + bend, (4, 3)) * [1, 0.7, 1]
    sizes = radius * np.array([1.1, 1.0, 0.95, 0.75, 0.7])
    return Course(knots, np.column_stack([sizes, sizes]))


def draw_veins(person: Person, random: np.random.Generator) -> list[Course]:
    """Vena cava and common iliac veins: flat where they are little filled."""
    wide, flat = float(random.normal(12.4, 1.5)), float(random.uniform(0.4, 0.85))
    levels = [name for name in ("T11", "T12", "L1", "L2", "L3", "L4", "L5") if name in person.levels]
    across = wide * np.interp(np.arange(len(levels)), [0, 2, len(levels) - 1], [1.12, 1.05, 0.85])
    deep = np.maximum(across * flat * random.normal(1, 0.05, len(levels)), 4.0)
    # From before the middle it moves up and to the right, away from the spine where the liver takes it.
    right = np.interp(np.arange(len(levels)), [0, len(levels) - 3, len(levels) - 1], [23, 22, 8]) + random.normal(0, 2)
    gap = np.interp(np.arange(len(levels)), [0, 2, len(levels) - 1], [9, 1.5, 1.0])
    points = np.array([
        _before(person, name, -out, away + thick, 6.0 if name == "L5" else 0.0)
        for name, out, away, thick in zip(levels, right, gap, deep, strict=True)
    ])  # fmt: skip
    cava = Course(_wound(points, random, 1.2), np.column_stack([across, deep]))
    return [cava, *(_iliac_vein(person, random, side, cava, flat) for side in (-1.0, 1.0))]


def _iliac_vein(person: Person, random: np.random.Generator, side: float, cava: Course, flat: float) -> Course:
    """Behind its artery and nearer to the middle; the left one crosses before L5."""
    origin, s, start = person.frames["sacrum"].origin, person.scale, cava.points[-1]
    places = ((side * 27, -10, -12), (side * 42, -12, -34), (side * 54, -40, -64))
    ends = [origin + np.array(place) * s for place in places]
    knots = np.array([start + np.array([side * 4, 1, -5]), 0.5 * (start + ends[0]) + [0, -2, 0], *ends])
    knots[1:] += random.normal(0, 1.3, (4, 3))
    across = float(random.normal(7.3, 0.8)) * np.array([1.15, 1.05, 1.0, 0.9, 0.85])
    return Course(knots, np.column_stack([across, across * max(flat, 0.6)]))


def _plaques(person: Person, arteries: list[Course], random: np.random.Generator) -> list[Part]:
    """Flat plaques and arcs in the walls, most of them near the bifurcation of the aorta and in the iliac arteries."""
    older = max(0.0, person.age - _CALCIFIED_FROM)
    amount = 0.55 * older * random.beta(0.9, 1.8)
    flecks: list[Shape] = []
    for run, share in zip(arteries, (1.0, 0.45, 0.45), strict=True):
        for _ in range(int(random.poisson(share * amount))):
            flecks += _plaque(run, random, first=run is arteries[0])
    return [soft(tuple(flecks), PLAQUE_HU, blend_mm=0.6)] if flecks else []


def _plaque(run: Course, random: np.random.Generator, *, first: bool) -> list[Shape]:
    """An arc of one to four flat pieces on the wall."""
    last = len(run.points) - 2
    n = last - min(last, int(random.exponential(1.3))) if first else int(random.integers(0, last))
    share, turn = random.random(), random.uniform(0, 2 * np.pi)
    start, end = run.points[n], run.points[n + 1]
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross([0.0, 1.0, 0.0], along)
    across /= np.linalg.norm(across)
    depth, radius = np.cross(along, across), (1 - share) * run.radii[n, 0] + share * run.radii[n + 1, 0]
    thick, tall = float(random.uniform(0.5, 1.2)), float(random.uniform(1.2, 5))
    pieces: list[Shape] = []
    for step in range(1 + int(random.exponential(1.0)) % 4):
        angle = turn + 0.55 * step
        out = np.cos(angle) * across + np.sin(angle) * depth
        axes = np.stack([out, np.cross(along, out), along])
        centre = (1 - share) * start + share * end + (radius - 0.5 * thick) * out
        pieces.append(ellipsoid(centre, (thick, 0.32 * radius, tall * float(random.uniform(0.7, 1.2))), axes))
    return pieces
