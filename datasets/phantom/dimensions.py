"""Dimensions of a patient's vertebrae at landmarks and on labels, and the published range that each should lie in."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from bench.contract import Patient
from bench.geometry import Matrix

from . import label_dimensions as on_labels
from .person.anthropometry import LABELS, statuses
from .person.anthropometry import published as figures_of

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
_ON_LABELS: Mapping[str, Callable[[on_labels.Site], float]] = {
    "pedicle_width": on_labels.pedicle_width,
    "pedicle_height": on_labels.pedicle_height,
    "canal_width": on_labels.canal_width,
    "canal_depth": on_labels.canal_depth,
}
_OTHERS = ("spinous_length", "disc_height", "segment_lordosis", "volume")
_UNITS = {"segment_lordosis": "degrees", "volume": "ml"}
NAMES = (*_BETWEEN, *_ON_LABELS, *_OTHERS)


def measured(patient: Patient) -> dict[Dimension, float]:
    """Dimensions by (dimension, level), mm (lordosis: degrees, volume: ml); what cannot be measured is left out."""
    landmarks = patient.landmarks[0]
    points: dict[str, Matrix] = dict(zip(landmarks.point_names, landmarks.points, strict=True))
    found: dict[Dimension, float] = {}
    for name, ends in _BETWEEN.items():
        for level in LUMBAR:
            first, second = (points.get(f"{level} {end}") for end in ends)
            if first is not None and second is not None:
                found[name, level] = float(np.linalg.norm(first - second))
    return found | _lordosis(points) | _labelled(points, patient)


def published() -> dict[Dimension, tuple[float, float]]:
    """Mean of the smaller sex - 2 SD and of the larger one + 2 SD by (dimension, level), in units of ``measured``."""
    ranges: dict[Dimension, tuple[float, float]] = {}
    for name in NAMES:
        for level in LUMBAR:
            if (name, level, True) in figures_of():
                sexes = [figures_of()[name, level, male] for male in (False, True)]
                ranges[name, level] = (
                    min(each.mean - 2 * each.sd for each in sexes),
                    max(each.mean + 2 * each.sd for each in sexes),
                )
    return ranges


def described(name: str) -> str:
    """A dimension with its unit and the basis of its figures, such as ``canal depth (mm) [verified]``."""
    kinds = [statuses()[name, level] for level in LUMBAR if (name, level) in statuses()]
    count = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    rest = "; ".join(kind if n == len(kinds) else f"{kind}: {n} of {len(kinds)}" for kind, n in count.items())
    return f"{name.replace('_', ' ')} ({_UNITS.get(name, 'mm')}) [{rest}]"


def _lordosis(points: Mapping[str, Matrix]) -> dict[Dimension, float]:
    """Degrees between the upper endplates of neighbours, in the sagittal plane."""
    tilts: dict[str, float] = {}
    for level in LUMBAR:
        front, back = (points.get(f"{level} upper endplate {side}") for side in ("anterior", "posterior"))
        if front is not None and back is not None:
            tilts[level] = float(np.degrees(np.arctan2(front[2] - back[2], back[1] - front[1])))
    return {
        ("segment_lordosis", level): tilts[level] - tilts[below]
        for level, below in pairwise(LUMBAR)
        if level in tilts and below in tilts
    }


def _labelled(points: Mapping[str, Matrix], patient: Patient) -> dict[Dimension, float]:
    found: dict[Dimension, float] = {}
    six = "L6 spinous tip" in points
    for level, below in pairwise((*LUMBAR, "L6" if six else "sacrum")):
        place = on_labels.site(points, patient.volume, level, LABELS[level])
        if place is None:
            continue
        for name, measure in _ON_LABELS.items():
            found[name, level] = measure(place)
        found["volume", level] = on_labels.volume_ml(place)
        found["disc_height", level] = on_labels.disc_height(place, LABELS[below])
        tip = (points[f"{level} spinous tip"] - place.origin) @ place.axes[1]
        found["spinous_length", level] = float(tip + 2.0 - on_labels.canal_back(place))
    return found
