"""The vertebral arch: laminae that lean and droop, a spinous process like a hatchet, dense facets, thin blades beside.

The facet joints and the frame that both of their bones share are version 2's, and so is the sacrum that is built on
them. Local axes: x left, y posterior, z superior, origin in the middle of the body. The spinous process and the laminae
follow an L3 in a CT of 1.5 mm (heights of the borders read off at five depths), stretched to each person's numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import Frame
from ..v2 import arch as second
from ..v2.anthropometry import Dimensions
from ..v2.arch import Joint
from ..v2.regions import ARCH, ARTICULAR, SPINOUS, TRANSVERSE
from ..v2.shapes import Part, Shape, capsule, soft
from ..v2.spine import heights
from ..v2.vertebra import CARTILAGE_HU
from .bone import Bone, Stuff
from .person import Person

_PLATE_MM = 3.5
# How far the joints stand behind version 2's: areas of coronal cuts through two L3 in CT are largest that much later.
_BEHIND_MM = 2.8
# Height of a spinous process against L2 to L4.
_TALL = {"T11": 0.72, "T12": 0.85, "L1": 0.93, "L5": 0.78, "L6": 0.78}
_Point = tuple[float, float, float]


def joint_below(person: Person, level: str, side: float) -> Joint:
    """The facet joint between a level and the next one, +1 left: version 2's, farther back; at the sacrum the same."""
    joint = second.joint_below(person, level, side)
    place = person.levels.index(level) + 1
    if place == len(person.levels):
        return joint
    back = person.frames[level].axes[1] + person.frames[person.levels[place]].axes[1]
    behind = _BEHIND_MM * person.scale * back / np.linalg.norm(back)
    return replace(joint, centre=joint.centre + behind, half_height=joint.half_height * 1.08)


def soft_joint(person: Person, level: str) -> Part:
    """The joint spaces below a level: they take the place of the bone painted before."""
    joints = [joint_below(person, level, side) for side in (-1.0, 1.0)]
    spaces = tuple(_plate(joint, 0.0, joint.gap / 2 + 0.15, extra=0.8) for joint in joints)
    part = soft(spaces, CARTILAGE_HU)
    return Part(part.shapes, part.shell_hu, label=-1, blend_mm=0.5)


@dataclass(frozen=True, slots=True)
class Spinous:
    """A spinous process in its vertebra's frame, mm.

    Attributes:
        root: Where it leaves the laminae, in the middle of its height.
        end: Middle of its rear edge.
        tall: Half of its height.
        bow: How far its middle stands to the left of the line between.
    """

    root: _Point
    end: _Point
    tall: float
    bow: float


def spinous(person: Person, level: str) -> Spinous:
    """The course of a spinous process: 15 to 27 degrees down in the loins, steeper at T11."""
    size, random = person.vertebrae[level], person.random("spinous" + level)
    slope = np.radians((32.0 if level == "T11" else 15.0 if level in ("L5", "L6") else 20.0) + random.normal(0, 3.0))
    tall = 0.31 * size.posterior_height * _TALL.get(level, 1.0) * random.normal(1, 0.06)
    back, length = size.wall + size.canal_depth, size.spinous_length
    end = (float(random.normal(0, 1.6)), back + length - 4.0, float(-4.0 - np.tan(slope) * (length - 6.0)))
    return Spinous((0.0, back + 2.0, -4.0), end, float(tall), float(random.normal(0, 0.8)))


def midline(person: Person, level: str, bone: Bone) -> list[Shape]:
    """Spinous process in the vertebra's frame: a hatchet, thin above, thick along its drooping lower border."""
    course = spinous(person, level)
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    sunk = low - 0.85 * tall
    waist = (0.5 * sway + course.bow, 0.55 * front + 0.45 * rear, 0.55 * high + 0.45 * low)
    belly = (waist[0], waist[1], waist[2] - 0.9 * tall)
    blades = (
        capsule(course.root, waist, (2.3, tall), (1.8, tall * 0.92)),
        capsule(waist, (sway, rear - 1.5, low), (1.8, tall * 0.92), (1.8, tall * 0.88)),
    )
    base = capsule((0, front + 0.5, high - 2.5), (0, front + 10, high - 8), (4.6, 6.5), (2.8, 5.0))
    keels = (
        capsule((0, front + 4, high - 0.95 * tall), belly, (4.4, 3.0), (3.6, 3.0)),
        capsule(belly, (sway, rear - 4.5, sunk), (3.6, 3.0), (3.2, 3.3)),
    )
    rim = capsule((sway, rear + 1, low + 0.45 * tall), (sway, rear, sunk), (2.2, 2.6), (3.6, 3.2))
    return [_made(shape, bone.spinous, SPINOUS) for shape in (*blades, base, *keels, rim)]


def half_arch(person: Person, level: str, side: float, bone: Bone) -> list[Shape]:
    """Pedicle, pars, lamina, articular and transverse processes of one side (+1 left), in the world."""
    size, frame = person.vertebrae[level], person.frames[level]
    half = sum(heights(size, person.fractures.get(level))) / 4
    arch = _Arch(size, frame, side, half)
    place = person.levels.index(level)
    vary = person.random(f"arch{level}{side:+.0f}").normal(0.97, 0.035, 2)
    shapes = [
        *_pedicle(arch, bone, (float(vary[0]), float(vary[1])), broad=level in ("L5", "L6")),
        *_lower(arch, joint_below(person, level, side), bone),
        _transverse(person, level, arch, bone),
    ]
    if place > 0:
        shapes += _upper(arch, joint_below(person, person.levels[place - 1], side), bone)
    else:
        top = arch.at(arch.across, arch.wall + 14, half + 6)
        shapes.append(_made(capsule(arch.root, top, (4.5, 4.0), (5.5, 2.6)), bone.facet, ARTICULAR))
    return shapes


def transverse_tip(person: Person, level: str) -> _Point:
    """Middle of the end of the left transverse process in its vertebra's frame, mm."""
    size = person.vertebrae[level]
    half = sum(heights(size, person.fractures.get(level))) / 4
    random = person.random("transverse" + level)
    back = {"T11": 20.0, "T12": 20.0, "L5": 17.0, "L6": 17.0}.get(level, 22.0) + random.normal(0, 2.5)
    rise = (5.0 if level == "L4" else 3.0) + random.normal(0, 1.5)
    return size.transverse_span / 2 - 2.9, float(size.wall + back * person.scale), float(half * 0.15 + rise)


def fused(person: Person, level: str) -> bool:
    """Whether the transverse processes of a level run into the sacral wings."""
    return person.sacralised and level == person.levels[-1]


def fusion(person: Person, side: float) -> Matrix:
    """World point in the sacral wing where a fused transverse process ends, +1 left."""
    return person.frames["sacrum"].to_world((side * 40, 6, -12))


class _Arch:
    """Places of one side of an arch, in the world."""

    def __init__(self, size: Dimensions, frame: Frame, side: float, half: float) -> None:
        self.size, self.frame, self.side, self.half = size, frame, side, half
        self.wall, self.back = size.wall, size.wall + size.canal_depth
        self.across = (size.canal_width + size.pedicle_width) / 2
        self.root = self.at(self.across + 0.8, self.wall + 8.5, half * 0.22)

    def at(self, x: float, y: float, z: float) -> Matrix:
        """World point; x counts away from the middle."""
        return self.frame.to_world((self.side * x, y, z))

    def direction(self, x: float, y: float, z: float) -> Matrix:
        """World direction."""
        return np.asarray(np.array([self.side * x, y, z]) @ self.frame.axes)


def _made(shape: Shape, stuff: Stuff, region: int) -> Shape:
    return shape.made_of(shell_mm=stuff.shell_mm, inner_hu=stuff.inner_hu).of_region(region)


def _plate(joint: Joint, offset: float, thick: float = _PLATE_MM, *, extra: float = 0.0) -> Shape:
    """What lies along a joint, ``offset`` beside its middle."""
    middle, reach = joint.centre + offset * joint.normal, (joint.half_height - thick) * joint.along
    return capsule(middle + reach, middle - reach, (thick, joint.half_breadth + extra), flat_along=joint.normal)


def _pedicle(arch: _Arch, bone: Bone, vary: tuple[float, float], *, broad: bool) -> list[Shape]:
    """From within the body, into which it widens, to the pars."""
    size = arch.size
    waist = size.pedicle_width / 2 * vary[0], size.pedicle_height / 2 * vary[1]
    front = arch.at(arch.across * (0.8 if broad else 0.87), arch.wall - 7, arch.half * 0.44)
    middle = arch.at(arch.across, arch.wall + 2, arch.half * 0.4)
    flare, flat = (waist[0] * 1.2, waist[1] * 1.15), arch.direction(1, 0, 0)
    rods = (
        capsule(front, middle, flare, waist, flat_along=flat),
        capsule(middle, arch.root, waist, (waist[0] * 0.95, waist[1] * 0.9), flat_along=flat),
    )
    return [_made(rod, bone.pedicle, ARCH) for rod in rods]


def _lower(arch: _Arch, joint: Joint, bone: Bone) -> list[Shape]:
    """Pars, the leaning lamina with its leg, and the lower articular process, which stands inside the joint below."""
    offset = -(joint.gap / 2 + _PLATE_MM)
    top = joint.centre + offset * joint.normal + joint.half_height * 0.6 * joint.along
    pars = capsule(arch.root, top, (5.0, 4.4), (4.8, 4.4), flat_along=arch.direction(0, 1, 0))
    tall, leaning = 0.3 * arch.size.posterior_height, arch.direction(0.85, 1, 0.4)
    lamina = capsule(
        arch.at(0.5 * arch.size.canal_width, arch.back - 4.5, -1.0), arch.at(0.5, arch.back + 6.5, -4.5),
        (3.6, tall), (3.6, tall * 0.9), flat_along=leaning,
    )  # fmt: skip
    foot = joint.centre + (offset - 1.2) * joint.normal - 0.2 * joint.half_height * joint.along
    leg = capsule(
        arch.at(0.2 * arch.size.canal_width, arch.back + 4.5, -6.0), foot, (3.8, 6.2), (3.8, 5.2), flat_along=leaning
    )
    return [
        _made(_plate(joint, offset), bone.facet, ARTICULAR),
        *(_made(shape, bone.lamina, ARCH) for shape in (pars, lamina, leg)),
    ]


def _upper(arch: _Arch, joint: Joint, bone: Bone) -> list[Shape]:
    """The upper articular process, which clasps the joint above from outside, and its mammillary knob."""
    offset = joint.gap / 2 + _PLATE_MM
    foot = joint.centre + offset * joint.normal - joint.half_height * 0.7 * joint.along
    stem = capsule(arch.root, foot, (4.8, 4.2), (3.6, 5.2), flat_along=joint.normal)
    knob = joint.centre + (offset + 1.5) * joint.normal - 1.0 * joint.along + arch.direction(0, 4.5, 0)
    mammillary = capsule(knob, knob - 5.0 * joint.along, (3.2, 3.0))
    return [
        _made(_plate(joint, offset), bone.facet, ARTICULAR),
        *(_made(shape, bone.lamina, ARTICULAR) for shape in (stem, mammillary)),
    ]


def _transverse(person: Person, level: str, arch: _Arch, bone: Bone) -> Shape:
    """A thin blade; stout at the last level, fused with the sacral wing where that is sacralised."""
    if fused(person, level):
        broad = capsule(arch.root, fusion(person, arch.side), (6.0, 6.5), (9.0, 10.0), flat_along=(0, 1, 0))
        return _made(broad, bone.transverse, TRANSVERSE)
    stout = (3.8, 7.0) if level in ("L5", "L6") else (2.9, 5.2)
    rod = capsule(arch.root, arch.at(*transverse_tip(person, level)), stout, (2.0, 3.8),
                  flat_along=arch.direction(0, 1, 0))  # fmt: skip
    return _made(rod, bone.transverse, TRANSVERSE)
