"""Named anatomical landmarks, known exactly because the patient was built from them."""

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix

from .person import Person
from .spine import heights


def anatomical(person: Person) -> LandmarkSet:
    """Endplate corners, pedicle centres and process tips of all lumbar vertebrae, named such as ``L3 pedicle left``."""
    names: list[str] = []
    points: list[Matrix] = []
    for level in person.levels:
        if level.startswith("L"):
            for name, local in _local(person, level).items():
                names.append(f"{level} {name}")
                points.append(person.frames[level].to_world(local))
    return LandmarkSet("anatomical", np.stack(points), tuple(names))


def _local(person: Person, level: str) -> dict[str, tuple[float, float, float]]:
    """Points in the vertebra's frame, mm."""
    size = person.vertebrae[level]
    front, back = (height / 2 for height in heights(size, person.fractures.get(level)))
    middle = (front + back) / 2
    across = (size.canal_width + size.pedicle_width) / 2
    tip = size.wall + size.canal_depth + size.spinous_length
    points = {
        "upper endplate anterior": (0.0, -size.upper_depth / 2, front),
        "upper endplate posterior": (0.0, size.upper_depth / 2, back),
        "lower endplate anterior": (0.0, -size.lower_depth / 2, -front),
        "lower endplate posterior": (0.0, size.lower_depth / 2, -back),
        "spinous tip": (0.0, tip - 2.0, -11.0),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"upper endplate {side}"] = (sign * size.upper_width / 2, 0.0, middle)
        points[f"lower endplate {side}"] = (sign * size.lower_width / 2, 0.0, -middle)
        points[f"pedicle {side}"] = (sign * across, size.wall + 2.0, middle * 0.4)
        points[f"transverse tip {side}"] = (
            sign * (size.transverse_span / 2 - 1.0), size.wall + 10.5, middle * 0.15 + 3.0,
        )  # fmt: skip
    return points
