"""Dimensions of a patient's vertebrae, and the published range that each should lie in."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix

from .v3.anthropometry import table

Dimension: TypeAlias = tuple[str, str]

LUMBAR = ("L1", "L2", "L3", "L4", "L5")
# A dimension of the table and the two landmarks whose distance it is.
_BETWEEN: Mapping[str, tuple[str, str]] = {
    "upper_width": ("upper endplate left", "upper endplate right"),
    "lower_width": ("lower endplate left", "lower endplate right"),
    "upper_depth": ("upper endplate anterior", "upper endplate posterior"),
    "lower_depth": ("lower endplate anterior", "lower endplate posterior"),
    "posterior_height": ("upper endplate posterior", "lower endplate posterior"),
    "transverse_span": ("transverse tip left", "transverse tip right"),
}
# The landmark stands 1 mm within the tip.
_SHORT_MM = {"transverse_span": 2.0}


def measured(landmarks: LandmarkSet) -> dict[Dimension, float]:
    """Distances between named landmarks by (dimension, level), mm; levels without landmarks are left out."""
    points: dict[str, Matrix] = dict(zip(landmarks.point_names, landmarks.points, strict=True))
    found: dict[Dimension, float] = {}
    for name, ends in _BETWEEN.items():
        for level in LUMBAR:
            first, second = (points.get(f"{level} {end}") for end in ends)
            if first is not None and second is not None:
                found[name, level] = float(np.linalg.norm(first - second)) + _SHORT_MM.get(name, 0.0)
    return found


def published() -> dict[Dimension, tuple[float, float]]:
    """Mean of the smaller sex - 2 SD and of the larger one + 2 SD, mm, by (dimension, level)."""
    ranges: dict[Dimension, tuple[float, float]] = {}
    for name in _BETWEEN:
        for level in LUMBAR:
            figures = [table()[name, level, male] for male in (False, True)]
            ranges[name, level] = (
                min(each.mean - 2 * each.sd for each in figures),
                max(each.mean + 2 * each.sd for each in figures),
            )
    return ranges
