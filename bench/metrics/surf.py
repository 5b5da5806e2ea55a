"""Mahotas, which has no types: SURF keypoints. OpenCV's wheels leave SURF out.

H. Bay et al., "SURF: Speeded Up Robust Features", CVIU 110 (2008).
"""

from typing import Any

import numpy as np

from bench.geometry import Matrix
from bench.metrics.keypoints import Bytes, Keypoints

MAX_KEYPOINTS = 1000
# Columns of mahotas' rows: row, column, scale, score, sign of the Laplacian, angle, then 64 descriptors.
_FIRST_DESCRIPTOR = 6


def surf_keypoints(image: Bytes) -> Keypoints:
    """SURF's blobs with their 64 numbers, of unit length.

    Args:
        image: (H, W), 8 bits.
    """
    from mahotas.features import surf  # pyright: ignore[reportMissingTypeStubs]

    library: Any = surf
    rows: Matrix = np.asarray(library.surf(np.ascontiguousarray(image), max_points=MAX_KEYPOINTS), dtype=np.float64)
    # An image without any gives an array of another width.
    if rows.ndim != 2 or not rows.size:
        return Keypoints(np.zeros((0, 2)), np.zeros((0, 64)), "euclidean")
    return Keypoints(rows[:, [1, 0]], rows[:, _FIRST_DESCRIPTOR:], "euclidean")
