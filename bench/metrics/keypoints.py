"""Keypoints with descriptors, and matching of two images' keypoints."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from bench.geometry import Matrix

Bytes: TypeAlias = NDArray[np.uint8]
Indices: TypeAlias = NDArray[np.intp]
Valid: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Corners of one image.

    Attributes:
        points: (n, 2), column and row, pixels, the centre of pixel (0, 0) at (0, 0).
        descriptors: (n, d): real numbers, or bits as 0 and 1.
        metric: How descriptors are compared: ``euclidean``, or ``hamming`` for bits.
    """

    points: Matrix
    descriptors: Matrix
    metric: Literal["euclidean", "hamming"]

    def within(self, valid: Valid | None) -> "Keypoints":
        """Those on valid pixels; all without a mask."""
        if valid is None or not len(self.points):
            return self
        column, row = np.rint(self.points).astype(int).T
        inside = valid[row.clip(0, valid.shape[0] - 1), column.clip(0, valid.shape[1] - 1)]
        return Keypoints(self.points[inside], self.descriptors[inside], self.metric)

    def distances(self, other: "Keypoints") -> Matrix:
        """(n, m) distances between descriptors of both: Euclidean, or counts of different bits in single precision."""
        # Counts of bits are exact in single precision, which halves the time of the product.
        kind = np.float32 if self.metric == "hamming" else np.float64
        mine: NDArray[Any] = self.descriptors.astype(kind, copy=False)
        theirs: NDArray[Any] = other.descriptors.astype(kind, copy=False)
        squared = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None] - 2 * mine @ theirs.T
        found = np.maximum(squared, 0)
        return np.asarray(found if self.metric == "hamming" else np.sqrt(found))


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of keypoints: ``first[i]`` of one image and ``second[i]`` of the other, ``distance[i]`` apart."""

    first: Indices
    second: Indices
    distance: Matrix


def match(
    fixed: Keypoints, moving: Keypoints, *, ratio: float | None, mutual: bool, reach_px: float = np.inf
) -> Matches:
    """Match each keypoint of ``fixed`` with its nearest of ``moving``.

    Args:
        fixed: Of one image.
        moving: Of the other, by the same detector.
        ratio: The nearest must be closer than this share of the second nearest (Lowe 2004); None = whatever it is.
        mutual: Whether each must also be the other's nearest.
        reach_px: Points farther apart are no candidates of each other.

    Returns:
        The matches; none where ``moving`` has fewer than two keypoints, because no ratio exists then.
    """
    if not len(fixed.points) or len(moving.points) < 2:
        nothing = np.zeros(0, dtype=np.intp)
        return Matches(nothing, nothing, np.zeros(0))
    distances = fixed.distances(moving)
    if np.isfinite(reach_px):
        distances[cdist(fixed.points, moving.points) > reach_px] = np.inf
    nearest, rows = distances.argmin(axis=1), np.arange(len(distances))
    closest = distances[rows, nearest]
    kept = np.isfinite(closest) if ratio is None else closest < ratio * np.partition(distances, 1, axis=1)[:, 1]
    if mutual:
        kept &= distances.argmin(axis=0)[nearest] == rows
    return Matches(rows[kept], nearest[kept], closest[kept].astype(np.float64, copy=False))
