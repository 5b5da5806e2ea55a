"""Muscles of version 4: version 3's, each side with its own bulk, place and shape along the body."""

from dataclasses import replace

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import CAPSULE, Part, Shape
from ..v3 import muscles as third
from .person import Person


def muscles(person: Person, back: float) -> list[Part]:
    """All muscles beside the spine and on the iliac bones; ``back`` is how far their fascia lies behind L3, mm."""
    random = person.random("sides")
    return [_own(part, random) for part in third.muscles(person, back)]


def _own(part: Part, random: np.random.Generator) -> Part:
    """One muscle changed by itself: stronger or weaker, displaced, uneven along its course, its streaks in patches."""
    bulk, move = float(random.normal(1, 0.08)), random.normal(0, 1.8, 3) * [1, 1, 2]
    # Knots of a chain of rods: neighbours share theirs, so that the muscle stays smooth.
    swell = bulk * np.exp(random.normal(0, 0.06, (len(part.shapes) + 1, 2)))
    shapes = tuple(_swollen(rod, swell[n], swell[n + 1], move) for n, rod in enumerate(part.shapes))
    fatty = float(random.lognormal(0, 0.2))
    u, v, w = (float(size * random.uniform(0.8, 1.3)) for size in part.texture_mm)
    return replace(part, shapes=shapes, texture_hu=min(part.texture_hu * fatty, 60.0), texture_mm=(u, v, w))


def _swollen(rod: Shape, start: Matrix, end: Matrix, move: Matrix) -> Shape:
    if rod.kind != CAPSULE:
        return rod
    length, ua, va, ub, vb, first, last = rod.numbers
    (su, sv), (eu, ev) = start, end
    numbers = (length, ua * su, va * sv, ub * eu, vb * ev, first * min(su, sv), last * min(eu, ev))
    frame = replace(rod.frame, origin=rod.frame.origin + move)
    return replace(rod, numbers=numbers, frame=frame, reach_mm=rod.reach_mm * float(max(1.0, *start, *end)))
