"""Named anatomical landmarks, known exactly because the patient was built from them."""

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix

from .bones.arch import fusion_point, is_fused, transverse_tip
from .bones.spinous import spinous_course
from .person.fractures import heights
from .person.person import Person

# The canal is carved so far into the posterior wall between the corners of the endplates.
_HOLLOW_MM = 1.4


def anatomical(person: Person) -> LandmarkSet:
    """Landmarks of all lumbar vertebrae, world mm, named such as ``L3 pedicle left``.

    Of each: anterior, posterior, left and right corners of both endplates, centres of the pedicles, tips of the spinous
    and of the transverse processes.
    """
    names: list[str] = []
    points: list[Matrix] = []
    for level in person.levels:
        if level.startswith("L"):
            for name, point in _of_level(person, level).items():
                names.append(f"{level} {name}")
                points.append(point)
    return LandmarkSet("anatomical", np.stack(points), tuple(names))


def _of_level(person: Person, level: str) -> dict[str, Matrix]:
    """World points of a vertebra, mm."""
    size, frame = person.vertebrae[level], person.frames[level]
    front, back = (height / 2 for height in heights(size, person.fractures.get(level)))
    middle, hollow = (front + back) / 2, _HOLLOW_MM * frame.axes[1]
    across = (size.canal_width + size.pedicle_width) / 2
    sway, rear, low = spinous_course(person, level).end
    points = {
        "upper endplate anterior": frame.to_world((0.0, -size.upper_depth / 2, front)),
        "upper endplate posterior": frame.to_world((0.0, size.upper_depth / 2, back)) - hollow,
        "lower endplate anterior": frame.to_world((0.0, -size.lower_depth / 2, -front)),
        "lower endplate posterior": frame.to_world((0.0, size.lower_depth / 2, -back)) - hollow,
        "spinous tip": frame.to_world((sway, rear + 2.0, low - 1.0)),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"upper endplate {side}"] = frame.to_world((sign * size.upper_width / 2, 0.0, middle))
        points[f"lower endplate {side}"] = frame.to_world((sign * size.lower_width / 2, 0.0, -middle))
        points[f"pedicle {side}"] = frame.to_world((sign * across, size.wall + 2.0, middle * 0.4))
        points[f"transverse tip {side}"] = _transverse_tip(person, level, sign)
    return points


def _transverse_tip(person: Person, level: str, side: float) -> Matrix:
    if is_fused(person, level):
        return fusion_point(person, side)
    x, y, z = transverse_tip(person, level)
    return person.frames[level].to_world((side * (x + 1.9), y, z))
