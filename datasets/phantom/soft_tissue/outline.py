"""Outline of the trunk, drawn from a person's build.

The middle half of the bodies measures 204 to 261 mm from front to back before the last step; along the beam they were
a tenth thinner than two real CTs. That step enlarges the lean most: few adults measure less than 190 mm there, supine.
"""

from dataclasses import dataclass

import numpy as np

from ..person.person import Person
from ..rendering.shapes import EVERYWHERE, TRUNK, Frame, Shape

# Depth of the body as drawn and as made, mm, and which share of the difference lies in front.
_DRAWN_MM, _DEPTH_MM, _IN_FRONT = (150.0, 234.0, 310.0), (184.0, 245.0, 276.0), 0.6
# Subcutaneous fat as drawn and as made, mm: what is added to the depth is muscle and abdominal content.
_LAYER_DRAWN_MM, _LAYER_MM = (3.0, 20.0, 66.0), (4.5, 19.5, 48.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The trunk at the height of L3, mm from the middle of its body.

    Attributes:
        side: Half-width.
        front: Depth before.
        back: Depth behind.
        layer: Subcutaneous fat at the front.
        behind: That at the back, relative to the front.
        wall: Thickness of the abdominal muscles.
        flare: How much broader 100 mm below.
        shift: Of the outline to the left, against the spine.
        turn: Of the outline about the long axis, radians.
        square: Power of the superellipse behind: 2 is round.
    """

    side: float
    front: float
    back: float
    layer: float
    behind: float
    wall: float
    flare: float
    shift: float
    turn: float
    square: float

    def inside(self, depth: float) -> Shape:
        """The outline moved inwards by about ``depth`` mm, less at the back where the fat is thinner."""
        numbers = (
            self.side - 0.85 * depth, -self.flare, 6.0,
            self.front - depth, 3.0, -3.0,
            self.back - self.behind * depth, -3.0, 2.0, 2.3, self.square,
        )  # fmt: skip
        c, s = np.cos(self.turn), np.sin(self.turn)
        axes = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        return Shape(TRUNK, Frame(np.array([self.shift, 0.0, 0.0]), axes), numbers, EVERYWHERE)


def draw_outline(person: Person) -> Outline:
    """Fat lies inside or under the skin, as the person's; visceral fat makes a trunk deep, not broad."""
    random, s = person.random("trunk"), person.scale
    inside, under = person.fat * person.visceral, person.fat * (1 - person.visceral)
    layer = 3 + 78 * under * random.uniform(0.75, 1.25)
    behind = float(random.uniform(0.35, 1.15))
    side = (126 + 60 * person.fat) * s + random.normal(0, 6)
    front = (91 + 95 * inside) * s + 0.9 * layer + random.normal(0, 9)
    back = (67 + 4 * person.fat) * s + behind * layer + 14 * person.muscle + random.normal(0, 3)
    depth = front + back
    added = float(np.interp(depth, _DRAWN_MM, _DEPTH_MM)) - depth
    return Outline(
        side=side,
        front=front + _IN_FRONT * added,
        back=back + (1 - _IN_FRONT) * added,
        layer=float(np.interp(layer, _LAYER_DRAWN_MM, _LAYER_MM)),
        behind=behind,
        wall=7 + 11 * person.muscle,
        flare=float(random.normal(5 if person.male else 11, 5)),
        shift=float(random.normal(0, 4)),
        turn=float(random.normal(0, 0.035)),
        square=float(random.uniform(2.2, 2.9)),
    )
