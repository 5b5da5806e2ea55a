"""Named anatomical landmarks: version 4's, the rear corners of the endplates where the canal leaves bone there."""

import numpy as np

from bench.contract import LandmarkSet

from ..v4 import landmarks as fourth
from .person import Person

# The canal is carved so much into the line between the corners that version 4 names.
_HOLLOW_MM = 1.4


def anatomical(person: Person) -> LandmarkSet:
    """Endplate corners, pedicle centres and process tips of all lumbar vertebrae, named such as ``L3 pedicle left``."""
    found = fourth.anatomical(person)
    points = [
        point - _HOLLOW_MM * person.frames[name.split()[0]].axes[1] if name.endswith("endplate posterior") else point
        for name, point in zip(found.point_names, found.points, strict=True)
    ]
    return LandmarkSet(found.name, np.stack(points), found.point_names)
