"""Muscles of both sides, separated and streaked by fat: those beside and behind the spine, iliacus and glutei.

Each muscle has a bulk, place and shape of its own, so that no person is symmetric.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import CAPSULE, Part, Shape, capsule
from .psoas import psoas
from .septa import septa

# Fat and fascia round a muscle.
_SHEATH_HU = -55.0


class _Muscle(NamedTuple):
    """A muscle: its rods, fatty streaks against others, thickness of its sheath (mm), blending and grain (mm)."""

    rods: list[Shape]
    fatty: float
    sheath_mm: float
    blend_mm: float = 8.0
    grain_mm: tuple[float, float, float] = (5.5, 8, 24)


def lean_hu(person: Person) -> float:
    """HU of muscle between its streaks: less with age and fat."""
    base = person.random("lean").normal(53, 6) + 9 * min(person.contrast, 1.0)
    return float(base - 0.22 * max(0.0, person.age - 40) - 14 * person.fat)


def muscles(person: Person, back: float) -> list[Part]:
    """All muscles beside the spine and on the iliac bones, and the septa of fat between them.

    Args:
        person: The person.
        back: How far their fascia lies behind the middle of L3, mm.
    """
    random, sides = person.random("muscles"), person.random("sides")
    bulk = (0.78 + 0.36 * person.muscle) * person.scale
    lean = lean_hu(person)
    wasted = 0.6 * max(0.0, person.age - 45) + 22 * person.fat + 20 * max(0.0, 0.6 - person.muscle)
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        here = bulk * float(random.normal(1, 0.05))
        for muscle in (
            _Muscle(psoas(person, side, sides), 0.7, 0.8, 5.0, (6.0, 7.0, 30.0)),
            _Muscle(_quadratus(person, side, here), 0.8, 1.0),
            _Muscle(_erector(person, side, back), 1.3, 1.4),
            _Muscle(_multifidus(person, side, back), 1.9, 0.9),
            _Muscle(_pelvic(person, side, here), 1.0, 1.6),
        ):
            part = _part(muscle, lean, (10 + wasted) * muscle.fatty, int(random.integers(1 << 30)))
            parts.append(_varied(part, sides))
    return [*parts, *(septum for side in (-1.0, 1.0) for septum in septa(person, side, back, sides))]


def _part(muscle: _Muscle, lean: float, streaks: float, grain: int) -> Part:
    """A muscle of HU ``lean``, darkened and textured by fatty streaks of amplitude ``streaks`` HU."""
    filled = tuple(rod.made_of(shell_mm=muscle.sheath_mm, inner_hu=lean - 0.3 * streaks) for rod in muscle.rods)
    return Part(
        filled, _SHEATH_HU, blend_mm=muscle.blend_mm, texture_hu=1.1 * streaks, texture_mm=muscle.grain_mm,
        texture_seed=grain, shell_variation=0.5,
    )  # fmt: skip


def _varied(part: Part, random: np.random.Generator) -> Part:
    """One muscle varied: stronger or weaker, displaced, uneven along its course, its streaks in patches."""
    bulk, move = float(random.normal(1, 0.08)), random.normal(0, 1.8, 3) * [1, 1, 2]
    # Knots of a chain of rods: neighbours share theirs, so that the muscle stays smooth.
    swell = bulk * np.exp(random.normal(0, 0.06, (len(part.shapes) + 1, 2)))
    shapes = tuple(_swollen(rod, swell[n], swell[n + 1], move) for n, rod in enumerate(part.shapes))
    fatty = float(random.lognormal(0, 0.2))
    u, v, w = (float(size * random.uniform(0.8, 1.3)) for size in part.texture_mm)
    return replace(part, shapes=shapes, texture_hu=min(part.texture_hu * fatty, 60.0), texture_mm=(u, v, w))


def _swollen(rod: Shape, start: Matrix, end: Matrix, move: Matrix) -> Shape:
    """A rod with its radii multiplied at both ends and displaced by ``move`` mm."""
    if rod.kind != CAPSULE:
        return rod
    length, ua, va, ub, vb, first, last = rod.numbers
    (su, sv), (eu, ev) = start, end
    numbers = (length, ua * su, va * sv, ub * eu, vb * ev, first * min(su, sv), last * min(eu, ev))
    frame = replace(rod.frame, origin=rod.frame.origin + move)
    return replace(rod, numbers=numbers, frame=frame, reach_mm=rod.reach_mm * float(max(1.0, *start, *end)))


def _chain(
    points: list[Matrix], radii: list[tuple[float, float]], flat: tuple[float, float, float] = (1, 0, 0)
) -> list[Shape]:
    return [capsule(points[n], points[n + 1], radii[n], radii[n + 1], flat_along=flat) for n in range(len(points) - 1)]


def _behind(person: Person, out: float, low: tuple[float, float], back: float) -> tuple[list[Matrix], list[float]]:
    """Middle and half thickness of the layer between arches and fascia, ``out`` mm from the middle, at every level.

    ``low``: how far behind the sacrum the layer ends, and half its thickness there, mm.
    """
    points: list[Matrix] = []
    halves: list[float] = []
    for level in person.levels:
        size, frame = person.vertebrae[level], person.frames[level]
        arch = size.wall + 0.85 * size.canal_depth
        front = frame.to_world((out, arch - 4, -6))
        half = float(np.clip((back - front[1]) / 2, 9.0, 34.0))
        points.append(front + np.array([0, half, 0]))
        halves.append(half)
    points.append(person.frames["sacrum"].to_world((0.8 * out, low[0], -44)))
    return points, [*halves, low[1]]


def _multifidus(person: Person, side: float, back: float) -> list[Shape]:
    points, halves = _behind(person, side * 15.0, (40.0, 8.0), back)
    grow = np.linspace(0.75, 1.15, len(points))
    return _chain(points, [(13.5 * g, half * 0.95) for g, half in zip(grow, halves, strict=True)])


def _erector(person: Person, side: float, back: float) -> list[Shape]:
    """Longissimus and iliocostalis, side by side under one fascia, and their tendon over the sacrum."""
    inner, thick = _behind(person, side * 35.0, (44.0, 7.0), back)
    outer, thin = _behind(person, side * 57.0, (46.0, 6.0), back - 4)
    taper = np.interp(np.linspace(0, 1, len(inner)), [0, 0.5, 1], [0.95, 1.0, 0.55])
    rods = _chain(inner, [(21 * t, 1.05 * half * t) for t, half in zip(taper, thick, strict=True)])
    broad = [(21 * t, 0.9 * half * t) for t, half in zip(taper, thin, strict=True)]
    return rods + _chain(outer[:-1], broad[:-1])


def _quadratus(person: Person, side: float, bulk: float) -> list[Shape]:
    points = [person.frames[lv].to_world((side * out, 25, 0)) for lv, out in (("T12", 40), ("L2", 52), ("L4", 66))]
    return _chain(points, [(14 * bulk, 6.5 * bulk), (18 * bulk, 8 * bulk), (20 * bulk, 8 * bulk)])


def _pelvic(person: Person, side: float, bulk: float) -> list[Shape]:
    """Iliacus inside the wing, glutei outside it."""
    origin = person.frames["sacrum"].origin

    def at(x: float, y: float, z: float) -> Matrix:
        return np.asarray(origin + np.array([side * x, y, z]) * person.scale)

    along = (side * 0.8, 0.6, 0.0)
    iliacus = _chain(
        [at(74, 20, 4), at(84, -12, -22), at(88, -50, -70)], [(8 * bulk, 20), (14 * bulk, 28), (14, 20)], along
    )
    gluteus = _chain(
        [at(106, 4, 16), at(98, 28, -24), at(88, 58, -80)], [(10 * bulk, 20), (23 * bulk, 38), (32 * bulk, 42)], along
    )
    deep = _chain([at(64, 72, -30), at(72, 78, -90)], [(18 * bulk, 16), (36 * bulk, 26)])
    return [*iliacus, *gluteus, *deep]
