"""The vertebral arch: pedicles, leaning laminae, articular processes with dense facets, thin transverse processes.

Local axes: x left, y posterior, z superior, origin in the middle of the body. On the mean shape of L2 to L5 (Clouthier
et al., J Biomech 146, 2023) 23 to 26 ml lie behind the body's posterior wall; upper articular processes are stout.
"""

import numpy as np

from bench.geometry import Matrix

from ..person.fractures import heights
from ..person.person import Person
from ..rendering.shapes import Shape, capsule
from .facets import PLATE_MM, Joint, joint_below, plate
from .materials import VertebraMaterials
from .regions import ARCH, ARTICULAR, TRANSVERSE

# Distance of the middle of the articular pillar from the joint's: it must not reach into the joint.
_BESIDE_MM = 7.2
_LAST = ("L5", "L6")


class _Side:
    """Places of one side of an arch, in the world."""

    def __init__(self, person: Person, level: str, side: float) -> None:
        self.size, self.frame, self.side = person.vertebrae[level], person.frames[level], side
        self.half = sum(heights(self.size, person.fractures.get(level))) / 4
        self.wall, self.back = self.size.wall, self.size.wall + self.size.canal_depth
        self.across = (self.size.canal_width + self.size.pedicle_width) / 2
        # Where the pedicle ends and the processes begin.
        self.root = self.at(self.across + 0.8, self.wall + 8.5, self.half * 0.22)

    def at(self, x: float, y: float, z: float) -> Matrix:
        """World point; x counts away from the middle."""
        return self.frame.to_world((self.side * x, y, z))

    def direction(self, x: float, y: float, z: float) -> Matrix:
        """World direction."""
        return np.asarray(np.array([self.side * x, y, z]) @ self.frame.axes)


def half_arch(person: Person, level: str, side: float, materials: VertebraMaterials) -> list[Shape]:
    """Pedicle, pars, lamina, articular and transverse processes of one side (+1 left), in the world."""
    arch, place = _Side(person, level, side), person.levels.index(level)
    vary = person.random(f"arch{level}{side:+.0f}").normal(0.97, 0.035, 2)
    shapes = [
        *_pedicle(arch, materials, (float(vary[0]), float(vary[1])), broad=level in _LAST),
        *_lower(arch, joint_below(person, level, side), materials),
        _transverse(person, level, arch, materials),
    ]
    if place > 0:
        shapes += _upper(arch, joint_below(person, person.levels[place - 1], side), materials)
    else:
        top = arch.at(arch.across, arch.wall + 14, arch.half + 6)
        shapes.append(materials.facet.fill(capsule(arch.root, top, (4.5, 4.0), (5.5, 2.6)), ARTICULAR))
    return shapes


def articular_pillar(person: Person, level: str, side: float, materials: VertebraMaterials) -> list[Shape]:
    """From the end of the pedicle up along the outside of the upper articular process (+1 left), in the world."""
    place = person.levels.index(level)
    if place == 0:
        return []
    arch, joint = _Side(person, level, side), joint_below(person, person.levels[place - 1], side)
    root = arch.at(arch.across + 1.2, arch.wall + 9.0, 0.35 * arch.half)
    top = joint.centre + _BESIDE_MM * joint.normal + 0.3 * joint.half_height * joint.along
    shape = capsule(root, top, (5.0, 5.0), (3.2, 5.2), flat_along=joint.normal)
    return [materials.lamina.fill(shape, ARTICULAR)]


def transverse_tip(person: Person, level: str) -> tuple[float, float, float]:
    """Middle of the end of the left transverse process in its vertebra's frame, mm."""
    size = person.vertebrae[level]
    half = sum(heights(size, person.fractures.get(level))) / 4
    random = person.random("transverse" + level)
    back = {"T11": 20.0, "T12": 20.0, "L5": 17.0, "L6": 17.0}.get(level, 22.0) + random.normal(0, 2.5)
    rise = (5.0 if level == "L4" else 3.0) + random.normal(0, 1.5)
    return size.transverse_span / 2 - 2.9, float(size.wall + back * person.scale), float(half * 0.15 + rise)


def is_fused(person: Person, level: str) -> bool:
    """Whether the transverse processes of a level are fused with the sacral wings."""
    return person.sacralised and level == person.levels[-1]


def fusion_point(person: Person, side: float) -> Matrix:
    """World point in the sacral wing where a fused transverse process ends, +1 left."""
    return person.frames["sacrum"].to_world((side * 40, 6, -12))


def _pedicle(arch: _Side, materials: VertebraMaterials, vary: tuple[float, float], *, broad: bool) -> list[Shape]:
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
    return [materials.pedicle.fill(rod, ARCH) for rod in rods]


def _lower(arch: _Side, joint: Joint, materials: VertebraMaterials) -> list[Shape]:
    """Pars, the leaning lamina with its lower limb, and the lower articular process, medial to the joint below."""
    offset = -(joint.gap / 2 + PLATE_MM)
    top = joint.centre + offset * joint.normal + joint.half_height * 0.6 * joint.along
    pars = capsule(arch.root, top, (5.0, 4.4), (4.8, 4.4), flat_along=arch.direction(0, 1, 0))
    tall, leaning = 0.3 * arch.size.posterior_height, arch.direction(0.85, 1, 0.4)
    lamina = capsule(
        arch.at(0.5 * arch.size.canal_width, arch.back - 4.5, -1.0), arch.at(0.5, arch.back + 6.5, -4.5),
        (3.6, tall), (3.6, tall * 0.9), flat_along=leaning,
    )  # fmt: skip
    foot = joint.centre + (offset - 1.2) * joint.normal - 0.2 * joint.half_height * joint.along
    limb = capsule(
        arch.at(0.2 * arch.size.canal_width, arch.back + 4.5, -6.0), foot, (3.8, 6.2), (3.8, 5.2), flat_along=leaning
    )
    return [
        materials.facet.fill(plate(joint, offset), ARTICULAR),
        *(materials.lamina.fill(shape, ARCH) for shape in (pars, lamina, limb)),
    ]


def _upper(arch: _Side, joint: Joint, materials: VertebraMaterials) -> list[Shape]:
    """The upper articular process, lateral to the joint above, and its mammillary process."""
    offset = joint.gap / 2 + PLATE_MM
    foot = joint.centre + offset * joint.normal - joint.half_height * 0.7 * joint.along
    stem = capsule(arch.root, foot, (4.8, 4.2), (3.6, 5.2), flat_along=joint.normal)
    knob = joint.centre + (offset + 1.5) * joint.normal - 1.0 * joint.along + arch.direction(0, 4.5, 0)
    mammillary = capsule(knob, knob - 5.0 * joint.along, (3.2, 3.0))
    return [
        materials.facet.fill(plate(joint, offset), ARTICULAR),
        *(materials.lamina.fill(shape, ARTICULAR) for shape in (stem, mammillary)),
    ]


def _transverse(person: Person, level: str, arch: _Side, materials: VertebraMaterials) -> Shape:
    """A thin blade; stout at the last level, fused with the sacral wing where that is sacralised."""
    if is_fused(person, level):
        broad = capsule(arch.root, fusion_point(person, arch.side), (6.0, 6.5), (9.0, 10.0), flat_along=(0, 1, 0))
        return materials.transverse.fill(broad, TRANSVERSE)
    stout = (3.8, 7.0) if level in _LAST else (2.9, 5.2)
    rod = capsule(arch.root, arch.at(*transverse_tip(person, level)), stout, (2.0, 3.8),
                  flat_along=arch.direction(0, 1, 0))  # fmt: skip
    return materials.transverse.fill(rod, TRANSVERSE)
