"""Facet joints: each has one frame, shared by the two vertebrae (or by the last one and the sacrum) that meet in it.

Both articular processes and the cartilage between them are built about the joint's frame, so that the gap stays open in
every posture. Its plane turns from nearly sagittal at T12/L1 to nearly coronal at L5/S1 (angles of the textbooks, such
as Bogduk, Clinical Anatomy of the Lumbar Spine; entered from memory); at T11/T12 it is coronal.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..person.fractures import heights
from ..person.person import Person
from ..rendering.shapes import Part, Shape, capsule, soft
from .materials import CARTILAGE_HU

# Half the thickness of an articular process.
PLATE_MM = 3.5
# Angle of the joint below a level against the sagittal plane, degrees.
_FACET_DEG = {"T11": 75.0, "T12": 25.0, "L1": 25.0, "L2": 30.0, "L3": 37.0, "L4": 46.0, "L5": 53.0, "L6": 53.0}
_GAP_MM = 2.2
# Joints above the last one stand farther back: there areas of coronal cuts through two L3 in CT are largest.
_BEHIND_MM = 2.8


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A facet joint in the world.

    Attributes:
        centre: World mm.
        normal: Unit vector across the gap, from the lower process of the vertebra above to the upper one of that below.
        along: Unit vector up.
        half_height: Half of its height, mm.
        half_breadth: Half of its breadth, mm.
        gap: Width of the joint space, mm.
    """

    centre: Matrix
    normal: Matrix
    along: Matrix
    half_height: float
    half_breadth: float
    gap: float


def joint_below(person: Person, level: str, side: float) -> Joint:
    """The facet joint between a level and the next one (or the sacrum), side +1 left, -1 right."""
    random, wear = person.random(f"joint{level}{side:+.0f}"), person.wear[level]
    place = person.levels.index(level)
    below = person.levels[place + 1] if place + 1 < len(person.levels) else "sacrum"
    turn = np.radians(_FACET_DEG[level] + random.normal(0, 6))
    left, back, up = (row / np.linalg.norm(row) for row in person.frames[level].axes + person.frames[below].axes)
    normal = side * np.cos(turn) * left - np.sin(turn) * back
    normal = normal - (normal @ up) * up
    centre, half_height = _middle(person, level, below, (side, float(np.sin(turn)))), 7.2 * person.scale
    if below in person.vertebrae:
        behind = person.frames[level].axes[1] + person.frames[below].axes[1]
        centre = centre + _BEHIND_MM * person.scale * behind / np.linalg.norm(behind)
        half_height *= 1.08
    return Joint(
        centre, normal / np.linalg.norm(normal), up, half_height, 5.8 * person.scale * (1 + 0.25 * wear),
        _GAP_MM * (1 - 0.45 * wear),
    )  # fmt: skip


def _middle(person: Person, level: str, below: str, turned: tuple[float, float]) -> Matrix:
    """World point halfway between the two vertebrae; ``turned``: side and the sine of the joint's angle."""
    side, coronal = turned
    size, share = person.vertebrae[level], person.vertebrae[level].disc_height / 2
    x = size.canal_width / 2 + 2.5 + 2.5 * coronal
    y = size.wall + size.canal_depth * 0.78 + 1.0 * coronal
    low = -sum(heights(size, person.fractures.get(level))) / 4
    high = 0.0
    if below in person.vertebrae:
        high = sum(heights(person.vertebrae[below], person.fractures.get(below))) / 4
    upper, lower = person.frames[level], person.frames[below]
    return np.asarray(0.5 * (upper.to_world((side * x, y, low - share)) + lower.to_world((side * x, y, high + share))))


def plate(joint: Joint, offset: float, thick: float = PLATE_MM, *, extra: float = 0.0) -> Shape:
    """A plate along a joint, ``offset`` mm from its middle, ``2 * thick`` mm thick and ``2 * extra`` mm broader."""
    middle, reach = joint.centre + offset * joint.normal, (joint.half_height - thick) * joint.along
    return capsule(middle + reach, middle - reach, (thick, joint.half_breadth + extra), flat_along=joint.normal)


def joint_spaces(person: Person, level: str) -> Part:
    """Cartilage of the joints below a level; replaces the bone painted before and takes its label away."""
    joints = [joint_below(person, level, side) for side in (-1.0, 1.0)]
    spaces = tuple(plate(joint, 0.0, joint.gap / 2 + 0.15, extra=0.8) for joint in joints)
    part = soft(spaces, CARTILAGE_HU)
    return Part(part.shapes, part.shell_hu, label=-1, blend_mm=0.5)
