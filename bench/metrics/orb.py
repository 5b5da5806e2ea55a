"""OpenCV, which has no usable types: ORB keypoints, and local contrast.

E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011; K. Zuiderveld, "Contrast limited adaptive
histogram equalization", Graphics Gems IV (1994).
"""

from typing import Any

import cv2
import numpy as np

from bench.metrics.keypoints import Bytes, Keypoints

MAX_KEYPOINTS = 1000
# Of FAST; OpenCV's own 20 finds next to nothing in a noisy X-ray or on the flat bone of a rendered one.
FAST_THRESHOLD = 7
CONTRAST_LIMIT, TILES = 4.0, 8

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


def with_local_contrast(image: Bytes) -> Bytes:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994): bone has corners beside denser parts, too."""
    return np.asarray(_cv2.createCLAHE(CONTRAST_LIMIT, (TILES, TILES)).apply(np.ascontiguousarray(image)))
