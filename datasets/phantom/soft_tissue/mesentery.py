"""Mesentery: from its root before the spine vessels fan out to the loops of the bowel, with lymph nodes beside them."""

from collections.abc import Sequence

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.fat_network import FatNetwork
from ..rendering.shapes import Part, Shape, ellipsoid, rod_axes, soft

# Share of persons with calcified nodes.
_CALCIFIED = 0.05


def draw_fat_network(person: Person) -> FatNetwork:
    """The network of fine vessels and septa, and the haze, in a person's fat."""
    random = person.random("strands")
    return FatNetwork(
        vessel_mm=float(random.uniform(1.0, 2.5)), mesh_mm=float(random.uniform(9.5, 18)),
        vessel_hu=float(38 + 95 * person.contrast), septum_mm=float(random.uniform(0.15, 0.5)),
        haze_hu=float(random.uniform(25, 110)), seed=int(random.integers(1 << 24)),
    )  # fmt: skip


def mesentery(person: Person, random: np.random.Generator, ends: Sequence[Matrix]) -> list[Part]:
    """Vessels to each loop from a common root; lymph nodes near them, a few of them calcified in some persons.

    Args:
        person: The person.
        random: Random generator.
        ends: Where the vessels end, world mm.
    """
    # The root runs from the upper left to the lower right, close before the great vessels.
    top, low = np.array([14.0, -44, 30]), np.array([-34.0, -42, -70])
    calcified = random.random() < _CALCIFIED
    blood = 42.0 + 100 * person.contrast
    parts: list[Part] = []
    for end in ends:
        start = top + (low - top) * np.clip((30 - end[2]) / 100 * random.uniform(0.4, 0.9), 0, 1)
        way = _curve(start, _aside(random, start, end), end)
        thick = float(random.uniform(1.2, 2.8))
        for n in range(len(way) - 1):
            parts.append(soft((_vessel(way[n], way[n + 1], thick * (1 - 0.15 * n)),), blood, blend_mm=1.0))
        if random.random() < 0.45:
            parts.append(_node(person, random, way[2], calcified=calcified))
    return parts


def _aside(random: np.random.Generator, start: Matrix, end: Matrix) -> Matrix:
    """Control point of a vessel's course: it first runs forwards, then turns aside."""
    far = float(np.linalg.norm(end - start))
    return start + (end - start) * random.uniform(0.3, 0.7) + far * random.normal(0, 0.22, 3)


def _curve(start: Matrix, over: Matrix, end: Matrix) -> list[Matrix]:
    return [(1 - t) ** 2 * start + 2 * t * (1 - t) * over + t**2 * end for t in np.linspace(0, 1, 5)]


def _vessel(start: Matrix, end: Matrix, radius: float) -> Shape:
    """A spindle about its middle, so that the box in which it is painted is small."""
    half = 0.5 * float(np.linalg.norm(end - start))
    return ellipsoid(
        0.5 * (start + end), (radius, radius, 1.15 * half + 1), rod_axes(end - start, np.array([1.0, 0, 0]))
    )


def _node(person: Person, random: np.random.Generator, near: Matrix, *, calcified: bool) -> Part:
    """3 to 7 mm long; in persons with calcified nodes every tenth is calcified."""
    place = near + random.normal(0, 5, 3)
    u, v, w = (float(size) for size in random.uniform(1.4, 3.6, 3))
    hu = float(random.uniform(350, 900)) if calcified and random.random() < 0.1 else 38.0 + 40 * person.contrast
    return soft((ellipsoid(place, (u, v, w)),), hu, blend_mm=1.0)
