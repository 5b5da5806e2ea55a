"""What version 4's arch lacks beside the mean shape of 87 patients: stouter upper articular processes, a taller blade.

On the mean shape of L2 to L5 (Clouthier et al., J Biomech 146, 2023) 23 to 26 ml lie behind the body's back wall, in
version 4, labelled as there, 20 to 22: coronal cuts lack a tenth where the articular processes stand and a quarter of
the spinous process, whose mean height is printed as 23.5 mm.
"""

import numpy as np

from bench.geometry import Matrix

from ..v2.regions import ARTICULAR, SPINOUS
from ..v2.shapes import Part, Shape, capsule, soft
from ..v2.spine import heights
from ..v4.arch import joint_below, spinous
from ..v4.bone import Bone
from .person import Person

# How far the middle of the added post stands from the joint's, mm: it must not reach into the joint.
_BESIDE_MM = 7.2
# Between two spinous processes at least.
_APART_MM = 5.8
_LIGAMENT_HU = 40.0


def blade(person: Person, level: str, bone: Bone) -> list[Shape]:
    """A taller, thicker spinous process on the course of version 4's, in the world; the last one stays short."""
    if level == person.levels[-1]:
        return []
    course = spinous(person, level)
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    start, end = (0.0, front + 3.0, high + 0.5), (sway, rear - 2.0, low - 0.5)
    shape = capsule(start, end, (2.8, 1.12 * tall), (2.5, 1.05 * tall))
    made = shape.made_of(shell_mm=bone.spinous.shell_mm, inner_hu=bone.spinous.inner_hu).of_region(SPINOUS)
    return [made.within(person.frames[level])]


def post(person: Person, level: str, side: float, bone: Bone) -> list[Shape]:
    """From the end of the pedicle up along the outside of the upper articular process (+1 left), in the world."""
    place = person.levels.index(level)
    if place == 0:
        return []
    joint = joint_below(person, person.levels[place - 1], side)
    root = _root(person, level, side)
    top = joint.centre + _BESIDE_MM * joint.normal + 0.3 * joint.half_height * joint.along
    shape = capsule(root, top, (5.0, 5.0), (3.2, 5.2), flat_along=joint.normal)
    return [shape.made_of(shell_mm=bone.lamina.shell_mm, inner_hu=bone.lamina.inner_hu).of_region(ARTICULAR)]


def _root(person: Person, level: str, side: float) -> Matrix:
    """World point where a pedicle ends and its processes begin."""
    size, half = person.vertebrae[level], sum(heights(person.vertebrae[level], person.fractures.get(level))) / 4
    across = (size.canal_width + size.pedicle_width) / 2
    return np.asarray(person.frames[level].to_world((side * (across + 1.2), size.wall + 9.0, 0.35 * half)))


def interspinous(person: Person, upper: str, lower: str) -> Shape:
    """What keeps two spinous processes apart in a hollow back: a gap, in the world, that is carved from both."""
    front, rear = (
        (_border(person, upper, share, below=True) + _border(person, lower, share, below=False)) / 2
        for share in (0.12, 1.1)
    )
    up, half = person.frames[upper].axes[2] + person.frames[lower].axes[2], _APART_MM / 2
    return capsule(front, rear, (half, 7.0), (half, 12.0), flat_along=up).carving()


def _border(person: Person, level: str, share: float, *, below: bool) -> Matrix:
    """World point of a spinous process's lower or upper edge at a share of its course."""
    course = spinous(person, level)
    root, end = np.array(course.root), np.array(course.end)
    edge = -0.85 * course.tall - 3.2 if below else 1.08 * course.tall
    return np.asarray(person.frames[level].to_world(root + share * (end - root) + [0, 0, edge]))


def ligament(person: Person, level: str) -> list[Part]:
    """What parts the last lamina and spinous process from the sacrum's roof and crest, which are painted before."""
    if level != person.levels[-1]:
        return []
    size, course, frame = person.vertebrae[level], spinous(person, level), person.frames[level]
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    sunk, wide = low - 0.85 * tall, 0.36 * size.canal_width
    shapes = (
        capsule((0, front + 4.0, high), (sway, rear + 1.0, low), (4.2, tall + 1.8), (4.2, tall + 1.8)),
        capsule((0, front + 1.0, high - 0.95 * tall), (sway, rear - 1.0, sunk), (6.4, 6.0), (5.4, 5.2)),
        *(
            capsule((side * wide, front - 4.0, -6.0), (0, front + 4.0, -8.0), (5.4, 9.5), flat_along=(side, 1, 0.4))
            for side in (-1.0, 1.0)
        ),
    )
    part = soft(tuple(shape.within(frame) for shape in shapes), _LIGAMENT_HU)
    return [Part(part.shapes, part.shell_hu, label=-1, blend_mm=1.0)]
