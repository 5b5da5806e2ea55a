"""Colon: a smooth thin-walled tube of varying calibre, into whose gas crescentic folds cut from three sides.

A fold is a thin disc on the wall between two of the three bands (taeniae), so that it spans about a third of the
circumference: seen end on, an incomplete line between smooth walls. Gas has one level in each connected piece.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Part, Shape, ellipsoid, rod_axes, soft
from .colon_content import bubbles, filled_segments, lumps
from .colon_course import STOOL, Piece, draw_pieces
from .colon_segments import Segment, draw_segments, smoothed_course
from .gas import GAS_HU, gas_level, in_front_of
from .residue import draw_residue

# Segments painted together: few, since the renderer evaluates every shape of a part in the part's whole box.
_TOGETHER = 5


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A crescent of wall in the lumen: its arc length along the course, mm, and the hole that it makes in the gas."""

    at: float
    disc: Shape


def colon(person: Person, random: np.random.Generator, *, front: float, side: float, wall_hu: float) -> list[Part]:
    """All pieces in painting order.

    Args:
        person: The person.
        random: Random generator.
        front: How far the abdominal cavity reaches before the middle of L3, mm.
        side: How far to each side, mm.
        wall_hu: Of the wall of the bowel.
    """
    residue = draw_residue(person)
    parts: list[Part] = []
    for number, piece in enumerate(draw_pieces(person, random, front, side)):
        slim = replace(piece, radius=min(piece.radius, 0.45 * piece.radius + 9.0))
        points, reach = smoothed_course(random, slim.line, 0.6 * slim.radius)
        segments = draw_segments(random, points, slim.radius)
        parts += painted_piece(random, slim, wall_hu, segments, (points, reach))
        parts += residue.within(slim, segments)
        # Diverticula are found in the left colon: descending and sigmoid.
        parts += residue.beside(segments, wall_hu) if number in (1, 2) else []
    return parts


def painted_piece(
    random: np.random.Generator, piece: Piece, wall_hu: float, segments: list[Segment], course: tuple[Matrix, Matrix]
) -> list[Part]:
    """Walls with their contents, bubbles in soft stool, then the gas of the whole piece in front of one plane.

    Args:
        random: Random generator.
        piece: Its content.
        wall_hu: Of the wall of the bowel.
        segments: Along its course.
        course: Points of its course (n, 3), world mm, and their arc length (n,), mm.
    """
    folds = _folds(random, *course, [one.calibres[0] for one in segments])
    seed, wall = int(random.integers(1 << 30)), float(random.uniform(1.4, 2.4))
    groups = [(n, segments[n : n + _TOGETHER]) for n in range(0, len(segments), _TOGETHER)]
    frothy = float(random.uniform(0.5, 7)) if piece.content in ("mash", "crumbs") else 0.0
    parts: list[Part] = []
    for _, group in groups:
        parts.append(filled_segments(random, group, piece.content, wall_mm=wall, wall_hu=wall_hu, seed=seed))
        parts += bubbles(random, group, frothy)
    if piece.gas > 0:
        level = gas_level(
            np.array([one.centre[1] for one in segments]), np.array([one.radius for one in segments]), piece.gas
        )
        for first, group in groups:
            if min(one.centre[1] - one.reach for one in group) >= level:
                continue
            reach = course[1]
            span = reach[first] - piece.radius, reach[first + len(group)] + piece.radius
            cut = [fold.disc for fold in folds if span[0] < fold.at < span[1]]
            cut += lumps(random, group, level) if piece.content in STOOL else []
            gas = soft(tuple(one.shape(wall) for one in group), GAS_HU, blend_mm=1.0)
            parts.append(gas.confined(*cut, in_front_of(level)))
    return parts


def _folds(random: np.random.Generator, points: Matrix, reach: Matrix, calibres: list[float]) -> list[Fold]:
    """Between haustra and now and then within one, on alternating sides; seldom two or three at one place."""
    folds: list[Fold] = []
    turn, sector = float(random.uniform(0, 2 * np.pi)), 0
    for n in range(len(points) - 1):
        if random.random() > (0.9 if n % 2 else 0.45):
            continue
        axes = rod_axes(points[n + 1] - points[n], np.array([0.0, 1.0, 0.0]))
        sector = (sector + int(random.integers(1, 3))) % 3
        for more in range(int(random.choice(3, p=(0.6, 0.28, 0.12))) + 1):
            angle = turn + 2.1 * (sector + more) + random.normal(0, 0.15)
            folds.append(Fold(float(reach[n]), _disc(random, points[n], axes, angle, radius=calibres[n])))
    return folds


def _disc(random: np.random.Generator, centre: Matrix, axes: Matrix, angle: float, *, radius: float) -> Shape:
    """A thin ellipsoid on the wall: as wide as a third of the circumference, often past the middle of the lumen."""
    outwards = np.cos(angle) * axes[0] + np.sin(angle) * axes[1]
    lean = axes[2] + 0.22 * random.normal() * outwards + 0.15 * random.normal() * np.cross(axes[2], outwards)
    deep = radius * float(np.clip(random.normal(0.75, 0.25), 0.25, 1.25))
    wide = radius * float(random.uniform(0.75, 1.0))
    thin = float(random.uniform(1.3, 2.2))
    return ellipsoid(centre + 1.05 * radius * outwards, (deep, wide, thin), rod_axes(lean, outwards)).carving()
