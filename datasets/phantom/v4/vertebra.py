"""A vertebra from its dimensions: body, arch and processes, and the cartilage of the joints below it.

Local axes: x left, y posterior, z superior, origin in the middle of the body; the back wall stands at half the depth.
"""

import numpy as np

from ..v1.shapes import WORLD
from ..v2.anthropometry import LABELS, Dimensions
from ..v2.regions import BODY as BODY_REGION
from ..v2.shapes import BODY, Part, Shape, capsule
from ..v2.spine import Deformity, Fracture, heights
from .arch import half_arch, midline, soft_joint
from .bone import DENSE_HU, bone_of
from .person import Person


def vertebra(person: Person, level: str) -> list[Part]:
    """One vertebra in the world: the cartilage of its lower joints, then the bone."""
    random, bone = person.random(level), bone_of(person, level)
    size, frame, fracture = person.vertebrae[level], person.frames[level], person.fractures.get(level)
    shapes = [body(size, fracture, random).made_of(shell_mm=bone.wall.shell_mm, inner_hu=bone.wall.inner_hu)]
    shapes += [
        lip.made_of(shell_mm=0.8, inner_hu=bone.wall.inner_hu + 180)
        for lip in _osteophytes(size, random, person.wear[level])
    ]
    shapes = [shape.of_region(BODY_REGION).within(frame) for shape in shapes]
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
    """The vertebral body; its endplates as deep as in Wang et al., Eur Spine J 21(11), 2012 (0.7 and 1.5 mm)."""
    front, back = heights(size, fracture)
    dish = float(random.uniform(0.4, 1.2)), float(random.uniform(0.9, 2.3))
    if fracture is not None:
        deep = 0.62 * fracture.loss * back if fracture.deformity is Deformity.BICONCAVE else 1.5
        dish = dish[0] + deep, dish[1] + (deep if random.random() < 0.6 else 0.0)
    numbers = (
        size.upper_width / 2, size.upper_depth / 2, size.lower_width / 2, size.lower_depth / 2, front / 2, back / 2,
        float(random.uniform(0.1, 0.17)), 0.05, *dish, float(random.uniform(0.6, 1.7)), float(random.normal(0, 0.35)),
        0.35,
    )  # fmt: skip
    return Shape(BODY, WORLD, numbers, float(np.hypot(size.lower_width, max(front, back)) / 2 + 6))


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


def _osteophytes(size: Dimensions, random: np.random.Generator, wear: float) -> list[Shape]:
    """Lips at the rims of worn levels, mostly in front and at the sides, some bending over the disc."""
    lips: list[Shape] = []
    for _ in range(round(11 * max(0.0, wear - 0.2))):
        turn, end = random.uniform(-0.5, np.pi + 0.5), 1.0 if random.random() < 0.45 else -1.0
        width, depth = (size.upper_width, size.upper_depth) if end > 0 else (size.lower_width, size.lower_depth)
        half, reach = size.posterior_height / 2 - 1.5, 1.5 + 4.5 * wear * random.random()
        out = np.array([np.cos(turn), -np.sin(turn), 0.0])
        root = out * [0.47 * width, 0.47 * depth, 0] + [0, 0, end * (half - 1)]
        tip = root + out * reach + [0, 0, end * reach * random.uniform(0.2, 0.8)]
        lips.append(capsule(root, tip, (4.0, 2.2), (2.2, 1.2), flat_along=np.cross(out, (0, 0, 1))))
    return lips
