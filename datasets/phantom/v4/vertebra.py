"""A vertebra from its dimensions: version 2's body with shallower endplates, and arch and processes of version 4.

Local axes: x left, y posterior, z superior, origin in the middle of the body; the back wall stands at half the depth.
"""

from dataclasses import replace

import numpy as np

from ..v2 import vertebra as second
from ..v2.anthropometry import LABELS, Dimensions
from ..v2.regions import BODY as BODY_REGION
from ..v2.shapes import CAPSULE, Part, Shape, capsule
from ..v2.spine import Fracture
from .arch import half_arch, midline, soft_joint
from .bone import DENSE_HU, bone_of
from .person import Person

# Less deep than version 2's: endplates above and below, mm.
_SHALLOWER_MM = (1.05, 0.85)


def vertebra(person: Person, level: str) -> list[Part]:
    """One vertebra in the world: the cartilage of its lower joints, then the bone."""
    random, bone = person.random(level), bone_of(person, level)
    size, frame, fracture = person.vertebrae[level], person.frames[level], person.fractures.get(level)
    drum = body(size, fracture, random).made_of(shell_mm=bone.wall.shell_mm, inner_hu=bone.wall.inner_hu)
    shapes = [drum.of_region(BODY_REGION).within(frame), *_lips(person, level)]
    shapes += [shape.within(frame) for shape in midline(person, level, bone)]
    for side in (-1.0, 1.0):
        shapes += half_arch(person, level, side, bone)
    grain = int(random.integers(1 << 30))
    solid = Part(
        (*shapes, *(hole.within(frame) for hole in canal(size))), DENSE_HU, label=LABELS[level], blend_mm=2.6,
        texture_hu=0.12 * person.trabecular_hu + 8, texture_mm=(2.6, 2.6, 8.0), texture_seed=grain, frame=frame,
        shell_variation=0.22, dense_hu=0.35 * person.trabecular_hu + (60.0 if fracture else 15.0),
    )  # fmt: skip
    return [soft_joint(person, level), solid]


def body(size: Dimensions, fracture: Fracture | None, random: np.random.Generator) -> Shape:
    """The body, a fifth more waisted than version 2's, with less of a hollow behind.

    Endplates are as deep as in Wang et al., Eur Spine J 21(11), 2012: 0.7 and 1.5 mm above and below.
    """
    drum = second.body(size, fracture, random)
    waist, behind, above, below, hollow = drum.numbers[6:11]
    changed = 1.2 * waist, behind, above - _SHALLOWER_MM[0], below - _SHALLOWER_MM[1], 0.6 * hollow
    return replace(drum, numbers=(*drum.numbers[:6], *changed, *drum.numbers[11:]))


def canal(size: Dimensions) -> list[Shape]:
    """Holes: the canal, wide between the pedicles, pointed and leaning back between the laminae, and one for veins."""
    wide, deep = size.canal_width, size.canal_depth
    y = size.wall + 0.36 * deep
    front = capsule((0, y - 1.0, 45), (0, y + 1.0, -45), (wide / 2, 0.44 * deep))
    y = size.wall + 0.58 * deep - 0.5
    rear = capsule((0, y - 9.0, 45), (0, y + 9.0, -45), (0.28 * wide, 0.42 * deep))
    # Where the basivertebral veins leave the body.
    vein = capsule((0, size.wall - 3.0, 0.5), (0, size.wall + 2.0, 0.5), (1.8, 0.9), (3.4, 1.9))
    return [front.carving(), rear.carving(), vein.carving()]


def _lips(person: Person, level: str) -> list[Shape]:
    """Version 2's osteophytes, in the world: the rods among what it makes a body of."""
    solid = second.vertebra(person, level)[-1]
    return [shape for shape in solid.shapes if shape.region == BODY_REGION and shape.kind == CAPSULE]
