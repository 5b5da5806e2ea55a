"""Outlines drawn round a bone by hand: the mask of a polygon, and a law of masks that such outlines could make.

LGFF-Reg (Yang et al., Journal of Image and Graphics 30(8), 2025, section 3.6) masks one vertebra of a real X-ray by
hand. A network that is run on such images is trained on masks that a hand would draw round its renderings: near the
outline, never on it, and cut off where the drawer stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.errors import FluorobenchError
from bench.geometry import Matrix

Mask = NDArray[np.bool_]

_CORNERS = 3
_KNOTS = 6


class OutlineError(FluorobenchError):
    """An outline that encloses nothing, or a law that no hand would follow."""


def polygon_mask(corners: Sequence[Sequence[float]], *, height: int, width: int) -> Mask:
    """Pixels whose centre lies inside a polygon, bool (height, width).

    Args:
        corners: (column, row) in pixels, at least three, in order; the last is joined to the first.
        height: Rows.
        width: Columns.

    Raises:
        OutlineError: Fewer than three corners, numbers that are not finite, or no pixel inside.
    """
    points = np.array(corners, dtype=np.float64)
    if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < _CORNERS or not np.isfinite(points).all():
        raise OutlineError(f"an outline needs at least three corners (column, row); got {list(corners)}")
    rows, columns = np.indices((height, width), dtype=np.float64)
    inside = np.zeros((height, width), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        # A ray to the right of the pixel crosses this edge.
        crossing = x1 + (rows - y1) * (x2 - x1) / (y2 - y1)
        inside ^= ((y1 > rows) != (y2 > rows)) & (columns < crossing)
    if not inside.any():
        raise OutlineError(f"an outline encloses no pixel of the {height} x {width} image; give its pixels")
    return inside


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineLaw:
    """Masks as hands draw them: everything nearer to the bone's silhouette than a margin that wanders along it.

    Attributes:
        margin_mm: Mean margin, drawn evenly from here to there, at the bone.
        wander_mm: Standard deviation of the margin along the outline.
        shift_mm: The whole outline is shifted by up to so much along columns and along rows.
    """

    margin_mm: tuple[float, float] = (1.0, 4.0)
    wander_mm: float = 0.8
    shift_mm: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.margin_mm
        if not (0 <= low <= high < np.inf and self.wander_mm >= 0 and self.shift_mm >= 0):
            raise OutlineError(
                "an outline's law needs 0 <= margin_mm (low, high), wander_mm and shift_mm of at least 0; got "
                f"{self.margin_mm}, {self.wander_mm:g}, {self.shift_mm:g}"
            )

    def draw(self, silhouette: Mask, random: np.random.Generator, *, pixel_mm: float) -> Mask:
        """Draw an outline round a silhouette (H, W).

        Args:
            silhouette: Pixels that the bone covers.
            random: Draws.
            pixel_mm: Of the bone, that a pixel shows.
        """
        margin = random.uniform(*self.margin_mm) + self.wander_mm * _wandering(silhouette.shape, random)
        shift = random.uniform(-self.shift_mm, self.shift_mm, size=2) / pixel_mm
        moved = ndimage.shift(silhouette.astype(np.float32), shift, order=1) > 0.5
        if not moved.any():
            return moved
        away = np.asarray(ndimage.distance_transform_edt(~moved), dtype=np.float64)
        return np.asarray(away * pixel_mm <= np.maximum(margin, 0), dtype=np.bool_)


def _wandering(shape: tuple[int, ...], random: np.random.Generator) -> Matrix:
    """A smooth field of mean 0 and deviation about 1, (H, W)."""
    knots = random.normal(size=(_KNOTS, _KNOTS))
    rows, columns = (np.linspace(0, _KNOTS - 1, size) for size in shape)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"))
    field: Matrix = ndimage.map_coordinates(knots, places, order=3, mode="nearest")
    return field
