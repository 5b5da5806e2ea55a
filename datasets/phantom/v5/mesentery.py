"""Mesentery of version 5: from its root before the spine vessels fan out to the bends of the gut, nodes beside them."""

from collections.abc import Sequence

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import rod_axes
from ..v2.shapes import Part, Shape, ellipsoid, soft
from .person import Person

_CALCIFIED = 0.05


def mesentery(person: Person, random: np.random.Generator, ends: Sequence[Matrix]) -> list[Part]:
    """Vessels to each bend, by a common stem; lymph nodes near them, seldom one that has calcified.

    Args:
        person: Whose.
        random: To draw from.
        ends: What the vessels run to, world mm.
    """
    # The root runs from the upper left to the lower right, close before the great vessels.
    top, low = np.array([14.0, -44, 30]), np.array([-34.0, -42, -70])
    blood = 42.0 + 100 * person.contrast
    parts: list[Part] = []
    for end in ends:
        start = top + (low - top) * np.clip((30 - end[2]) / 100 * random.uniform(0.4, 0.9), 0, 1)
        bend = start + (end - start) * random.uniform(0.35, 0.65) + random.normal(0, 5, 3)
        thick = float(random.uniform(1.0, 2.3))
        parts += [soft((_vessel(start, bend, thick),), blood, blend_mm=1.0)]
        parts += [soft((_vessel(bend, end, 0.75 * thick),), blood, blend_mm=1.0)]
        if random.random() < 0.45:
            parts.append(_node(person, random, bend))
    return parts


def _vessel(start: Matrix, end: Matrix, radius: float) -> Shape:
    """A spindle: it lies about its middle, so that the box in which it is painted is small."""
    half = 0.5 * float(np.linalg.norm(end - start))
    return ellipsoid(0.5 * (start + end), (radius, radius, 1.15 * half + 1), rod_axes(end - start, np.array([1.0, 0, 0])))


def _node(person: Person, random: np.random.Generator, near: Matrix) -> Part:
    """4 to 8 mm long."""
    place = near + random.normal(0, 5, 3)
    u, v, w = (float(size) for size in random.uniform(1.4, 3.6, 3))
    hu = float(random.uniform(350, 900)) if random.random() < 0.003 else 38.0 + 40 * person.contrast
    return soft((ellipsoid(place, (u, v, w)),), hu, blend_mm=1.0)
