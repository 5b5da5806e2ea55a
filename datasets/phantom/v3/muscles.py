"""Psoas, quadratus lumborum, the erector group, iliacus and gluteus of both sides, streaked with fat in age."""

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule
from .person import Person

MUSCLE_HU = 48.0


def muscles(person: Person) -> list[Part]:
    """All muscles beside the spine and on the iliac bones."""
    random = person.random("muscles")
    bulk = (0.8 + 0.38 * person.muscle) * person.scale
    lean = MUSCLE_HU + 7 - 0.3 * max(0.0, person.age - 40) - 14 * person.fat
    streaks = 8 + 0.4 * max(0.0, person.age - 35) + 12 * person.fat
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        here = bulk * float(random.normal(1, 0.04))
        groups = (
            (_psoas(person, side, here), 0.5),
            (_multifidus(person, side, here), 1.5),
            (_erector(person, side, here), 1.0),
            (_quadratus(person, side, here), 0.8),
            (_pelvic(person, side, here), 0.9),
        )
        for paths, fatty in groups:
            filled = tuple(rod.made_of(shell_mm=1.6, inner_hu=lean) for rod in paths)
            grain = int(random.integers(1 << 30))
            parts.append(
                Part(
                    filled,
                    MUSCLE_HU,
                    blend_mm=6.0,
                    texture_hu=streaks * fatty,
                    texture_mm=(6, 6, 26),
                    texture_seed=grain,
                )
            )
    return parts


def _chain(
    points: list[Matrix], radii: list[tuple[float, float]], flat: tuple[float, float, float] = (1, 0, 0)
) -> list[Shape]:
    return [capsule(points[n], points[n + 1], radii[n], radii[n + 1], flat_along=flat) for n in range(len(points) - 1)]


def _psoas(person: Person, side: float, bulk: float) -> list[Shape]:
    radii = {"L1": 7.0, "L2": 12.0, "L3": 17.0, "L4": 20.5, "L5": 21.0}
    points = [
        person.frames[lv].to_world((side * (person.vertebrae[lv].upper_width / 2 + 0.78 * r * bulk), 6 - 0.35 * r, 0))
        for lv, r in radii.items()
    ]
    points.append(person.frames["sacrum"].origin + np.array([side * 62, -30, -46]))
    points.append(person.frames["sacrum"].origin + np.array([side * 78, -62, -96]))
    return _chain(points, [(r * bulk, r * bulk * 1.15) for r in (*radii.values(), 19.0, 16.0)])


def _back(person: Person, side: float, out: float, behind: float, low: float) -> list[Matrix]:
    points = [
        person.frames[lv].to_world(
            (side * out, person.vertebrae[lv].wall + person.vertebrae[lv].canal_depth + behind, -6)
        )
        for lv in person.levels
    ]
    points.append(person.frames["sacrum"].to_world((side * out * 0.8, low, -44)))
    return points


def _multifidus(person: Person, side: float, bulk: float) -> list[Shape]:
    points = _back(person, side, 14.0, 14.0, 40.0)
    grow = np.linspace(0.7, 1.15, len(points) - 1)
    return _chain(points, [*[(12.5 * g * bulk, 14.0 * g * bulk) for g in grow], (8.0, 8.0)])


def _erector(person: Person, side: float, bulk: float) -> list[Shape]:
    inner, outer = _back(person, side, 36.0, 9.0, 44.0), _back(person, side, 58.0, 0.0, 46.0)
    count = len(inner) - 1
    taper = np.interp(np.linspace(0, 1, count), [0, 0.5, 1], [0.9, 1.05, 0.75])
    rods = _chain(inner, [*[(18 * t * bulk, 18.5 * t * bulk) for t in taper], (8.0, 6.0)])
    return rods + _chain(outer[:-1], [(15 * t * bulk, 15 * t * bulk) for t in taper])


def _quadratus(person: Person, side: float, bulk: float) -> list[Shape]:
    points = [person.frames[lv].to_world((side * out, 22, 0)) for lv, out in (("T12", 42), ("L2", 58), ("L4", 76))]
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
