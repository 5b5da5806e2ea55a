"""Distance between matched corners of two images and, apart from that, between their descriptors.

*Audited*: corners of both images (ORB; SURF), matched (nearest with a ratio, mutual), kept where one motion explains
them (RANSAC), and the mean distance between matched corners, in pixels of that image. Undefined below
``MIN_MATCHES``: a handful of matches may be chance.

*Paper-compatible* (``descriptor_distance``): what SOPI's public code computes under the name DistErr: SURF, nearest by
a ratio, the mean of the 20 smallest *descriptor* distances times 0.19959. That factor is a pixel spacing in mm, but a
distance between descriptors is not a length: the number is not in mm.
"""

from dataclasses import dataclass

import numpy as np

from bench.contract import Image
from bench.metrics.keypoints import Bytes, Keypoints, Valid, match

RATIO = 0.8
RANSAC_PX = 3.0
MIN_MATCHES = 8

PAPER_RATIO = 0.75
PAPER_MATCHES = 20
PAPER_FACTOR = 0.19959


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerDistance:
    """Distance of matched corners.

    Attributes:
        matches: Number of matches that RANSAC kept.
        distance_px: Their mean distance, pixels; NaN below ``MIN_MATCHES``.
    """

    matches: int
    distance_px: float


def eight_bit(image: Image, valid: Valid | None = None) -> Bytes:
    """Grey values from 0 to 255 between the smallest and the largest valid pixel, as SOPI's code makes them."""
    seen = image if valid is None or not valid.any() else image[valid]
    low, high = float(seen.min()), float(seen.max())
    scaled = (image - low) * (255 / max(high - low, 1e-6))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def corner_distance(fixed: Keypoints, moving: Keypoints) -> CornerDistance:
    """Match two images' keypoints and measure their distance, as the module's docstring describes."""
    from bench.metrics.orb import consistent

    found = match(fixed, moving, ratio=RATIO, mutual=True)
    first, second = fixed.points[found.first], moving.points[found.second]
    kept = consistent(first, second, tolerance_px=RANSAC_PX)
    count = int(kept.sum())
    if count < MIN_MATCHES:
        return CornerDistance(matches=count, distance_px=float("nan"))
    return CornerDistance(matches=count, distance_px=float(np.linalg.norm(first[kept] - second[kept], axis=1).mean()))


def descriptor_distance(fixed: Keypoints, moving: Keypoints) -> float:
    """SOPI's DistErr, from SURF keypoints; not in mm: NaN without a match, of all matches where fewer than 20."""
    found = match(fixed, moving, ratio=PAPER_RATIO, mutual=False)
    if not found.distance.size:
        return float("nan")
    return float(np.sort(found.distance)[:PAPER_MATCHES].mean()) * PAPER_FACTOR
