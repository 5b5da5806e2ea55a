"""Septa of fat between the muscles of the back.

Between multifidus and longissimus, and between longissimus and iliocostalis, lie septa that widen with age and fat,
most at L5; fat lies deep on the lowest arches.
"""

from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Part, Shape, capsule, soft

_SEPTUM_HU = -85.0


def septa(person: Person, side: float, back: float, random: np.random.Generator) -> list[Part]:
    """Sheets of fat of one side (+1 left) from the arches to the fascia, and the fat on the lowest arches.

    Args:
        person: The person.
        side: -1 right, +1 left.
        back: How far the fascia of the back lies behind the middle of L3, mm.
        random: Random generator.
    """
    wasted = 0.012 * max(0.0, person.age - 35) + 0.5 * person.fat + 0.6 * max(0.0, 0.6 - person.muscle)
    grain = int(random.integers(1 << 30))
    sheets: list[Shape] = []
    for out, thick in ((random.normal(27, 2.5), 0.25 + 0.8 * wasted), (random.normal(49, 4), 0.1 + 0.5 * wasted)):
        knots = [
            _between(person, name, side, out=float(out), back=back, random=random)
            for name in ("L1", "L2", "L3", "L4", "L5")
        ]
        widths = thick * np.array([0.5, 0.6, 0.8, 1.1, 1.5]) * np.exp(random.normal(0, 0.4, 5))
        sheets += [
            capsule(start, end, (float(widths[n]), tall), (float(widths[n + 1]), low), flat_along=(1, -0.35 * side, 0))
            for n, ((start, tall), (end, low)) in enumerate(pairwise(knots))
        ]
    last = person.levels[-1]
    deep = person.frames[last].to_world((side * 12, person.vertebrae[last].wall + 30, -6))
    under = person.frames["sacrum"].origin + np.array([side * 14, 44, -26])
    size = float(3 + 5 * wasted * random.uniform(0.5, 1.3))
    wedge = capsule(deep, under, (size, 0.7 * size), (1.2 * size, 0.8 * size))
    return [
        soft(tuple(sheets), _SEPTUM_HU, blend_mm=1.0, texture_hu=25.0, seed=grain),
        soft((wedge,), _SEPTUM_HU, blend_mm=1.0, texture_hu=40.0, seed=grain + 1),
    ]


def _between(
    person: Person, level: str, side: float, *, out: float, back: float, random: np.random.Generator
) -> tuple[Matrix, float]:
    """Middle and half height of a septum at a level."""
    size, frame = person.vertebrae[level], person.frames[level]
    front = frame.to_world((side * out, size.wall + size.canal_depth + (2 if out < 35 else -6), -4))
    half = max(0.5 * (back - 5 - front[1]), 4.0)
    # It ends before the fascia, at each level by another length.
    seen = float(random.uniform(0.5, 1.0)) * half
    return front + np.array([random.normal(0, 2.0), half - random.uniform(0, 1) * (half - seen), 0.0]), seen
