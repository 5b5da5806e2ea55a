"""The colon as short tapered rods along a smoothed course."""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..rendering.shapes import Shape, capsule

# Distance of the points at which a course is smoothed, and standard deviation of the smoothing, mm.
_FINE_MM, _SMOOTH_MM = 4.0, 13.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """A short length of bowel: a tapered rod.

    Attributes:
        start: World mm.
        end: World mm.
        calibres: Radius at the start and at the end, mm.
    """

    start: Matrix
    end: Matrix
    calibres: tuple[float, float]

    @property
    def centre(self) -> Matrix:
        """Its middle, world mm."""
        return np.asarray(0.5 * (self.start + self.end))

    @property
    def along(self) -> Matrix:
        """From start to end, mm."""
        return self.end - self.start

    @property
    def radius(self) -> float:
        """Mean radius, mm."""
        return 0.5 * (self.calibres[0] + self.calibres[1])

    @property
    def reach(self) -> float:
        """Half of its length with both round ends, mm."""
        return 0.5 * float(np.linalg.norm(self.along)) + self.radius

    def shape(self, inwards: float) -> Shape:
        """The rod, ``inwards`` mm smaller."""
        first, last = (max(radius - inwards, 1.0) for radius in self.calibres)
        return capsule(self.start, self.end, (first, first), (last, last))


def smoothed_course(random: np.random.Generator, line: list[Matrix], step: float) -> tuple[Matrix, Matrix]:
    """Points (n, 3) of the smoothed course, at random distances of about ``step`` mm, and their arc length (n,), mm."""
    knots = np.array(line)
    along = _arc_length(knots)
    fine = np.arange(0, along[-1] + _FINE_MM, _FINE_MM)
    dense = np.stack([np.interp(fine, along, knots[:, axis]) for axis in range(3)], axis=1)
    wide = int(2.5 * _SMOOTH_MM / _FINE_MM)
    kernel = np.exp(-0.5 * (np.arange(-wide, wide + 1) * _FINE_MM / _SMOOTH_MM) ** 2)
    kernel /= kernel.sum()
    smooth: Matrix = np.stack([_blurred(dense[:, axis], kernel) for axis in range(3)], axis=1)
    along = _arc_length(smooth)
    steps: Matrix = np.clip(random.lognormal(0, 0.3, max(2, round(along[-1] / step))), 0.6, 1.8)
    at: Matrix = np.concatenate([[0.0], np.cumsum(steps)]) * along[-1] / steps.sum()
    return np.stack([np.interp(at, along, smooth[:, axis]) for axis in range(3)], axis=1), at


def _blurred(values: Matrix, kernel: Matrix) -> Matrix:
    """Values blurred; odd reflection at the ends keeps the end points in place."""
    wide = kernel.size // 2
    padded: Matrix = np.pad(values, wide, mode="reflect", reflect_type="odd")
    found: Matrix = np.convolve(padded, kernel, mode="valid").astype(np.float64)
    return found


def _arc_length(points: Matrix) -> Matrix:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]))


def draw_segments(random: np.random.Generator, points: Matrix, radius: float) -> list[Segment]:
    """Segments between the points of a course: haustra between the odd points, drifting calibre, some contractions."""
    drift, pouched, sizes = float(random.normal(0, 0.12)), float(random.uniform(0.01, 0.08)), list[float]()
    for n in range(len(points)):
        squeezed = float(random.uniform(0.45, 0.8)) if random.random() < 0.08 else 1.0
        swing = pouched * (1 - 2 * (n % 2)) * random.uniform(0.3, 1.5)
        sizes.append(radius * float(np.clip(np.exp(drift + swing) * squeezed, 0.35, 1.35)))
        drift = 0.8 * drift + float(random.normal(0, 0.11))
    return [
        Segment(start=points[n], end=points[n + 1], calibres=(sizes[n], sizes[n + 1])) for n in range(len(points) - 1)
    ]
