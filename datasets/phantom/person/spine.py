"""Posture of the spine: lordosis of any size and distribution, scoliosis with one or two curves, slips.

Lordosis from L1 to the sacrum is about 51 degrees with a standard deviation of 11 (802 supine CTs of CTSpinoPelvic1K:
52.7, interquartile range 43.5 to 61.5). Its distribution over the segments differs from person to person: in some it
lies in the last two, in others in the upper ones too; flat backs have kyphosis above a short lordosis. Means of the
segments follow Mi Le 2022 (see ``anthropometry``). That one in eight has a Cobb angle above ten degrees and one in
twenty a slip of 2 to 6 mm at one of the last two levels is after textbook figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..rendering.shapes import Frame
from .anthropometry import Dimensions
from .fractures import Fracture, heights, kyphosis

_MEAN_DEG, _SPREAD_DEG = 54.0, 10.5
# Lordosis of each segment from T11/T12 down to L5/sacrum, degrees between middle planes, in a person with the mean.
_SEGMENTS_DEG = (-0.5, 1.0, 3.4, 6.4, 9.6, 14.0, 17.6)
_LUMBAR = 2
# Forward tilt of the middle plane of L3, supine.
_L3_DEG = -3.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve in the coronal plane: Cobb angle (positive: convex to the right), apex and half-length in vertebrae."""

    cobb_deg: float
    apex: float
    half: float

    def bend(self, place: Matrix) -> Matrix:
        """Lateral tilt of vertebrae, degrees, largest at the ends of the curve; ``place`` counts vertebrae."""
        x = (place - self.apex) / self.half
        return np.asarray(-0.5 * self.cobb_deg * x * np.exp(0.5 * (1 - x**2)))

    def turn(self, place: Matrix) -> Matrix:
        """Axial rotation of vertebrae towards the convexity, degrees, largest at the apex."""
        x = (place - self.apex) / self.half
        return np.asarray(-0.38 * self.cobb_deg * np.exp(-0.5 * x**2))


def draw_frames(
    random: np.random.Generator,
    levels: tuple[str, ...],
    vertebrae: Mapping[str, Dimensions],
    fractures: Mapping[str, Fracture],
    age: float,
) -> dict[str, Frame]:
    """Frames of the bodies and of the sacral endplate, world mm, L3 at the origin.

    Args:
        random: Random generator.
        levels: Vertebrae from head to foot.
        vertebrae: Dimensions by level; bodies and discs are stacked by their heights.
        fractures: By level; a wedged body adds kyphosis.
        age: Years.
    """
    names = [*levels, "sacrum"]
    pitch = _pitch(random, names, age, kyphosis(vertebrae, fractures))
    bend, turn = _coronal(random, names, age)
    axes = [frame_axes(*angles) for angles in zip(pitch, bend, turn, strict=True)]
    slips = _slips(random, levels, age)
    middles = [np.zeros(3)]
    for n, (above, below) in enumerate(pairwise(names)):
        half = sum(heights(vertebrae[above], fractures.get(above))) / 4
        lower = sum(heights(vertebrae[below], fractures.get(below))) / 4 if below in vertebrae else 0.0
        across = axes[n][2] + axes[n + 1][2]
        disc = vertebrae[above].disc_height * across / np.linalg.norm(across)
        slip = slips.get(above, 0.0) * axes[n + 1][1]
        middles.append(middles[-1] - axes[n][2] * half - disc - axes[n + 1][2] * lower + slip)
    origin = middles[levels.index("L3")]
    return {name: Frame(middle - origin, rows) for name, middle, rows in zip(names, middles, axes, strict=True)}


def _pitch(random: np.random.Generator, names: list[str], age: float, wedged: Mapping[str, float]) -> Matrix:
    """Forward tilt of every frame, degrees."""
    total = float(np.clip(random.normal(_MEAN_DEG - 0.08 * (age - 55), _SPREAD_DEG), 22, 78))
    lumbar = np.array(_SEGMENTS_DEG[_LUMBAR:])
    # Larger departures would leave the published ranges of the segments.
    lean = float(np.clip(random.normal(0, 1), -1.8, 1.8))
    lumbar = lumbar * np.exp(0.13 * lean * (np.arange(lumbar.size) - 2.5)) * np.exp(random.normal(0, 0.07, lumbar.size))
    lumbar = lumbar * total / lumbar.sum()
    # A flat back with all its lordosis in the lower segments is kyphotic above.
    above = np.array(_SEGMENTS_DEG[:_LUMBAR]) - random.normal(0.8 * max(lean, 0.0) + 0.03 * (age - 50), 1.8, _LUMBAR)
    lumbar[0] -= float(random.normal(0.5 * max(lean, 0.0), 1.0))
    tilts = np.concatenate([[0.0], np.cumsum(np.concatenate([above, lumbar]))])
    tilts += _L3_DEG + random.normal(0, 3.2) - tilts[4]
    place, known = np.linspace(0, 1, len(names)), np.linspace(0, 1, len(tilts))
    pitch: Matrix = np.asarray(np.interp(place, known, tilts), dtype=np.float64) + random.normal(0, 0.7, len(names))
    # What lies above a wedged body leans forward with it; the discs take up a third.
    for n, name in enumerate(names):
        angle = wedged.get(name, 0.0)
        pitch[:n] += 0.67 * angle
        pitch[n] += 0.33 * angle
    return np.asarray(pitch, dtype=np.float64)


def draw_curves(random: np.random.Generator, age: float) -> list[Curve]:
    """A curve of a few degrees in nearly everyone, a scoliosis in some; a second, opposite curve in a part of each."""
    real = random.random() < (0.09 if age < 60 else 0.16)
    cobb = float(random.uniform(10, 25)) if real else min(abs(float(random.normal(0, 3.4))), 9.0)
    side = 1.0 if random.random() < 0.5 else -1.0
    first = Curve(side * cobb, float(random.uniform(1.0, 5.0)), float(random.uniform(1.4, 2.6)))
    if random.random() > (0.4 if real else 0.25):
        return [first]
    away = float(random.uniform(2.4, 3.6))
    apex = first.apex + (away if first.apex < 3 else -away)
    return [first, Curve(-first.cobb_deg * float(random.uniform(0.4, 0.85)), apex, float(random.uniform(1.2, 2.0)))]


def _coronal(random: np.random.Generator, names: list[str], age: float) -> tuple[Matrix, Matrix]:
    """Lateral tilt and axial rotation of every frame, degrees, with small random departures of each vertebra."""
    place, curves = np.arange(len(names), dtype=float), draw_curves(random, age)
    bend = sum((curve.bend(place) for curve in curves), np.zeros(len(names)))
    turn = sum((curve.turn(place) for curve in curves), np.zeros(len(names)))
    bend = bend + random.normal(0, 1.0) + random.normal(0, 0.6, len(names))
    return np.asarray(bend), np.asarray(turn + random.normal(0, 1.5) + random.normal(0, 1.2, len(names)))


def _slips(random: np.random.Generator, levels: tuple[str, ...], age: float) -> dict[str, float]:
    """Anterior displacement of a vertebra against the one below, mm: about 0.3, but 2 to 6 in one of twenty persons."""
    slips = {level: float(random.normal(0, 0.35)) for level in levels}
    if random.random() < (0.03 if age < 50 else 0.065):
        level = levels[-2] if random.random() < 0.75 else levels[-1]
        slips[level] = float(random.uniform(2, 6))
    elif random.random() < 0.04:
        slips[levels[-3 if random.random() < 0.5 else -2]] = -float(random.uniform(1.5, 3.5))
    return slips


def frame_axes(pitch_deg: float, bend_deg: float, turn_deg: float) -> Matrix:
    """Rows: left, posterior, superior axis of a vertebra, (3, 3); positive pitch lowers its front."""
    p, b, t = np.radians([pitch_deg, bend_deg, turn_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return np.asarray((about_z @ about_y @ about_x).T)
