"""Intervertebral discs: painted before the bones, which cut them to shape; worn ones bulge and may contain gas."""

from itertools import pairwise

import numpy as np

from ..person.fractures import heights
from ..person.person import Person
from ..rendering.shapes import BODY, WORLD, Frame, Part, Shape, ellipsoid, soft

_VACUUM_HU = -600.0


def discs(person: Person) -> list[Part]:
    """All discs, from head to foot."""
    return [part for above, below in pairwise([*person.levels, "sacrum"]) for part in _disc(person, above, below)]


def _disc(person: Person, above: str, below: str) -> list[Part]:
    random, size, wear = person.random("disc" + above), person.vertebrae[above], person.wear[above]
    frame = _between(person, above, below)
    bulge = 1.0 + 0.06 * wear
    w, d, half = bulge * size.lower_width / 2, bulge * size.lower_depth / 2, size.disc_height / 2 + 4.5
    rudiment = person.sacralised and below == "sacrum"
    numbers = (w, d, w, d, half + 1, half - 1, -0.05, -0.03, 0.0, 0.0, 1.5, 0.0, 0.0)
    drum = Shape(BODY, WORLD, numbers, float(np.hypot(w, half) + 6)).within(frame)
    hu = float(random.normal(84, 9)) + (120.0 if rudiment else 0.0)
    parts = [soft((drum,), hu, texture_hu=9.0, seed=int(random.integers(1 << 30)))]
    if wear > 0.7 and random.random() < 0.35:
        cleft = ellipsoid((random.normal(0, 4), random.normal(-2, 4), 0), (w * 0.45, d * 0.4, 0.9)).within(frame)
        parts.append(soft((cleft,), _VACUUM_HU, blend_mm=0.5))
    return parts


def _between(person: Person, above: str, below: str) -> Frame:
    """The middle of a disc, its axes the mean of its neighbours'."""
    upper, lower = person.frames[above], person.frames[below]
    low = -sum(heights(person.vertebrae[above], person.fractures.get(above))) / 4
    high = 0.0
    if below in person.vertebrae:
        high = sum(heights(person.vertebrae[below], person.fractures.get(below))) / 4
    middle = (upper.to_world((0, 0, low)) + lower.to_world((0, 0, high))) / 2
    left, back, _ = (row / np.linalg.norm(row) for row in upper.axes + lower.axes)
    up = np.cross(left, back)
    return Frame(middle, np.stack([left, np.cross(up, left), up]))
