"""Named anatomical landmarks, known exactly because the patient was built from them: version 2's, tips on new ends."""

import numpy as np

from bench.contract import LandmarkSet

from ..v2 import landmarks as second
from .arch import fused, fusion, spinous, transverse_tip
from .person import Person


def anatomical(person: Person) -> LandmarkSet:
    """Endplate corners, pedicle centres and process tips of all lumbar vertebrae, named such as ``L3 pedicle left``."""
    found = second.anatomical(person)
    points = dict(zip(found.point_names, found.points, strict=True))
    for level in person.levels:
        if not level.startswith("L"):
            continue
        frame, (sway, rear, low) = person.frames[level], spinous(person, level).end
        points[f"{level} spinous tip"] = frame.to_world((sway, rear + 2.0, low - 1.0))
        x, y, z = transverse_tip(person, level)
        for name, side in (("left", 1.0), ("right", -1.0)):
            tip = fusion(person, side) if fused(person, level) else frame.to_world((side * (x + 1.9), y, z))
            points[f"{level} transverse tip {name}"] = tip
    return LandmarkSet(found.name, np.stack(list(points.values())), found.point_names)
