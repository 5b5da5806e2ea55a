"""The vertebral arch: pedicles, laminae, articular, transverse and spinous processes, and the facet joints.

A facet joint has one frame, shared by the two vertebrae that meet in it: both processes and the cartilage between them
are built about it, so that the gap stays open in every posture. Its plane turns from nearly sagittal at T12/L1 to
nearly coronal at L5/S1 (angles of the textbooks, such as Bogduk, Clinical Anatomy of the Lumbar Spine; entered from
memory); at T11/T12 it is coronal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.geometry import Matrix

from ..v1.shapes import Frame
from .anthropometry import Dimensions
from .person import Person
from .regions import ARCH, ARTICULAR, SPINOUS, TRANSVERSE
from .shapes import Shape, capsule
from .spine import heights

# Angle of the joint below a level against the sagittal plane, degrees.
_FACET_DEG = {"T11": 75.0, "T12": 25.0, "L1": 25.0, "L2": 30.0, "L3": 37.0, "L4": 46.0, "L5": 53.0, "L6": 53.0}
_GAP_MM = 2.2
_PLATE_MM = 3.1


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A facet joint in the world: centre, the direction from the lower process (of above) to the upper (of below).

    Attributes:
        centre: World mm.
        normal: Unit vector across the gap, out of the vertebra above.
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
    """The facet joint between a level and the next one (or the sacrum), +1 left."""
    random = person.random(f"joint{level}{side:+.0f}")
    place = person.levels.index(level)
    below = person.levels[place + 1] if place + 1 < len(person.levels) else "sacrum"
    size, upper, lower = person.vertebrae[level], person.frames[level], person.frames[below]
    turn = np.radians(_FACET_DEG[level] + random.normal(0, 6))
    coronal = float(np.sin(turn))
    x = size.canal_width / 2 + 2.5 + 2.5 * coronal
    y = size.wall + size.canal_depth * 0.78 + 1.0 * coronal
    low = -sum(heights(size, person.fractures.get(level))) / 4
    high = 0.0
    if below in person.vertebrae:
        high = sum(heights(person.vertebrae[below], person.fractures.get(below))) / 4
    share = size.disc_height / 2
    centre = 0.5 * (upper.to_world((side * x, y, low - share)) + lower.to_world((side * x, y, high + share)))
    axes = upper.axes + lower.axes
    left, back, up = (row / np.linalg.norm(row) for row in axes)
    normal = side * np.cos(turn) * left - np.sin(turn) * back
    normal = normal - (normal @ up) * up
    wear = person.wear[level]
    return Joint(
        centre, normal / np.linalg.norm(normal), up, 7.2 * person.scale, 5.8 * person.scale * (1 + 0.25 * wear),
        _GAP_MM * (1 - 0.45 * wear),
    )  # fmt: skip


def cartilage(person: Person, level: str, side: float) -> Shape:
    """The joint space below a level: what parts the two bones."""
    joint = joint_below(person, level, side)
    return _plate(joint, 0.0, joint.gap / 2 + 0.15, extra=0.6)


def _plate(joint: Joint, offset: float, thick: float, *, extra: float = 0.0) -> Shape:
    middle = joint.centre + offset * joint.normal
    reach = (joint.half_height - thick) * joint.along
    broad = joint.half_breadth + extra
    return capsule(middle + reach, middle - reach, (thick, broad), flat_along=joint.normal)


def midline(person: Person, level: str, random: np.random.Generator) -> list[Shape]:
    """Spinous process in the vertebra's frame: a tall thin blade that ends in a thicker rim; steep in the thorax."""
    size, thoracic = person.vertebrae[level], level.startswith("T1") and level == "T11"
    root = size.wall + size.canal_depth
    drop = (14.0 if thoracic else 5.0) + random.normal(0, 1.5)
    sway, tall = random.normal(0, 1.6), 0.37 * size.posterior_height * (0.8 if level in ("L5", "L6", "T11") else 1.0)
    end = root + size.spinous_length
    blade = capsule((0, root + 2, -5.0), (sway, end - 5, -5 - drop), (3.0, tall * 0.9), (2.8, tall))
    rim = capsule((sway, end - 4.0, -5 - drop + 0.6 * tall), (sway, end - 5.0, -6 - drop - 0.75 * tall), (3.6, 3.6))
    return [shape.of_region(SPINOUS) for shape in (blade, rim)]


def half_arch(person: Person, level: str, side: float, random: np.random.Generator) -> list[Shape]:
    """Pedicle, pars, lamina, articular and transverse processes of one side (+1 left), in the world."""
    size, frame = person.vertebrae[level], person.frames[level]
    vary = random.normal(1.0, 0.05, 4)
    half = sum(heights(size, person.fractures.get(level))) / 4
    arch = _Arch(size, frame, side, half)
    below = joint_below(person, level, side)
    place = person.levels.index(level)
    shapes = [
        *_pedicle(arch, vary, broad=level in ("L5", "L6")),
        *_lower(arch, below),
        *_transverse(person, level, arch, vary),
    ]
    if place > 0:
        shapes += _upper(arch, joint_below(person, person.levels[place - 1], side))
    else:
        top = arch.at(arch.across, arch.wall + 14, half + 6)
        shapes.append(capsule(arch.root, top, (4.5, 4.0), (5.5, 2.6)).of_region(ARTICULAR))
    return shapes


class _Arch:
    """Places of one side of an arch, in the world."""

    def __init__(self, size: Dimensions, frame: Frame, side: float, half: float) -> None:
        self.size, self.frame, self.side, self.half = size, frame, side, half
        self.wall, self.back = size.wall, size.wall + size.canal_depth
        self.across = (size.canal_width + size.pedicle_width) / 2
        self.root = self.at(self.across, self.wall + 8.5, half * 0.3)

    def at(self, x: float, y: float, z: float) -> Matrix:
        """World point; x counts away from the middle."""
        return self.frame.to_world((self.side * x, y, z))

    def direction(self, x: float, y: float, z: float) -> Matrix:
        """World direction."""
        return np.asarray(np.array([self.side * x, y, z]) @ self.frame.axes)


def _pedicle(arch: _Arch, vary: ArrayLike, *, broad: bool) -> list[Shape]:
    change = np.asarray(vary)
    size = arch.size
    waist = (size.pedicle_width / 2 * change[0], size.pedicle_height / 2 * change[1])
    inner = arch.across * (0.86 if broad else 0.96)
    front, middle = (
        arch.at(inner, arch.wall - 6, arch.half * 0.42),
        arch.at(arch.across, arch.wall + 2, arch.half * 0.4),
    )
    flare = (waist[0] * 1.2, waist[1] * 1.15)
    flat = arch.direction(1, 0, 0)
    rods = [
        capsule(front, middle, flare, waist, flat_along=flat),
        capsule(middle, arch.root, waist, (waist[0] * 0.95, waist[1] * 0.9), flat_along=flat),
    ]
    return [rod.of_region(ARCH) for rod in rods]


def _lower(arch: _Arch, joint: Joint) -> list[Shape]:
    """Pars, lamina and the lower articular process, which stands inside the joint below."""
    offset = -(joint.gap / 2 + _PLATE_MM)
    plate = _plate(joint, offset, _PLATE_MM)
    top = joint.centre + offset * joint.normal + joint.half_height * 0.6 * joint.along
    pars = capsule(arch.root, top, (4.6, 4.2), (4.4, 4.0), flat_along=arch.direction(0, 1, 0))
    tall = 0.34 * arch.size.posterior_height
    lamina = capsule(
        arch.at(arch.size.canal_width / 2 + 1.0, arch.back - 3.5, -2.5), arch.at(0.5, arch.back + 3.6, -6.0),
        (3.0, tall), (3.0, tall), flat_along=arch.direction(0.55, 1, 0),
    )  # fmt: skip
    return [plate.of_region(ARTICULAR), pars.of_region(ARCH), lamina.of_region(ARCH)]


def _upper(arch: _Arch, joint: Joint) -> list[Shape]:
    """The upper articular process, which clasps the joint above from outside, and its mammillary knob."""
    offset = joint.gap / 2 + _PLATE_MM
    plate = _plate(joint, offset, _PLATE_MM)
    foot = joint.centre + offset * joint.normal - joint.half_height * 0.7 * joint.along
    stem = capsule(arch.root, foot, (4.8, 4.2), (3.6, 5.2), flat_along=joint.normal)
    knob = joint.centre + (offset + 1.5) * joint.normal - 1.0 * joint.along + arch.direction(0, 4.5, 0)
    mammillary = capsule(knob, knob - 5.0 * joint.along, (3.2, 3.0))
    return [shape.of_region(ARTICULAR) for shape in (plate, stem, mammillary)]


def _transverse(person: Person, level: str, arch: _Arch, vary: ArrayLike) -> list[Shape]:
    """Transverse process; stout at the last level, fused with the sacral wing where that is sacralised."""
    half_span = arch.size.transverse_span / 2 * float(np.clip(np.asarray(vary)[2], 0.94, 1.06))
    if person.sacralised and level == person.levels[-1]:
        wing = person.frames["sacrum"].to_world((arch.side * 40, 6, -12))
        broad = capsule(arch.root, wing, (8.0, 9.0), (9.0, 9.5), flat_along=(0, 1, 0))
        return [broad.of_region(TRANSVERSE)]
    back, rise = (16.0, 2.0) if level.startswith("T") else (10.5, 3.0 if level != "L4" else 5.0)
    tip = arch.at(half_span - 3.0, arch.wall + back, arch.half * 0.15 + rise)
    stout = (4.0, 7.5) if level in ("L5", "L6") else (3.2, 5.6)
    rod = capsule(arch.root, tip, stout, (2.2, 4.2), flat_along=arch.direction(0, 1, 0))
    return [rod.of_region(TRANSVERSE)]
