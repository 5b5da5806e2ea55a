"""OpenCV, which has no usable types: ORB keypoints, and the matches that agree on one motion.

E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011; M. Fischler and R. Bolles, "Random sample
consensus", CACM 24 (1981).
"""

from typing import Any

import cv2
import numpy as np

from bench.geometry import Matrix
from bench.metrics.keypoints import Bytes, Keypoints, Valid

MAX_KEYPOINTS = 1000
# Of FAST; OpenCV's own 20 finds next to nothing in a noisy X-ray or on the flat bone of a rendered one.
FAST_THRESHOLD = 7

_cv2: Any = cv2


def orb_keypoints(image: Bytes) -> Keypoints:
    """ORB's oriented corners with their 256 bits.

    Args:
        image: (H, W), 8 bits.
    """
    detector = _cv2.ORB_create(nfeatures=MAX_KEYPOINTS, fastThreshold=FAST_THRESHOLD)
    found, packed = detector.detectAndCompute(np.ascontiguousarray(image), None)
    if packed is None:
        return Keypoints(np.zeros((0, 2)), np.zeros((0, 256)), "hamming")
    bits = np.unpackbits(np.asarray(packed, dtype=np.uint8), axis=1)
    return Keypoints(np.array([each.pt for each in found]), bits.astype(np.float64), "hamming")


def consistent(first: Matrix, second: Matrix, *, tolerance_px: float) -> Valid:
    """Which pairs of points (n, 2) one shift, rotation and scale explains: RANSAC's inliers; none below two pairs."""
    if len(first) < 2:
        return np.zeros(len(first), dtype=np.bool_)
    _, inliers = _cv2.estimateAffinePartial2D(
        first, second, method=_cv2.RANSAC, ransacReprojThreshold=tolerance_px, maxIters=2000, confidence=0.999
    )
    if inliers is None:
        return np.zeros(len(first), dtype=np.bool_)
    return np.asarray(inliers, dtype=np.bool_).reshape(-1)
