"""A vertebra from its dimensions: body with osteophytes, arch and processes, and the cartilage of the joints below.

Local axes: x left, y posterior, z superior, origin in the middle of the body; the posterior wall stands at half the
depth. On the mean shape of 87 patients' L2 to L5 (Clouthier et al., J Biomech 146, 2023) bodies are 47 to 56 mm wide
near the endplates and 40 to 44 mm in the middle (L5: 51): narrower there by a fifth. Endplates are as concave as in
Wang et al., Eur Spine J 21(11), 2012: 0.7 and 1.5 mm above and below.
"""

from copy import deepcopy
from itertools import pairwise

import numpy as np

from ..person.anthropometry import LABELS, Dimensions
from ..person.fractures import Deformity, Fracture, heights
from ..person.person import Person
from ..rendering.shapes import BODY, WORLD, Frame, Part, Shape, capsule, ellipsoid, soft
from .arch import articular_pillar, half_arch
from .facets import joint_spaces
from .materials import VERTEBRA_HU, Material, VertebraMaterials, vertebra_materials
from .regions import BODY as BODY_REGION
from .spinous import interspinous_gap, lumbosacral_ligament, spinous_blade, spinous_process

# Endplates are flatter than drawn, above and below.
_FLATTER_MM = (1.05, 0.85)
# The widest place lies below the rim, whose edge is round: the body is wider and deeper than its endplates.
_WIDER, _DEEPER, _WAIST = 1.065, 1.07, 1.6
# The broad pedicles of the last levels leave less of a waist and no flare.
_LAST, _LAST_WIDER, _LAST_WAIST = ("L5", "L6"), 0.98, 0.8


def vertebra(person: Person, level: str) -> list[Part]:
    """One vertebra in the world: ligament and cartilage that separate it from what lies below, then the bone."""
    random, materials = person.random(level), vertebra_materials(person, level)
    size, frame, fracture = person.vertebrae[level], person.frames[level], person.fractures.get(level)
    drum = draw_body(size, fracture, random)
    # Osteophytes and the grain of the texture are drawn from the same state of the generator: revision 5.
    lips = _osteophytes(size, deepcopy(random), person.wear[level])
    grain = int(random.integers(1 << 30))
    shapes = [
        _flared(materials.wall.fill(drum, BODY_REGION).within(frame), size, level),
        *_arch_thickening(person, level, materials),
        *(Material(0.8, person.trabecular_hu + 180).fill(lip, BODY_REGION).within(frame) for lip in lips),
        *(shape.within(frame) for shape in spinous_process(person, level, materials)),
    ]
    for side in (-1.0, 1.0):
        shapes += half_arch(person, level, side, materials)
    shapes += [hole.within(frame) for hole in _canal(size)]
    shapes += [interspinous_gap(person, *pair) for pair in pairwise(person.levels) if level in pair]
    solid = Part(
        tuple(shapes), VERTEBRA_HU, label=LABELS[level], blend_mm=2.6,
        texture_hu=0.12 * person.trabecular_hu + 8, texture_mm=(2.6, 2.6, 8.0), texture_seed=grain, frame=frame,
        shell_variation=0.22, dense_hu=0.35 * person.trabecular_hu + (60.0 if fracture else 15.0),
    )  # fmt: skip
    return [*lumbosacral_ligament(person, level), joint_spaces(person, level), solid]


def draw_body(size: Dimensions, fracture: Fracture | None, random: np.random.Generator) -> Shape:
    """The vertebral body in its own frame: a waisted drum with concave endplates and posterior wall."""
    front, back = heights(size, fracture)
    above, below = float(random.uniform(1.3, 2.4)), float(random.uniform(1.7, 3.2))
    if fracture is not None:
        deep = 0.62 * fracture.loss * back if fracture.deformity is Deformity.BICONCAVE else 1.5
        above, below = above + deep, below + (deep if random.random() < 0.6 else 0.0)
    waist, hollow, tilt = (
        float(random.uniform(0.09, 0.14)), float(random.uniform(1.2, 2.6)), float(random.normal(0, 0.35))
    )  # fmt: skip
    numbers = (
        size.upper_width / 2, size.upper_depth / 2, size.lower_width / 2, size.lower_depth / 2, front / 2, back / 2,
        1.2 * waist, 0.05, above - _FLATTER_MM[0], below - _FLATTER_MM[1], 0.6 * hollow, tilt, 0.35,
    )  # fmt: skip
    return Shape(BODY, WORLD, numbers, float(np.hypot(size.lower_width, max(front, back)) / 2 + 6))


def _flared(drum: Shape, size: Dimensions, level: str) -> Shape:
    """A body in the world with a stronger waist between wider endplates; its posterior wall stays where it is."""
    wide_above, deep_above, wide_below, deep_below, front, back, waist, *others = drum.numbers
    waist *= _LAST_WAIST if level in _LAST else _WAIST
    wider = _LAST_WIDER if level in _LAST else _WIDER
    ahead = (_DEEPER - 1) * size.depth / 2
    frame = Frame(np.asarray(drum.frame.origin - ahead * drum.frame.axes[1]), drum.frame.axes)
    numbers = (wide_above * wider, deep_above * _DEEPER, wide_below * wider, deep_below * _DEEPER)
    return Shape(
        drum.kind, frame, (*numbers, front, back, waist, *others), drum.reach_mm * _WIDER, drum.shell_mm,
        drum.inner_hu, region=drum.region,
    )  # fmt: skip


def _arch_thickening(person: Person, level: str, materials: VertebraMaterials) -> list[Shape]:
    """Middle of the spinous process and both articular pillars, in the world."""
    pillars = [shape for side in (-1.0, 1.0) for shape in articular_pillar(person, level, side, materials)]
    return [*spinous_blade(person, level, materials), *pillars]


def _canal(size: Dimensions) -> list[Shape]:
    """Holes: the canal, wide between the pedicles, pointed and inclined between the laminae; the basivertebral vein."""
    wide, deep = size.canal_width, size.canal_depth
    y = size.wall + 0.36 * deep
    front = capsule((0, y - 1.0, 45), (0, y + 1.0, -45), (wide / 2, 0.44 * deep))
    y = size.wall + 0.58 * deep - 0.5
    rear = capsule((0, y - 9.0, 45), (0, y + 9.0, -45), (0.28 * wide, 0.42 * deep))
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
