"""A vertebra from its dimensions: body, pedicles, laminae, articular, transverse and spinous processes, canal.

Local axes: x left, y posterior, z superior, origin in the middle of the body; the back wall stands at half the depth.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from .anthropometry import LABELS, Dimensions
from .person import Person, stream
from .shapes import BODY, WORLD, Part, Shape, capsule, ellipsoid

CORTEX_HU = 1080.0


@dataclass(frozen=True, slots=True)
class Bone:
    """How a vertebra's bone is made: layer thickness (mm) and inner HU of body and arch."""

    body_shell_mm: float
    body_hu: float
    arch_shell_mm: float
    arch_hu: float


def bone_of(person: Person) -> Bone:
    """Thinner shells and lighter spongy bone with age."""
    thin = 1.0 - 0.005 * (person.age - 45)
    return Bone(0.62 * thin, person.trabecular_hu, 1.95 * thin, person.trabecular_hu + 150)


def body(size: Dimensions, concave_mm: float) -> Shape:
    """The vertebral body."""
    front, back = (size.height + size.wedge_mm) / 2, size.height / 2
    numbers = (
        size.upper_width / 2, size.upper_depth / 2, size.lower_width / 2, size.lower_depth / 2, front, back,
        0.10, concave_mm, concave_mm * 1.25, 2.6,
    )  # fmt: skip
    return Shape(BODY, WORLD, numbers, float(np.hypot(size.lower_width, size.height) / 2 + 6))


def vertebra(version: int, seed: int, level: str, person: Person) -> Part:
    """One vertebra as a part, in the world."""
    random = stream(version, seed, level)
    size, bone = person.vertebrae[level], bone_of(person)
    thoracic = level.startswith("T")
    shapes = [body(size, float(random.uniform(1.2, 2.6))).made_of(shell_mm=bone.body_shell_mm, inner_hu=bone.body_hu)]
    arch = [*_midline(size, random, thoracic=thoracic)]
    for side in (-1.0, 1.0):
        # Left and right differ by some per cent, as they do in everyone.
        arch += _half_arch(size, side, random.normal(1.0, 0.05, 6), thoracic=thoracic, broad=level == "L5")
    shapes += [shape.made_of(shell_mm=bone.arch_shell_mm, inner_hu=bone.arch_hu) for shape in arch]
    shapes += [
        lip.made_of(shell_mm=1.0, inner_hu=bone.body_hu + 250) for lip in _osteophytes(size, random, person.wear[level])
    ]
    frame = person.frames[level]
    world = tuple(shape.within(frame) for shape in [*shapes, _canal(size)])
    return Part(
        world, CORTEX_HU, label=LABELS[level], blend_mm=3.0, texture_hu=0.16 * person.trabecular_hu + 12,
        texture_mm=(3.0, 3.0, 8.0), texture_seed=int(random.integers(1 << 30)), frame=frame, shell_variation=0.22,
    )  # fmt: skip


def _canal(size: Dimensions) -> Shape:
    y = (size.upper_depth + size.lower_depth) / 4 + size.canal_depth / 2 - 1.5
    radii = (size.canal_width / 2 - 0.5, size.canal_depth / 2)
    return capsule((0, y - 1.5, 60), (0, y + 1.0, -60), radii).carving()


def _midline(size: Dimensions, random: np.random.Generator, *, thoracic: bool) -> list[Shape]:
    """Spinous process: a tall thin blade that ends in a thicker rim; steeper in the thorax."""
    root = (size.upper_depth + size.lower_depth) / 4 + size.canal_depth
    length, drop = size.spinous_length, (13.0 if thoracic else 6.0) + random.normal(0, 1.5)
    sway = random.normal(0, 1.5)
    tall = (6.5, 5.0) if thoracic else (9.0, 9.5)
    low = -6.0 if not thoracic else -7.0
    blade = capsule((0, root + 1, low), (sway, root + length, low - drop), (2.8, tall[0]), (3.0, tall[1]))
    rim = ellipsoid((sway, root + length, low - drop - 1), (4.2, 4.0, tall[1]))
    return [blade, rim]


def _osteophytes(size: Dimensions, random: np.random.Generator, wear: float) -> list[Shape]:
    """Lips at the rims of worn levels, mostly in front and at the sides."""
    lips: list[Shape] = []
    for _ in range(round(9 * max(0.0, wear - 0.25))):
        turn, end = random.uniform(-0.45, np.pi + 0.45), 1.0 if random.random() < 0.5 else -1.0
        width, depth = (size.upper_width, size.upper_depth) if end > 0 else (size.lower_width, size.lower_depth)
        centre = (0.5 * width * np.cos(turn), -0.5 * depth * np.sin(turn), end * (size.height / 2 - 1.0))
        lips.append(ellipsoid(centre, (2.0 + 3.0 * wear, 2.0 + 3.0 * wear, 2.2)))
    return lips


def _half_arch(
    size: Dimensions,
    side: float,
    vary: Matrix,
    *,
    thoracic: bool,
    broad: bool,
) -> list[Shape]:
    """Pedicle, pars, lamina, articular and transverse processes of one side (+1 left)."""
    wall = (size.upper_depth + size.lower_depth) / 4
    half, canal = size.height / 2, size.canal_width / 2
    across = canal + size.pedicle_width / 2
    back = wall + size.canal_depth

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return side * x, y, z

    root = at(across * 1.02, wall + 9, half * 0.35)
    waist = (size.pedicle_width / 2 * vary[0], size.pedicle_height / 2 * vary[1])
    pedicle = capsule(at(across * (0.86 if broad else 0.95), wall - 7, half * 0.42), root, waist)
    joint_x = canal + (2.0 if not broad else 4.0)
    superior = capsule(
        at(joint_x + 3.0, wall + 11, half * 0.3), at(joint_x + 5.5, wall + 13.5, half + 5.5 * vary[2]),
        (5.5, 5.0), (3.2, 5.2), flat_along=(0.75, side * 0.65, 0),
    )  # fmt: skip
    pars = capsule(at(joint_x + 2.0, wall + 12, half * 0.2), at(joint_x - 1.0, back - 2, -half * 0.75), (5.0, 4.2))
    inferior = capsule(
        at(joint_x - 2.0, back - 1.5, -half * 0.6), at(joint_x - 1.0, back - 0.5, -half - 9.5 * vary[3]),
        (5.8, 4.2), (4.0, 5.2), flat_along=(1, side * 0.3, 0),
    )  # fmt: skip
    lamina = capsule(at(joint_x, back - 2.5, -3), at(1.5, back + 3.0, -6), (3.3, 9.0), flat_along=(side * 0.6, 1, 0))
    tip = at(
        size.transverse_span / 2 * vary[4], wall + (12.0 if not thoracic else 17.0), half * (0.25 if broad else 0.15)
    )
    stout = (3.6, 7.0) if broad else (3.4, 6.0)
    transverse = capsule(root, tip, stout, (2.6, 4.2), flat_along=(0, 1, 0))
    mammillary = ellipsoid(at(joint_x + 6.0, wall + 16.5, half * 0.7), (3.4, 3.0, 4.5))
    return [pedicle, superior, pars, inferior, lamina, transverse, mammillary]
