"""The two lowest pairs of ribs."""

from itertools import pairwise

import numpy as np

from ..person.anthropometry import LABELS
from ..person.person import Person
from ..rendering.shapes import WORLD, Part, capsule, ellipsoid
from .curves import points_along
from .materials import RIB_HU, mean_materials

# Rib paths, left, mm from the middle of their vertebra's body in upright axes.
_RIBS = {
    "T11": ((21, 19, 6), (40, 36, 0), (76, 44, -14), (110, 28, -36), (128, -8, -62), (124, -40, -84)),
    "T12": ((23, 20, 3), (40, 36, -4), (66, 44, -20), (90, 38, -42), (104, 24, -60)),
}


def ribs(person: Person) -> list[Part]:
    """Both pairs; the length of the twelfth varies most."""
    random, materials, parts = person.random("ribs"), mean_materials(person), list[Part]()
    for level, path in _RIBS.items():
        for side in (-1.0, 1.0):
            keep = int(random.integers(3, 6)) if level == "T12" else len(path)
            swing = [side * person.scale, person.scale, person.scale * random.normal(1, 0.12)]
            line = points_along(np.array(path[:keep], dtype=float) * swing + person.frames[level].origin, 3 * keep)
            rods = [capsule(start, end, (2.6, 5.4), flat_along=(side, 1, 0)) for start, end in pairwise(line)]
            head = ellipsoid(line[0], (4.5, 4.5, 5.0))
            made = tuple(
                rod.made_of(shell_mm=materials.arch.shell_mm * 0.9, inner_hu=materials.body.inner_hu * 0.6)
                for rod in [head, *rods]
            )
            parts.append(Part(made, RIB_HU, label=LABELS["ribs"], blend_mm=1.5, shell_variation=0.2, frame=WORLD))
    return parts
