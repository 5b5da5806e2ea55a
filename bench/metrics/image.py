"""Similarity of two images: correlation, and its variant in the public code of SOPI and ProST."""

import numpy as np

from bench.contract import Image
from bench.geometry import Matrix
from bench.metrics.keypoints import Valid

# Under the root of the paper's denominator.
_PAPER_EPSILON = 1e-10


def ncc_true(fixed: Image, moving: Image, valid: Valid | None = None) -> float:
    """Normalised cross-correlation over the valid pixels, in [-1, 1]; NaN where an image is constant."""
    a, b = (_centred(image, valid) for image in (fixed, moving))
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else float("nan")


def pseudo_ncc(fixed: Image, moving: Image, valid: Valid | None = None) -> float:
    """SOPI's ImgSim: sum(ab) / sum(sqrt(a^2 b^2 + 1e-10)), a and b the images scaled to [0, 1], less their means.

    The denominator sums |ab|, not products of norms: values are larger than the true NCC's wherever a and b agree in
    sign (a true NCC of 0.5 between Gaussian images reads 0.7).
    """
    a, b = (_centred(_unit(image, valid), valid) for image in (fixed, moving))
    product = a * b
    return float(product.sum() / np.sqrt(product**2 + _PAPER_EPSILON).sum())


def _centred(image: Image | Matrix, valid: Valid | None) -> Matrix:
    pixels = np.asarray(image if valid is None else image[valid], dtype=np.float64)
    return np.asarray(pixels - pixels.mean())


def _unit(image: Image, valid: Valid | None) -> Matrix:
    seen = image if valid is None else image[valid]
    low, high = float(seen.min()), float(seen.max())
    return (image.astype(np.float64) - low) / max(high - low, 1e-6)
