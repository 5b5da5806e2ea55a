"""Outlines drawn round a bone by hand: the mask of a polygon."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError

Mask = NDArray[np.bool_]

_CORNERS = 3


class OutlineError(FluorobenchError):
    """An outline that encloses no pixel."""


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
