"""Solid shapes of implants as signed distances in world mm."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bench.geometry import Matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rod:
    """A round rod with round ends, tapered or not; a sphere where start and end coincide.

    Attributes:
        start: World mm.
        end: World mm.
        start_radius: mm; the round end reaches as far beyond ``start``.
        end_radius: mm.
        hu: Of the material.
    """

    start: Matrix
    end: Matrix
    start_radius: float
    end_radius: float
    hu: float

    def distance(self, points: Matrix) -> Matrix:
        """Distance of (n, 3) world points from the surface, mm, negative inside; exact for equal radii."""
        axis = self.end - self.start
        squared = float(axis @ axis)
        t = np.clip((points - self.start) @ axis / squared, 0, 1) if squared > 0 else np.zeros(len(points))
        radius = self.start_radius + t * (self.end_radius - self.start_radius)
        return np.asarray(np.linalg.norm(points - self.start - t[:, None] * axis, axis=1) - radius)

    def bounds(self) -> Matrix:
        """Lowest and highest corner, (2, 3), world mm."""
        wide = max(self.start_radius, self.end_radius)
        ends = np.stack([self.start, self.end])
        return np.stack([ends.min(axis=0) - wide, ends.max(axis=0) + wide])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cup:
    """Half a spherical shell.

    Attributes:
        centre: World mm.
        outer: Radius, mm.
        inner: Radius, mm.
        dome: Unit vector from the centre to the middle of the dome.
        hu: Of the material.
    """

    centre: Matrix
    outer: float
    inner: float
    dome: Matrix
    hu: float

    def distance(self, points: Matrix) -> Matrix:
        """Distance of (n, 3) world points from the surface, mm, negative inside; too small off the rim."""
        away = points - self.centre
        radius = np.linalg.norm(away, axis=1)
        return np.asarray(np.maximum(np.maximum(radius - self.outer, self.inner - radius), -(away @ self.dome)))

    def bounds(self) -> Matrix:
        """Lowest and highest corner, (2, 3), world mm."""
        return np.stack([self.centre - self.outer, self.centre + self.outer])


Solid: TypeAlias = Rod | Cup
