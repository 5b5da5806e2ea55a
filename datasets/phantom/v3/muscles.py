"""Psoas, quadratus lumborum, the erector group, iliacus and gluteus of both sides, parted and streaked by fat."""

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule
from .person import Person

# Fat and fascia round a muscle.
SHEATH_HU = -55.0


def lean_hu(person: Person) -> float:
    """HU of muscle between its streaks: less with age and fat."""
    base = person.random("lean").normal(53, 6) + 9 * min(person.contrast, 1.0)
    return float(base - 0.22 * max(0.0, person.age - 40) - 14 * person.fat)


def muscles(person: Person, back: float) -> list[Part]:
    """All muscles beside the spine and on the iliac bones; ``back`` is how far their fascia lies behind L3, mm."""
    random = person.random("muscles")
    bulk = (0.78 + 0.36 * person.muscle) * person.scale
    lean = lean_hu(person)
    wasted = 0.6 * max(0.0, person.age - 45) + 22 * person.fat + 20 * max(0.0, 0.6 - person.muscle)
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        here = bulk * float(random.normal(1, 0.05))
        groups = (
            (_psoas(person, side, here), 0.7, 0.8),
            (_quadratus(person, side, here), 0.8, 1.0),
            (_erector(person, side, back), 1.3, 1.4),
            (_multifidus(person, side, back), 1.9, 0.9),
            (_pelvic(person, side, here), 1.0, 1.6),
        )
        for paths, fatty, sheath in groups:
            streaks = (10 + wasted) * fatty
            filled = tuple(rod.made_of(shell_mm=sheath, inner_hu=lean - 0.3 * streaks) for rod in paths)
            parts.append(
                Part(
                    filled, SHEATH_HU, blend_mm=8.0, texture_hu=1.1 * streaks, texture_mm=(5.5, 8, 24),
                    texture_seed=int(random.integers(1 << 30)), shell_variation=0.5,
                )
            )  # fmt: skip
    return parts


def _chain(
    points: list[Matrix], radii: list[tuple[float, float]], flat: tuple[float, float, float] = (1, 0, 0)
) -> list[Shape]:
    return [capsule(points[n], points[n + 1], radii[n], radii[n + 1], flat_along=flat) for n in range(len(points) - 1)]


def _psoas(person: Person, side: float, bulk: float) -> list[Shape]:
    radii = {"L1": 6.5, "L2": 11.0, "L3": 15.0, "L4": 18.5, "L5": 19.5}
    points = [
        person.frames[lv].to_world((side * (person.vertebrae[lv].upper_width / 2 + 0.68 * r * bulk), 6 - 0.35 * r, 0))
        for lv, r in radii.items()
    ]
    points.append(person.frames["sacrum"].origin + np.array([side * 62, -30, -46]))
    points.append(person.frames["sacrum"].origin + np.array([side * 78, -62, -96]))
    return _chain(points, [(r * bulk, r * bulk * 1.2) for r in (*radii.values(), 18.0, 15.0)])


def _behind(person: Person, out: float, low: tuple[float, float], back: float) -> tuple[list[Matrix], list[float]]:
    """Middle and half thickness of the layer between arches and fascia, ``out`` mm from the middle, at every level."""
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
    """Longissimus and iliocostalis, which lean on one another under one fascia, and their tendon over the sacrum."""
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
    """Iliacus inside the wing, gluteus outside it."""
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
