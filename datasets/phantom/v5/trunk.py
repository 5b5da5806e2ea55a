"""The soft parts of version 5: version 4's outline, stouter in the lean, and the box that is cut out about the body.

The middle half of version 4's bodies measured 204 to 261 mm from front to back; along the beam they were a tenth
thinner than two real CTs. The lean gain most here: few adults measure less than 190 mm there, lying on the back.
"""

from dataclasses import replace

import numpy as np

from bench.geometry import Matrix

from ..v2.options import PatientOptions
from ..v2.shapes import Part
from ..v3.generate import BOX_CENTRE
from ..v3.organs import organs

# Version 3 and 4 are frozen and keep these to themselves; a copy would be worse.
from ..v3.trunk import _canal as canal  # pyright: ignore[reportPrivateUsage]
from ..v4 import trunk as fourth
from ..v4.trunk import Outline
from ..v4.trunk import _column as column  # pyright: ignore[reportPrivateUsage]
from ..v4.trunk import _layers as layers  # pyright: ignore[reportPrivateUsage]
from .bowel import bowel
from .muscles import muscles
from .person import Person
from .vessels import vessels

# Depth of version 4's body and what is made of it, mm, and how much of what is added lies in front.
_DREW_MM, _DEEP_MM = (150.0, 234.0, 310.0), (184.0, 245.0, 276.0)
_IN_FRONT = 0.6
# Fat under the skin in version 4 and here, mm: what is added is flesh and what fills the belly.
_LAYER_WAS_MM, _LAYER_MM = (3.0, 20.0, 66.0), (4.5, 19.5, 48.0)
# Air that a box shows behind the back.
_AIR_MM = 3.0


def draw_outline(person: Person) -> Outline:
    """Version 4's outline, deeper: by a third of a hand in the lean, less than before in the stoutest."""
    drawn = fourth.draw_outline(person)
    depth = drawn.front + drawn.back
    added = float(np.interp(depth, _DREW_MM, _DEEP_MM)) - depth
    return replace(
        drawn, front=drawn.front + _IN_FRONT * added, back=drawn.back + (1 - _IN_FRONT) * added,
        layer=float(np.interp(drawn.layer, _LAYER_WAS_MM, _LAYER_MM)),
    )  # fmt: skip


def origin_of(person: Person, options: PatientOptions) -> Matrix:
    """World position of voxel (0, 0, 0), mm: the box stands about the body, as a scan is planned.

    Of a body that is deeper than the box the belly's skin is missing, not the back.
    """
    outline, half = draw_outline(person), 0.5 * (options.size - 1) * options.spacing_mm
    x, y, z = BOX_CENTRE
    middle = max(0.5 * (outline.back - outline.front), min(outline.back + _AIR_MM - half, y))
    return np.asarray(np.array([x, middle, z]) - half)


def soft_tissue(person: Person) -> list[Part]:
    """All soft parts; bones come after them."""
    outline = draw_outline(person)
    cavity = column(outline, outline.layer + outline.wall + 2).confining()
    under_skin = column(outline, outline.layer + 1.5).confining()
    front, side = outline.front - outline.layer, outline.side - outline.layer - outline.wall
    inside = [*organs(person, front), *bowel(person, front - outline.wall, side)]
    return [
        *layers(person, outline),
        *(part.confined(cavity) for part in inside),
        *vessels(person),
        *(part.confined(under_skin) for part in muscles(person, outline.back - outline.behind * outline.layer)),
        *canal(person),
    ]
