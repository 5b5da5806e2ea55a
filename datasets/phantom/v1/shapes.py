"""Implicit shapes as rows of numbers: what the generators build and the compiled renderer evaluates.

A ``Shape`` is one primitive: a signed distance (mm, negative inside) in a local frame. A ``Part`` is a smooth union of
primitives of one material, less what its carving primitives take away. Parts are painted in order, later ones over
earlier ones. World axes are the patient's: x left, y posterior, z superior (LPS, mm).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Matrix

CAPSULE, BODY, COLUMN = 0.0, 1.0, 2.0
ADDS, CARVES, CONFINES = 1.0, -1.0, -2.0
ROW_LENGTH = 26
PART_LENGTH = 20


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A local frame: ``world = axes.T @ local + origin``; the rows of ``axes`` are the local axes in the world."""

    origin: Matrix
    axes: Matrix

    def to_world(self, points: ArrayLike) -> Matrix:
        """World points (..., 3) of local points (..., 3), mm."""
        return np.asarray(np.asarray(points, dtype=np.float64) @ self.axes + self.origin)


WORLD = Frame(np.zeros(3), np.eye(3))


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One primitive.

    Attributes:
        kind: ``CAPSULE``, ``BODY`` or ``COLUMN``; decides what ``numbers`` mean (see ``kernels``).
        frame: Local frame.
        numbers: Up to ten parameters, mm.
        reach_mm: Radius of a ball about the frame's origin that holds it.
        shell_mm: Thickness of the outer layer.
        inner_hu: HU below that layer.
        role: ``ADDS`` to its part, ``CARVES`` from it, or ``CONFINES`` it to its own inside.
    """

    kind: float
    frame: Frame
    numbers: tuple[float, ...]
    reach_mm: float
    shell_mm: float = 0.0
    inner_hu: float = 0.0
    role: float = ADDS

    def within(self, frame: Frame) -> "Shape":
        """The same primitive when its present frame is given in ``frame`` instead of in the world."""
        moved = Frame(frame.to_world(self.frame.origin), self.frame.axes @ frame.axes)
        return replace(self, frame=moved)

    def made_of(self, *, shell_mm: float, inner_hu: float) -> "Shape":
        """The same primitive of another material."""
        return replace(self, shell_mm=shell_mm, inner_hu=inner_hu)

    def carving(self) -> "Shape":
        """The same primitive as a hole."""
        return replace(self, role=CARVES)

    def confining(self) -> "Shape":
        """The same primitive as a limit of its part."""
        return replace(self, role=CONFINES)

    def row(self) -> Matrix:
        """The renderer's row."""
        row = np.zeros(ROW_LENGTH)
        row[0], row[1] = self.kind, self.role
        row[2:5], row[5:14] = self.frame.origin, self.frame.axes.ravel()
        row[14 : 14 + len(self.numbers)] = self.numbers
        row[24], row[25] = self.shell_mm, self.inner_hu
        return row


def capsule(
    start: ArrayLike,
    end: ArrayLike,
    start_radii: tuple[float, float],
    end_radii: tuple[float, float] | None = None,
    *,
    flat_along: ArrayLike = (1, 0, 0),
) -> Shape:
    """A tapered rod of elliptic section from ``start`` to ``end``, rounded at its ends.

    The first radius of each pair lies along ``flat_along`` (made perpendicular to the rod), the second across it.
    """
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(last - first))
    (ua, va), (ub, vb) = start_radii, end_radii or start_radii
    numbers = (length, ua, va, ub, vb, min(ua, va), min(ub, vb))
    axes = rod_axes(last - first, np.asarray(flat_along, dtype=np.float64))
    return Shape(CAPSULE, Frame(first, axes), numbers, length + max(ua, va, ub, vb))


def ellipsoid(centre: ArrayLike, radii: tuple[float, float, float], axes: Matrix | None = None) -> Shape:
    """An ellipsoid with ``radii`` along its axes (rows of ``axes``; the world's by default)."""
    frame = Frame(np.asarray(centre, dtype=np.float64), np.eye(3) if axes is None else axes)
    u, v, w = radii
    return Shape(CAPSULE, frame, (0.0, u, v, u, v, w, w), max(radii))


def rod_axes(along: Matrix, flat: Matrix) -> Matrix:
    """Rows of a rod's axes: the first near ``flat``, the last along it."""
    w = along / np.linalg.norm(along)
    u = flat - (flat @ w) * w
    if np.linalg.norm(u) < 1e-6:
        u = np.roll(w, 1) - (np.roll(w, 1) @ w) * w
    u = u / np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One organ: shapes of one material.

    Attributes:
        shapes: Primitives in world coordinates; carving and confining ones last.
        shell_hu: HU of the outer layer, ``Shape.shell_mm`` thick.
        label: Structure number, 0 = none.
        blend_mm: How softly the primitives run into one another.
        texture_hu: Standard amplitude of the inner texture.
        texture_mm: Its grain along the axes of ``frame``.
        texture_seed: Its seed.
        frame: Orients the texture.
        shell_variation: Relative variation of the layer's thickness.
    """

    shapes: tuple[Shape, ...]
    shell_hu: float
    label: int = 0
    blend_mm: float = 3.0
    texture_hu: float = 0.0
    texture_mm: tuple[float, float, float] = (6.0, 6.0, 6.0)
    texture_seed: int = 0
    frame: Frame = field(default=WORLD)
    shell_variation: float = 0.0

    def row(self) -> Matrix:
        """The renderer's row."""
        head = [self.shell_hu, self.blend_mm, self.texture_hu, *(1 / grain for grain in self.texture_mm)]
        return np.concatenate(
            [head, [float(self.texture_seed)], self.frame.origin, self.frame.axes.ravel(), [self.shell_variation]]
        )

    def bounds(self) -> tuple[Matrix, Matrix]:
        """World corners of a box that holds it; columns and large bodies reach everywhere."""
        solid = [shape for shape in self.shapes if shape.role == ADDS]
        low = np.min([shape.frame.origin - shape.reach_mm for shape in solid], axis=0)
        high = np.max([shape.frame.origin + shape.reach_mm for shape in solid], axis=0)
        return low - self.blend_mm, high + self.blend_mm


def soft(shapes: tuple[Shape, ...], hu: float, **settings: float) -> Part:
    """A part of one HU throughout."""
    filled = tuple(shape if shape.role != ADDS else shape.made_of(shell_mm=0.0, inner_hu=hu) for shape in shapes)
    return Part(
        filled,
        hu,
        blend_mm=settings.get("blend_mm", 3.0),
        texture_hu=settings.get("texture_hu", 0.0),
        texture_seed=int(settings.get("texture_seed", 0)),
    )
