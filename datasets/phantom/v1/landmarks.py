"""Named anatomical landmarks, known exactly because the patient was built from them."""

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix

from .anthropometry import Dimensions
from .person import Person

LANDMARK_LEVELS = ("L1", "L2", "L3", "L4", "L5")


def anatomical(person: Person) -> LandmarkSet:
    """Endplate corners, pedicle centres and process tips of L1 to L5, named such as ``L3 pedicle left``."""
    names: list[str] = []
    points: list[Matrix] = []
    for level in LANDMARK_LEVELS:
        for name, local in _local(person.vertebrae[level]).items():
            names.append(f"{level} {name}")
            points.append(person.frames[level].to_world(local))
    return LandmarkSet("anatomical", np.stack(points), tuple(names))


def _local(size: Dimensions) -> dict[str, tuple[float, float, float]]:
    """Points in the vertebra's frame, mm."""
    wall, half = (size.upper_depth + size.lower_depth) / 4, size.height / 2
    front = half + size.wedge_mm / 2
    across = (size.canal_width + size.pedicle_width) / 2
    points = {
        "upper endplate anterior": (0.0, -size.upper_depth / 2, front),
        "upper endplate posterior": (0.0, size.upper_depth / 2, half),
        "lower endplate anterior": (0.0, -size.lower_depth / 2, -front),
        "lower endplate posterior": (0.0, size.lower_depth / 2, -half),
        "spinous tip": (0.0, wall + size.canal_depth + size.spinous_length, -12.0),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"upper endplate {side}"] = (sign * size.upper_width / 2, 0.0, (half + front) / 2)
        points[f"lower endplate {side}"] = (sign * size.lower_width / 2, 0.0, -(half + front) / 2)
        points[f"pedicle {side}"] = (sign * across, wall + 1.0, half * 0.38)
        points[f"transverse tip {side}"] = (sign * size.transverse_span / 2, wall + 12.0, half * 0.18)
    return points
