"""A vertebra from its dimensions: body, arch and processes, and the cartilage of the joints below it.

Local axes: x left, y posterior, z superior, origin in the middle of the body; the back wall stands at half the depth.
"""

from dataclasses import dataclass

import numpy as np

from ..v1.shapes import WORLD
from .anthropometry import LABELS, Dimensions
from .arch import cartilage, half_arch, midline
from .person import Person
from .regions import BODY as BODY_REGION
from .shapes import BODY, Part, Shape, capsule, ellipsoid, soft
from .spine import Deformity, Fracture, heights

CORTEX_HU = 960.0
CARTILAGE_HU = 70.0


@dataclass(frozen=True, slots=True)
class Bone:
    """How a person's bone is made: layer thickness (mm) and inner HU of body and arch."""

    body_shell_mm: float
    body_hu: float
    arch_shell_mm: float
    arch_hu: float


def bone_of(person: Person) -> Bone:
    """Thinner layers and lighter spongy bone with age."""
    return Bone(0.42 * person.cortex, person.trabecular_hu, 1.35 * person.cortex, 0.75 * person.trabecular_hu + 110)


def vertebra(person: Person, level: str) -> list[Part]:
    """One vertebra in the world: the cartilage of its lower joints, then the bone."""
    random, bone = person.random(level), bone_of(person)
    size, frame, fracture = person.vertebrae[level], person.frames[level], person.fractures.get(level)
    shapes = [body(size, fracture, random).made_of(shell_mm=bone.body_shell_mm, inner_hu=bone.body_hu)]
    shapes += [
        lip.made_of(shell_mm=0.8, inner_hu=bone.body_hu + 180) for lip in _osteophytes(size, random, person.wear[level])
    ]
    shapes = [shape.of_region(BODY_REGION).within(frame) for shape in shapes]
    arch = [shape.within(frame) for shape in midline(person, level, random)]
    for side in (-1.0, 1.0):
        arch += half_arch(person, level, side, random)
    shapes += [shape.made_of(shell_mm=bone.arch_shell_mm, inner_hu=bone.arch_hu) for shape in arch]
    grain = int(random.integers(1 << 30))
    solid = Part(
        (*shapes, canal(size).within(frame)), CORTEX_HU, label=LABELS[level], blend_mm=2.6,
        texture_hu=0.12 * person.trabecular_hu + 8, texture_mm=(2.6, 2.6, 8.0), texture_seed=grain, frame=frame,
        shell_variation=0.22, dense_hu=0.35 * person.trabecular_hu + (60.0 if fracture else 15.0),
    )  # fmt: skip
    return [soft_joint(person, level), solid]


def soft_joint(person: Person, level: str) -> Part:
    """The joint space below a vertebra on both sides: takes the place of the bone painted before."""
    part = soft(tuple(cartilage(person, level, side) for side in (-1.0, 1.0)), CARTILAGE_HU, blend_mm=0.5)
    return Part(part.shapes, part.shell_hu, label=-1, blend_mm=0.5)


def body(size: Dimensions, fracture: Fracture | None, random: np.random.Generator) -> Shape:
    """The vertebral body."""
    front, back = heights(size, fracture)
    dish = float(random.uniform(1.3, 2.4)), float(random.uniform(1.7, 3.2))
    if fracture is not None:
        deep = 0.62 * fracture.loss * back if fracture.deformity is Deformity.BICONCAVE else 1.5
        dish = dish[0] + deep, dish[1] + (deep if random.random() < 0.6 else 0.0)
    numbers = (
        size.upper_width / 2, size.upper_depth / 2, size.lower_width / 2, size.lower_depth / 2, front / 2, back / 2,
        float(random.uniform(0.09, 0.14)), 0.05, *dish, float(random.uniform(1.2, 2.6)), float(random.normal(0, 0.35)),
        0.35,
    )  # fmt: skip
    return Shape(BODY, WORLD, numbers, float(np.hypot(size.lower_width, max(front, back)) / 2 + 6))


def canal(size: Dimensions) -> Shape:
    """The hole for the dural sac: between a triangle and an oval."""
    y = size.wall + size.canal_depth / 2
    radii = (size.canal_width / 2, size.canal_depth / 2)
    return capsule((0, y - 1.0, 45), (0, y + 1.0, -45), radii).carving()


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


def sclerosis(person: Person, level: str) -> list[Part]:
    """Dense bone under the endplates beside a badly worn disc; painted after the bones, softly edged by its texture."""
    wear, random = person.wear[level], person.random("sclerosis" + level)
    if wear < 0.55 or random.random() < 0.4:
        return []
    size = person.vertebrae[level]
    half = size.posterior_height / 2
    at = (random.normal(0, 5), random.normal(-3, 4), -half + 3.5)
    lens = ellipsoid(at, (size.lower_width * 0.33, size.lower_depth * 0.3, 2.6)).within(person.frames[level])
    return [soft((lens,), 300.0 + 250.0 * wear, texture_hu=40.0, seed=int(random.integers(1 << 30)))]
