"""DistErr: the distance between matched corners of two images and, apart from that, between their descriptors.

*Audited* (``corner_distance``): corners of both images (ORB; SURF), each other's nearest by descriptor among those
within reach; of these pairs the ``BEST`` with the nearest descriptors, and the median distance between their two
points, in pixels of that image. Neither a ratio nor a common motion is demanded: far poses, too, have a distance, which
then is that of chance pairs within reach.

*Paper-compatible* (``descriptor_distance``): what SOPI's public code computes under the name DistErr: SURF, nearest by
a ratio, the mean of the 20 smallest *descriptor* distances times 0.19959. That factor is a pixel spacing in mm, but a
distance between descriptors is not a length: the number is not in mm.
"""

import numpy as np

from bench.contract import Image
from bench.metrics.keypoints import Bytes, Keypoints, Valid, match

BEST = 20
MIN_MATCHES = 8

PAPER_RATIO = 0.75
PAPER_MATCHES = 20
PAPER_FACTOR = 0.19959


def eight_bit(image: Image, valid: Valid | None = None) -> Bytes:
    """Grey values from 0 to 255 between the smallest and the largest valid pixel, as SOPI's code makes them."""
    seen = image if valid is None or not valid.any() else image[valid]
    low, high = float(seen.min()), float(seen.max())
    scaled = (image - low) * (255 / max(high - low, 1e-6))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def corner_distance(fixed: Keypoints, moving: Keypoints, *, reach_px: float) -> float:
    """DistErr in pixels, as the module's docstring describes; NaN below ``MIN_MATCHES`` pairs.

    Args:
        fixed: Of one image.
        moving: Of the other, by the same detector.
        reach_px: Corners farther apart are no pair.
    """
    found = match(fixed, moving, ratio=None, mutual=True, reach_px=reach_px)
    if found.distance.size < MIN_MATCHES:
        return float("nan")
    best = np.argsort(found.distance, kind="stable")[:BEST]
    apart = fixed.points[found.first[best]] - moving.points[found.second[best]]
    return float(np.median(np.linalg.norm(apart, axis=1)))


def descriptor_distance(fixed: Keypoints, moving: Keypoints) -> float:
    """SOPI's DistErr, from SURF keypoints; not in mm: NaN without a match, of all matches where fewer than 20."""
    found = match(fixed, moving, ratio=PAPER_RATIO, mutual=False)
    if not found.distance.size:
        return float("nan")
    return float(np.sort(found.distance)[:PAPER_MATCHES].mean()) * PAPER_FACTOR
