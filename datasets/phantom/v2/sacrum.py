"""The sacrum: five tapering segments on a curve, wings, foramina, crests, canal, and the joints with the iliac bones.

The frame's origin lies in the middle of the sacral endplate, x left, y posterior, z out of the endplate. Proportions
after textbook figures, by eye: width about 110 mm, length about 110 mm, a curve of about 60 degrees.
"""

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import WORLD, Frame
from .anthropometry import LABELS
from .arch import joint_below
from .person import Person
from .shapes import BODY, Part, Shape, capsule, soft
from .vertebra import CARTILAGE_HU, CORTEX_HU, Bone, bone_of

# Segment: height, half-width and half-depth against the lower endplate of the last lumbar vertebra, turn (degrees).
_SEGMENTS = ((29.0, 0.98, 0.9, 7.0), (24.0, 0.74, 0.66, 9.0), (20.0, 0.62, 0.5, 13.0), (17.0, 0.55, 0.42, 16.0))
_PLATE_MM = 3.0


def sacrum(person: Person) -> list[Part]:
    """Cartilage of the sacroiliac joints, the bone, and what is left of the first sacral disc."""
    random, frame, bone = person.random("sacrum"), person.frames["sacrum"], bone_of(person)
    frames = _segment_frames(person)
    shapes = _bodies(person, frames, bone)
    halo: list[Shape] = []
    for side in (-1.0, 1.0):
        wing, joint = _wing(person, side, float(random.normal(1, 0.025)))
        shapes += [one.made_of(shell_mm=bone.arch_shell_mm * 0.7, inner_hu=bone.body_hu * 0.8) for one in wing]
        halo.append(joint.within(frame))
        facet = _facet(person, side).made_of(shell_mm=bone.arch_shell_mm, inner_hu=bone.arch_hu)
        shapes.append(Shape(facet.kind, _local(facet.frame, frame), facet.numbers, facet.reach_mm, facet.shell_mm,
                            facet.inner_hu))  # fmt: skip
    shapes += [one.made_of(shell_mm=bone.arch_shell_mm * 0.8, inner_hu=bone.arch_hu * 0.7) for one in _crest(person)]
    holes = [_canal(person), *_foramina(person, frames)]
    solid = Part(
        tuple(one.within(frame) for one in [*shapes, *holes]), CORTEX_HU, label=LABELS["sacrum"], blend_mm=5.0,
        texture_hu=0.2 * person.trabecular_hu + 10, texture_mm=(3.5, 3.5, 7.0),
        texture_seed=int(random.integers(1 << 30)), frame=frame, shell_variation=0.3,
        dense_hu=0.3 * person.trabecular_hu,
    )  # fmt: skip
    joints = soft(tuple(halo), CARTILAGE_HU, blend_mm=0.5)
    return [Part(joints.shapes, CARTILAGE_HU, label=-1, blend_mm=0.5), solid, _remnant(person, frames, frame)]


def _local(world: Frame, frame: Frame) -> Frame:
    return Frame(np.asarray(frame.axes @ (world.origin - frame.origin)), world.axes @ frame.axes.T)


def _segment_frames(person: Person) -> list[Frame]:
    """Top middle of each segment, in the sacrum's frame, axes turned along the curve."""
    frames: list[Frame] = []
    origin, angle = np.zeros(3), 0.0
    for height, _, _, turn in _SEGMENTS:
        a = np.radians(angle)
        axes = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
        frames.append(Frame(origin.copy(), axes))
        origin = origin - axes[2] * height * person.scale
        angle -= turn
    return frames


def _bodies(person: Person, frames: list[Frame], bone: Bone) -> list[Shape]:
    size = person.vertebrae[person.levels[-1]]
    shapes: list[Shape] = []
    for frame, (height, wide, deep, _) in zip(frames, _SEGMENTS, strict=True):
        w, d, h = wide * size.lower_width / 2, deep * size.lower_depth / 2, height * person.scale
        numbers = (w, d, w * 0.8, d * 0.8, h / 2 + 0.5, h / 2 - 0.5, 0.08, 0.03, 1.2, 0.4, 1.0, 0.0, 0.0)
        drum = Shape(BODY, WORLD, numbers, w + h).within(Frame(np.array([0.0, 0.0, -h / 2]), np.eye(3)))
        shapes.append(drum.within(frame).made_of(shell_mm=bone.body_shell_mm * 1.2, inner_hu=bone.body_hu))
    return shapes


def _wing(person: Person, side: float, vary: float) -> tuple[list[Shape], Shape]:
    """Ala and lateral mass of one side, and the cartilage on its ear-shaped face."""
    s = person.scale * vary

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return side * x * s, y, z

    ala = capsule(at(14, 2, -13), at(46, 10, -19), (11, 9), (9, 13), flat_along=(0, 1, 0))
    mass = capsule(at(46, 13, -18), at(38, 17, -58), (6.5, 14), (5, 8), flat_along=(side, 0.3, 0))
    low = capsule(at(38, 16, -56), at(20, 6, -84), (6, 7), (5, 5))
    bridges = [capsule(at(10, 1 + 2 * n, z), at(38, 10, z), (5.5, 5), (6, 6)) for n, z in enumerate((-33, -55, -73))]
    behind = capsule(at(18, 18, -8), at(26, 25, -66), (6, 5), (5, 4))
    face = capsule(at(48.5, 12, -17), at(40.5, 17, -58), (7.6, 15.0), (6.2, 9.5), flat_along=(side, 0.3, 0))
    return [ala, mass, low, *bridges, behind], face


def _facet(person: Person, side: float) -> Shape:
    """The upper articular process of S1, in the world."""
    joint = joint_below(person, person.levels[-1], side)
    middle = joint.centre + (joint.gap / 2 + _PLATE_MM) * joint.normal
    foot = middle - (joint.half_height + 6.0) * joint.along
    return capsule(middle + 4.0 * joint.along, foot, (_PLATE_MM, joint.half_breadth), (6.0, 8.0),
                   flat_along=joint.normal)  # fmt: skip


def _crest(person: Person) -> list[Shape]:
    """Laminae and the row of fused spinous processes."""
    size = person.vertebrae[person.levels[-1]]
    y = size.wall + 19.0
    shapes = [capsule((0, y + 2, -10), (0, y + 4, -62), (2.6, 6.0), (2.4, 4.0))]
    shapes += [
        capsule((side * 20, y - 8, z), (side * 1.5, y - 1, z - 3), (2.6, 9), flat_along=(0, 1, 0))
        for side in (-1.0, 1.0)
        for z in (-14.0, -34.0, -54.0)
    ]
    # Spinous tubercles.
    shapes += [capsule((0, y + 4, z), (0, y + 9, z - 3), (3.2, 5.0), (2.8, 4.0)) for z in (-16.0, -38.0, -57.0)]
    return shapes


def _canal(person: Person) -> Shape:
    wall = person.vertebrae[person.levels[-1]].wall
    return capsule((0, wall + 8, 12), (0, wall + 6, -62), (14, 7.5), (7, 4.5)).carving()


def _foramina(person: Person, frames: list[Frame]) -> list[Shape]:
    """Four pairs of holes from front to back, between the segments."""
    size, holes = person.vertebrae[person.levels[-1]], list[Shape]()
    for place, frame in enumerate(frames):
        height, wide, _, _ = _SEGMENTS[place]
        x, z = wide * size.lower_width * 0.5 - 2.0, -height * person.scale + 1.0
        for side in (-1.0, 1.0):
            front, rear = _point(frame, side * (x + 4.5), -16, z - 2.0), _point(frame, side * (x + 1.0), 34, z + 2.0)
            wide_mm = 6.0 - 0.7 * place
            holes.append(capsule(front, rear, (wide_mm, wide_mm * 0.85), (wide_mm * 0.6, wide_mm * 0.6)).carving())
    return holes


def _point(frame: Frame, x: float, y: float, z: float) -> Matrix:
    return frame.to_world((x, y, z))


def _remnant(person: Person, frames: list[Frame], frame: Frame) -> Part:
    """The first sacral disc, thin and half ossified."""
    size = person.vertebrae[person.levels[-1]]
    w, d = 0.62 * size.lower_width / 2, 0.55 * size.lower_depth / 2
    place = Frame(frames[1].origin + np.array([0, 1.0, 1.0]), frames[1].axes)
    numbers = (w, d, w, d, 1.3, 1.3, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0)
    disc = Shape(BODY, WORLD, numbers, w + 5).within(place).within(frame)
    return soft((disc,), 0.4 * person.trabecular_hu + 60, blend_mm=1.0)
