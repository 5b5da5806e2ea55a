"""Dimensions of a vertebra on a patient's labels: volume; pedicles, canal and disc along axes from its landmarks.

Lines of nearest labels are followed from a landmark to where the bone ends or begins; several lines beside one another
are averaged, so that coarse voxels do not round alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix, transform_points
from bench.volume import LabelGrid, Volume

STEP_MM = 0.25
REACH_MM = 45.0
# Beside and below the first line, mm: less than a voxel of 2 mm apart.
_BESIDE_MM = (-1.0, -0.3, 0.4, 1.1)
# The lamina stands below the pedicles: the canal is measured where it is shallowest, at these heights.
_LAMINA_MM = np.arange(-9.0, 0.1, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A vertebra among the labels.

    Attributes:
        labels: Structure numbers on the grid.
        index_from_world: 4x4.
        label: Its own number.
        origin: Middle of the body, world mm.
        axes: Rows: left, posterior, superior unit vectors.
        wall: How far the back corners of the body stand behind its middle, mm.
        half: Half the height of the body, mm.
        pedicles: Centres of the left and of the right one, in its own axes, mm.
    """

    labels: LabelGrid
    index_from_world: Matrix
    label: int
    origin: Matrix
    axes: Matrix
    wall: float
    half: float
    pedicles: Matrix

    def at(self, points: Matrix) -> Matrix:
        """Labels at (..., 3) points of its own axes; 0 outside."""
        flat = np.reshape(self.origin + points @ self.axes, (-1, 3))
        index = np.rint(transform_points(self.index_from_world, flat)).astype(int)
        inside = np.all((index >= 0) & (index < self.labels.shape), axis=1, keepdims=True)
        index = np.where(inside, index, 0)
        found = np.where(inside[:, 0], self.labels[index[:, 0], index[:, 1], index[:, 2]], 0)
        return found.astype(np.float64).reshape(points.shape[:-1])


def site(points: Mapping[str, Matrix], volume: Volume, level: str, label: int) -> Site | None:
    """A vertebra of a patient; None without labels or where a landmark is missing."""
    corners = {
        (end, side): points.get(f"{level} {end} endplate {side}")
        for end in ("upper", "lower")
        for side in ("left", "right", "anterior", "posterior")
    }
    known = {key: point for key, point in corners.items() if point is not None}
    pedicles = [points[name] for side in ("left", "right") if (name := f"{level} pedicle {side}") in points]
    if volume.labels is None or len(known) < len(corners) or len(pedicles) < 2:
        return None
    left = _unit(_sum_of(known, "left") - _sum_of(known, "right"))
    back = _sum_of(known, "posterior") - _sum_of(known, "anterior")
    back = _unit(back - (back @ left) * left)
    axes = np.stack([left, back, np.cross(left, back)])
    origin = np.mean(list(known.values()), axis=0)
    local = {key: (point - origin) @ axes.T for key, point in known.items()}
    wall = float(np.mean([local[end, "posterior"][1] for end in ("upper", "lower")]))
    half = float(np.mean([(local["upper", s][2] - local["lower", s][2]) / 2 for s in ("left", "right")]))
    inverse = np.asarray(np.linalg.inv(volume.affine), dtype=np.float64)
    return Site(volume.labels, inverse, label, origin, axes, wall, half, (np.stack(pedicles) - origin) @ axes.T)


def _sum_of(corners: Mapping[tuple[str, str], Matrix], side: str) -> Matrix:
    """Sum of the upper and the lower corner of one side."""
    return np.asarray(corners["upper", side] + corners["lower", side])


def pedicle_width(place: Site) -> float:
    """Mean of both sides, mm."""
    return _through(place, axis=0, beside=2)


def pedicle_height(place: Site) -> float:
    """Mean of both sides, mm."""
    return _through(place, axis=2, beside=0)


def canal_width(place: Site) -> float:
    """Between the pedicles, mm."""
    middle = np.array([0.0, place.pedicles[:, 1].mean(), place.pedicles[:, 2].mean()])
    starts = middle + np.array([[0, dy, dz] for dy in _BESIDE_MM for dz in _BESIDE_MM])
    return float(np.mean(_until(place, starts, 0, 1.0, place.label) + _until(place, starts, 0, -1.0, place.label)))


def canal_depth(place: Site) -> float:
    """From the back wall to the lamina in the middle, where that is least, mm."""
    front, back = _canal(place)
    return back - front


def canal_back(place: Site) -> float:
    """Inner face of the lamina in the middle, mm behind the middle of the body."""
    return _canal(place)[1]


def _canal(place: Site) -> tuple[float, float]:
    """Front and back of the canal in the middle, mm behind the middle of the body, where it is shallowest."""
    starts = np.array([[dx, place.wall + 5.0, dz] for dz in _LAMINA_MM for dx in _BESIDE_MM])
    ways = [_until(place, starts, 1, sign, place.label) for sign in (-1.0, 1.0)]
    ahead, behind = (np.reshape(way, (len(_LAMINA_MM), -1)).mean(axis=1) for way in ways)
    least = int(np.argmin(ahead + behind))
    return float(place.wall + 5.0 - ahead[least]), float(place.wall + 5.0 + behind[least])


def volume_ml(place: Site) -> float:
    """Of the whole vertebra, ml."""
    voxel = abs(float(np.linalg.det(place.index_from_world[:3, :3])))
    return float(np.count_nonzero(place.labels == place.label)) / voxel / 1000


def disc_height(place: Site, below: int) -> float:
    """Gap between the endplates in the middle of the body, mm; ``below`` is the next bone's label."""
    starts = np.array([[dx, dy, -place.half / 2] for dx in _BESIDE_MM for dy in _BESIDE_MM])
    return float(
        np.mean(_until(place, starts, 2, -1.0, below) - _until(place, starts, 2, -1.0, place.label, leave=True))
    )


def _through(place: Site, *, axis: int, beside: int) -> float:
    shifts = np.zeros((len(_BESIDE_MM) ** 2, 3))
    shifts[:, beside] = np.tile(_BESIDE_MM, len(_BESIDE_MM))
    shifts[:, 1] = np.repeat(_BESIDE_MM, len(_BESIDE_MM))
    starts = np.concatenate([centre + shifts for centre in place.pedicles])
    ways = [_until(place, starts, axis, sign, place.label, leave=True) for sign in (1.0, -1.0)]
    return float(np.mean(ways[0] + ways[1]))


def _until(place: Site, starts: Matrix, axis: int, sign: float, label: int, *, leave: bool = False) -> Matrix:
    """How far from (n, 3) starts along an axis a label begins (or is left), mm; ``REACH_MM`` where it never is."""
    steps = np.arange(0.0, REACH_MM, STEP_MM)
    points = np.repeat(starts[:, None, :], len(steps), axis=1)
    points[:, :, axis] += sign * steps
    reached = (place.at(points) == label) != leave
    return np.where(reached.any(axis=1), reached.argmax(axis=1) * STEP_MM, REACH_MM)


def _unit(vector: Matrix) -> Matrix:
    return np.asarray(vector / np.linalg.norm(vector))
