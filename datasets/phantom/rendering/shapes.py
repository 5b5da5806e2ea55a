"""Implicit shapes as rows of numbers: elements of the anatomy, evaluated by the compiled renderer.

A ``Shape`` is one primitive: a signed distance (mm, negative inside) in a local frame. A ``Part`` is a smooth union of
primitives of one material, less what its carving primitives take away. Parts are painted in order, later ones over
earlier ones. World axes are the patient's: x left, y posterior, z superior (LPS, mm). Each shape names the sub-region
of its bone.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Matrix

CAPSULE, BODY, TRUNK, TUBE, HALF_SPACE = 0.0, 1.0, 2.0, 3.0, 4.0
ADDS, CARVES, CONFINES = 1.0, -1.0, -2.0
NUMBERS = 14
ROW_LENGTH = 19 + NUMBERS
PART_LENGTH = 21
EVERYWHERE = 1e4


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
    """One primitive: a signed distance, mm, negative inside.

    Attributes:
        kind: Decides what ``numbers`` mean (see ``distances``).
        frame: Local frame.
        numbers: Up to fourteen parameters, mm.
        reach_mm: Radius of a ball about the frame's origin that contains it.
        shell_mm: Thickness of the outer layer.
        inner_hu: HU below that layer.
        role: Adds to its part, carves from it, or confines it to its own inside.
        region: Number of the sub-region of its bone (see ``bones.regions``).
    """

    kind: float
    frame: Frame
    numbers: tuple[float, ...]
    reach_mm: float
    shell_mm: float = 0.0
    inner_hu: float = 0.0
    role: float = ADDS
    region: int = 0

    def within(self, frame: Frame) -> "Shape":
        """The same primitive when its present frame is given in ``frame`` instead of in the world."""
        return replace(self, frame=Frame(frame.to_world(self.frame.origin), self.frame.axes @ frame.axes))

    def made_of(self, *, shell_mm: float, inner_hu: float) -> "Shape":
        """The same primitive of another material."""
        return replace(self, shell_mm=shell_mm, inner_hu=inner_hu)

    def of_region(self, region: int) -> "Shape":
        """The same primitive in a sub-region."""
        return replace(self, region=region)

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
        row[14:18] = self.shell_mm, self.inner_hu, self.region, self.reach_mm
        row[19 : 19 + len(self.numbers)] = self.numbers
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
    axes = rod_axes(last - first, np.asarray(flat_along, dtype=np.float64))
    numbers = (length, ua, va, ub, vb, min(ua, va), min(ub, vb))
    return Shape(CAPSULE, Frame(first, axes), numbers, length + max(ua, va, ub, vb))


def ellipsoid(centre: ArrayLike, radii: tuple[float, float, float], axes: Matrix | None = None) -> Shape:
    """An ellipsoid with ``radii`` along its axes (rows of ``axes``; the world's by default)."""
    u, v, w = radii
    frame = Frame(np.asarray(centre, dtype=np.float64), np.eye(3) if axes is None else axes)
    return Shape(CAPSULE, frame, (0.0, u, v, u, v, w, w), max(radii))


def tube(
    start: ArrayLike, end: ArrayLike, radius: float, *, pouch: float, period: float, rough: float, seed: int
) -> Shape:
    """A rod whose radius swells and narrows: pouches (haustra) of relative depth ``pouch``, roughness ``rough``."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(last - first))
    axes = rod_axes(last - first, np.array([1.0, 0.0, 0.0]))
    numbers = (length, radius, pouch, period, rough, float(seed % 100_003))
    return Shape(TUBE, Frame(first, axes), numbers, length + radius * (1 + pouch + 2 * rough) + 2)


def rod_axes(along: Matrix, flat: Matrix) -> Matrix:
    """Rows of a rod's axes, (3, 3): the first near ``flat``, the last along the rod."""
    w = along / np.linalg.norm(along)
    u = flat - (flat @ w) * w
    if np.linalg.norm(u) < 1e-6:
        u = np.roll(w, 1) - (np.roll(w, 1) @ w) * w
    u = u / np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w])


def half_space(point: ArrayLike, outward: ArrayLike) -> Shape:
    """All points behind a plane."""
    w = np.asarray(outward, dtype=np.float64)
    axes = rod_axes(w, np.array([1.0, 0.0, 0.0]))
    return Shape(HALF_SPACE, Frame(np.asarray(point, dtype=np.float64), axes), (), EVERYWHERE)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One organ: shapes of one material, painted over what was there.

    Attributes:
        shapes: Primitives in world coordinates; carving and confining ones last.
        shell_hu: HU of the outer layer, ``Shape.shell_mm`` thick.
        label: Structure number; 0 leaves labels as they are, -1 removes them.
        blend_mm: Width over which neighbouring primitives are blended.
        texture_hu: Amplitude of the inner texture.
        texture_mm: Its grain along the axes of ``frame``.
        texture_seed: Its seed.
        frame: Orients the texture.
        shell_variation: Relative variation of the layer's thickness.
        dense_hu: HU added just below the layer, fading inwards over 4 mm.
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
    dense_hu: float = 0.0

    def row(self) -> Matrix:
        """The renderer's row."""
        head = [self.shell_hu, self.blend_mm, self.texture_hu, *(1 / grain for grain in self.texture_mm)]
        tail = [self.shell_variation, self.dense_hu]
        return np.concatenate([head, [float(self.texture_seed)], self.frame.origin, self.frame.axes.ravel(), tail])

    def bounds(self) -> tuple[Matrix, Matrix]:
        """World corners of a box that contains it."""
        solid = [shape for shape in self.shapes if shape.role == ADDS]
        low = np.min([shape.frame.origin - shape.reach_mm for shape in solid], axis=0)
        high = np.max([shape.frame.origin + shape.reach_mm for shape in solid], axis=0)
        return low - self.blend_mm, high + self.blend_mm

    def confined(self, *limits: Shape) -> "Part":
        """The same part inside limits."""
        return replace(self, shapes=(*self.shapes, *limits))


def soft(
    shapes: tuple[Shape, ...], hu: float, *, blend_mm: float = 3.0, texture_hu: float = 0.0, seed: int = 0
) -> Part:
    """A part of one HU throughout."""
    filled = tuple(shape if shape.role != ADDS else shape.made_of(shell_mm=0.0, inner_hu=hu) for shape in shapes)
    return Part(filled, hu, blend_mm=blend_mm, texture_hu=texture_hu, texture_seed=seed)
