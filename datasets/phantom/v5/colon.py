"""Colon of version 5: a smooth thin-walled tube of unequal calibre, into whose gas crescent folds cut from three sides.

Version 4's was a row of balls. Here the course is smoothed and cut into short tapered rods; a fold is a thin disc set
on the wall between two of the three bands (taeniae), so that it spans about a third of the way round: seen end on an
incomplete line between smooth walls. Where the colon lies, what it holds and how much gas is version 4's.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import rod_axes
from ..v2.shapes import Part, Shape, ellipsoid, soft

# Version 4 is frozen and keeps these to itself; a copy would be worse.
from ..v4.bowel import GAS_HU, STOOL, Piece
from ..v4.bowel import _before as before  # pyright: ignore[reportPrivateUsage]
from ..v4.bowel import _colon as pieces_of  # pyright: ignore[reportPrivateUsage]
from ..v4.bowel import _holding as holding  # pyright: ignore[reportPrivateUsage]
from ..v4.bowel import _level as level  # pyright: ignore[reportPrivateUsage]
from ..v4.bowel import _lumps as lumps  # pyright: ignore[reportPrivateUsage]
from .length import Length
from .person import Person
from .residue import draw_residue

# Rods painted together: few, since the renderer asks every rod of a part in the part's whole box.
_TOGETHER = 5
# Distance of the points at which a course is smoothed, and how far smoothing reaches (standard deviation), mm.
_FINE_MM, _SMOOTH_MM = 4.0, 13.0


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A crescent of wall in the lumen: what it takes away from the gas, and where it stands along the course, mm."""

    at: float
    disc: Shape


def colon(person: Person, random: np.random.Generator, *, front: float, side: float, wall_hu: float) -> list[Part]:
    """All pieces in painting order.

    Args:
        person: Whose.
        random: To draw from.
        front: How far the cavity reaches before the middle of L3, mm.
        side: To each side, mm.
        wall_hu: Of the gut's wall.
    """
    left = draw_residue(person)
    parts: list[Part] = []
    for number, piece in enumerate(pieces_of(person, random, front, side)):
        slim = replace(piece, radius=min(piece.radius, 0.45 * piece.radius + 9.0))
        points, reach = course(random, slim.line, 0.6 * slim.radius)
        lengths = lengths_of(random, points, slim.radius)
        parts += painted_piece(random, slim, wall_hu, lengths, (points, reach))
        parts += left.within(slim, lengths)
        # Diverticula are those of the left colon: descending and sigmoid.
        parts += left.beside(lengths, wall_hu) if number in (1, 2) else []
    return parts


def painted_piece(
    random: np.random.Generator, piece: Piece, wall_hu: float, lengths: list[Length], way: tuple[Matrix, Matrix]
) -> list[Part]:
    """Walls with their contents, bubbles in soft stool, then the gas of the whole piece before one plane.

    Args:
        random: To draw from.
        piece: What it holds.
        wall_hu: Of the gut's wall.
        lengths: Of which it is put together.
        way: Points of its course and how far along it they are, mm.
    """
    points, reach = way
    folds = _folds(random, points, reach, [one.calibres[0] for one in lengths])
    seed, wall = int(random.integers(1 << 30)), float(random.uniform(1.4, 2.4))
    starts = range(0, len(lengths), _TOGETHER)
    groups = [lengths[n : n + _TOGETHER] for n in starts]
    frothy = float(random.uniform(0.5, 7)) if piece.held in ("mash", "crumbs") else 0.0
    parts: list[Part] = []
    for group in groups:
        parts.append(holding(random, list(group), piece.held, wall, wall_hu, seed))
        parts += _bubbles(random, group, frothy)
    if piece.gas > 0:
        behind = level(
            np.array([one.centre[1] for one in lengths]), np.array([one.radii[0] for one in lengths]), piece.gas
        )
        for first, group in zip(starts, groups, strict=True):
            if min(one.centre[1] - one.radii[2] for one in group) >= behind:
                continue
            span = reach[first] - piece.radius, reach[first + len(group)] + piece.radius
            cut = [fold.disc for fold in folds if span[0] < fold.at < span[1]]
            cut += lumps(random, list(group), behind) if piece.held in STOOL else []
            gas = soft(tuple(one.shape(wall) for one in group), GAS_HU, blend_mm=1.0)
            parts.append(gas.confined(*cut, before(behind)))
    return parts


def course(random: np.random.Generator, line: list[Matrix], step: float) -> tuple[Matrix, Matrix]:
    """Points of the smoothed course, unequally and about ``step`` mm apart, and how far along it they are."""
    knots = np.array(line)
    along = _reach(knots)
    fine = np.arange(0, along[-1] + _FINE_MM, _FINE_MM)
    dense = np.stack([np.interp(fine, along, knots[:, axis]) for axis in range(3)], axis=1)
    wide = int(2.5 * _SMOOTH_MM / _FINE_MM)
    kernel = np.exp(-0.5 * (np.arange(-wide, wide + 1) * _FINE_MM / _SMOOTH_MM) ** 2)
    kernel /= kernel.sum()
    smooth: Matrix = np.stack([_blurred(dense[:, axis], kernel) for axis in range(3)], axis=1)
    along = _reach(smooth)
    steps: Matrix = np.clip(random.lognormal(0, 0.3, max(2, round(along[-1] / step))), 0.6, 1.8)
    at: Matrix = np.concatenate([[0.0], np.cumsum(steps)]) * along[-1] / steps.sum()
    return np.stack([np.interp(at, along, smooth[:, axis]) for axis in range(3)], axis=1), at


def _blurred(values: Matrix, kernel: Matrix) -> Matrix:
    """Values blurred; their ends stay, since what lies beyond is what lies within turned about them."""
    wide = kernel.size // 2
    padded: Matrix = np.pad(values, wide, mode="reflect", reflect_type="odd")
    found: Matrix = np.convolve(padded, kernel, mode="valid").astype(np.float64)
    return found


def _reach(points: Matrix) -> Matrix:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]))


def lengths_of(random: np.random.Generator, points: Matrix, radius: float) -> list[Length]:
    """Pouches between the odd points, where folds stand; calibre drifts; here and there the gut is drawn together."""
    drift, pouched, sizes = float(random.normal(0, 0.12)), float(random.uniform(0.01, 0.08)), list[float]()
    for n in range(len(points)):
        squeezed = float(random.uniform(0.45, 0.8)) if random.random() < 0.08 else 1.0
        swing = pouched * (1 - 2 * (n % 2)) * random.uniform(0.3, 1.5)
        sizes.append(radius * float(np.clip(np.exp(drift + swing) * squeezed, 0.35, 1.35)))
        drift = 0.8 * drift + float(random.normal(0, 0.11))
    found: list[Length] = []
    for n in range(len(points) - 1):
        first, last = points[n], points[n + 1]
        mean = 0.5 * (sizes[n] + sizes[n + 1])
        long = 0.5 * float(np.linalg.norm(last - first)) + mean
        radii = (mean, mean, long)
        found.append(Length(0.5 * (first + last), last - first, radii, first, last, (sizes[n], sizes[n + 1])))
    return found


def _folds(random: np.random.Generator, points: Matrix, reach: Matrix, calibres: list[float]) -> list[Fold]:
    """Between pouches and now and then within one; one side after another, seldom two or three at once."""
    folds: list[Fold] = []
    turn, sector = float(random.uniform(0, 2 * np.pi)), 0
    for n in range(len(points) - 1):
        if random.random() > (0.9 if n % 2 else 0.45):
            continue
        axes = rod_axes(points[n + 1] - points[n], np.array([0.0, 1.0, 0.0]))
        sector = (sector + int(random.integers(1, 3))) % 3
        for more in range(int(random.choice(3, p=(0.6, 0.28, 0.12))) + 1):
            angle = turn + 2.1 * (sector + more) + random.normal(0, 0.15)
            folds.append(Fold(float(reach[n]), _disc(random, points[n], axes, angle, calibres[n])))
    return folds


def _disc(random: np.random.Generator, centre: Matrix, axes: Matrix, angle: float, radius: float) -> Shape:
    """A thin ellipsoid on the wall: as wide as a third of the way round, often past the middle."""
    outwards = np.cos(angle) * axes[0] + np.sin(angle) * axes[1]
    lean = axes[2] + 0.22 * random.normal() * outwards + 0.15 * random.normal() * np.cross(axes[2], outwards)
    deep = radius * float(np.clip(random.normal(0.75, 0.25), 0.25, 1.25))
    wide = radius * float(random.uniform(0.75, 1.0))
    thin = float(random.uniform(1.3, 2.2))
    return ellipsoid(centre + 1.05 * radius * outwards, (deep, wide, thin), rod_axes(lean, outwards)).carving()


def _bubbles(random: np.random.Generator, group: list[Length], frothy: float) -> list[Part]:
    """Pockets of gas in soft stool, 2 to 8 mm; ``frothy`` of them in each length."""
    shapes: list[Shape] = []
    for one in group:
        for _ in range(int(random.poisson(frothy))):
            axes = rod_axes(one.along, np.array([0.0, 1.0, 0.0]))
            far = one.radii[0] * 0.72 * np.sqrt(random.random())
            angle = float(random.uniform(0, 2 * np.pi))
            place = one.centre + far * (np.cos(angle) * axes[0] + np.sin(angle) * axes[1])
            place = place + random.uniform(-0.5, 0.5) * one.along
            size = float(np.clip(random.lognormal(0.95, 0.45), 1.0, 7.0))
            shapes.append(ellipsoid(place, (size * float(random.uniform(0.8, 2.0)), size, size)))
    return [soft(tuple(shapes), float(random.uniform(-900, -500)), blend_mm=1.0)] if shapes else []
