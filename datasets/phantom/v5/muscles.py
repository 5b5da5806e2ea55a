"""Muscles of version 5: a psoas that grows from a strip to a leaning drop, and fat between the back's muscles.

Quadratus, erector group and pelvic muscles are version 4's. In axial slices the psoas is a strip beside L1 and L2,
a drop at L3 and a rounded triangle at L4 that leaves the spine below; its hind edge reaches in between the body and the
transverse process. Between multifidus and longissimus, and between longissimus and iliocostalis, lie septa that widen
with age and fat, most at L5, and fat lies deep on the lowest arches.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule, soft
from ..v3 import muscles as third
from ..v4.muscles import _own as own  # pyright: ignore[reportPrivateUsage]  # frozen; a copy would be worse
from .person import Person

SEPTUM_HU = -85.0
# Radii of the psoas at each level, mm: across and along its section; then how far it leans out with its front.
_PSOAS = {
    "T12": (2.5, 6.0, 0.1), "L1": (4.5, 10.0, 0.1), "L2": (8.0, 14.0, 0.2), "L3": (12.5, 17.5, 0.35),
    "L4": (16.5, 19.5, 0.5), "L5": (17.0, 18.5, 0.3),
}  # fmt: skip
# Its hind edge: radii and how much nearer to the middle and farther back it lies.
_HIND = {
    "L2": (5.5, 6.0, 4.0, 13.0), "L3": (6.5, 7.5, 6.5, 16.0), "L4": (7.0, 8.0, 7.5, 18.0), "L5": (7.5, 8.0, 6.0, 15.0),
}  # fmt: skip


def muscles(person: Person, back: float) -> list[Part]:
    """All muscles beside the spine and on the iliac bones; ``back`` is how far their fascia lies behind L3, mm."""
    random = person.random("sides")
    parts = third.muscles(person, back)
    half = len(parts) // 2
    built: list[Part] = []
    for n, part in enumerate(parts):
        side = -1.0 if n < half else 1.0
        first = n % half == 0
        built.append(own(_with(part, _psoas(person, side, random)) if first else part, random))
    return [*built, *(septum for side in (-1.0, 1.0) for septum in _septa(person, side, back, random))]


def _with(part: Part, rods: list[Shape]) -> Part:
    """A muscle of other shape and the same flesh, its fascicles seen lengthwise."""
    like = part.shapes[0]
    filled = tuple(rod.made_of(shell_mm=like.shell_mm, inner_hu=like.inner_hu) for rod in rods)
    return replace(part, shapes=filled, blend_mm=5.0, texture_mm=(6.0, 7.0, 30.0))


def _psoas(person: Person, side: float, random: np.random.Generator) -> list[Shape]:
    """A leaning strip that swells downwards, its hind edge, and its course over the brim."""
    bulk = (
        (0.76 + 0.38 * person.muscle) * person.scale * (1.04 if person.male else 0.94) * float(random.normal(1, 0.07))
    )
    drop, lean = float(random.normal(1, 0.12)), float(random.normal(0, 0.12))
    here = [name for name in _PSOAS if name in person.levels]
    middles = {name: _beside(person, name, side, bulk) for name in here}
    rods: list[Shape] = []
    for high, low in pairwise(here):
        turned = 0.5 * (_PSOAS[high][2] + _PSOAS[low][2]) + lean
        rods.append(
            capsule(middles[high], middles[low], _radii(high, bulk, drop), _radii(low, bulk, drop),
                    flat_along=(side, turned, 0.0))
        )  # fmt: skip
    hind = {name: _hind(name, middles[name], side, bulk) for name in here if name in _HIND}
    rods += [capsule(hind[high][0], hind[low][0], hind[high][1], hind[low][1]) for high, low in pairwise(hind)]
    origin = person.frames["sacrum"].origin
    brim = [origin + np.array([side * 63, -34, -44]), origin + np.array([side * 80, -64, -96])]
    sizes = [_radii("L5", bulk, drop), (15.5 * bulk, 18.0 * bulk), (13.5 * bulk, 16.0 * bulk)]
    path = [middles["L5"], *brim]
    rods += [capsule(path[n], path[n + 1], sizes[n], sizes[n + 1], flat_along=(side, 0.5, 0)) for n in range(2)]
    return rods


def _radii(level: str, bulk: float, drop: float) -> tuple[float, float]:
    across, along, _ = _PSOAS[level]
    return across * bulk, along * bulk * drop


def _hind(level: str, middle: Matrix, side: float, bulk: float) -> tuple[Matrix, tuple[float, float]]:
    """Middle and radii of the hind edge at a level."""
    across, along, inwards, behind = _HIND[level]
    return middle + np.array([-side * inwards, behind, 0.0]) * bulk, (across * bulk, along * bulk)


def _beside(person: Person, level: str, side: float, bulk: float) -> Matrix:
    """Middle of the psoas at a level: its inner edge on the body's side, nearer to the front farther down."""
    across, _, lean = _PSOAS[level]
    size = person.vertebrae[level]
    waist = 0.5 * (size.upper_width + size.lower_width) / 2 - 2.0
    return person.frames[level].to_world((side * (waist + 0.9 * across * bulk), 9 - 16 * lean, 0))


def _septa(person: Person, side: float, back: float, random: np.random.Generator) -> list[Part]:
    """Sheets of fat from the arches to the fascia, and the fat on the lowest arches."""
    wasted = 0.012 * max(0.0, person.age - 35) + 0.5 * person.fat + 0.6 * max(0.0, 0.6 - person.muscle)
    grain = int(random.integers(1 << 30))
    sheets: list[Shape] = []
    for out, thick in ((random.normal(27, 2.5), 0.25 + 0.8 * wasted), (random.normal(49, 4), 0.1 + 0.5 * wasted)):
        knots = [_between(person, name, side, float(out), back, random) for name in ("L1", "L2", "L3", "L4", "L5")]
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
        soft(tuple(sheets), SEPTUM_HU, blend_mm=1.0, texture_hu=25.0, seed=grain),
        soft((wedge,), SEPTUM_HU, blend_mm=1.0, texture_hu=40.0, seed=grain + 1),
    ]


def _between(
    person: Person, level: str, side: float, out: float, back: float, random: np.random.Generator
) -> tuple[Matrix, float]:
    """Middle and half height of a septum at a level."""
    size, frame = person.vertebrae[level], person.frames[level]
    front = frame.to_world((side * out, size.wall + size.canal_depth + (2 if out < 35 else -6), -4))
    half = max(0.5 * (back - 5 - front[1]), 4.0)
    # It ends before the fascia, here more, there less.
    seen = float(random.uniform(0.5, 1.0)) * half
    return front + np.array([random.normal(0, 2.0), half - random.uniform(0, 1) * (half - seen), 0.0]), seen
