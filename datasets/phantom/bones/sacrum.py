"""The sacrum: tapering segments on a curve, broad wings, foramina, crest and canal, and the sacroiliac joints.

The frame's origin lies in the middle of the sacral endplate, x left, y posterior, z out of the endplate. Proportions
after textbook figures, by eye: width about 110 mm, length about 110 mm, a curve of about 60 degrees. Spongy bone is
densest in the first segment and least dense in the wings, which contain fat in many people; dense are the layers at the
joints and the upper facets. Places and densities are ours, found beside two CTs.
"""

from dataclasses import replace

import numpy as np

from ..person.anthropometry import LABELS
from ..person.person import Person
from ..rendering.shapes import BODY, WORLD, Frame, Part, Shape, capsule, soft
from .facets import joint_below
from .materials import CARTILAGE_HU, PELVIS_HU, mean_materials

# Segment: height (mm), half-width and half-depth against the last lumbar vertebra's lower endplate, turn (degrees).
_SEGMENTS = ((29.0, 0.98, 0.9, 7.0), (24.0, 0.74, 0.66, 9.0), (20.0, 0.62, 0.5, 13.0), (17.0, 0.55, 0.42, 16.0))
# Spongy bone of the segments from above, and of the wings, against that of the lumbar bodies.
_SPONGY, _WING = (0.95, 0.6, 0.5, 0.45), 0.27
# Half the thickness of the upper articular processes; width of the sacroiliac joint.
_PLATE_MM, _JOINT_MM = 3.0, 2.3


def sacrum(person: Person) -> list[Part]:
    """Cartilage of the sacroiliac joints, the bone, and the remnant of the first sacral disc."""
    random, frame, materials = person.random("sacrum"), person.frames["sacrum"], mean_materials(person)
    frames = _segment_frames(person)
    fatty = float(random.normal(0, 20)) - 30 * person.fat
    shapes = _bodies(person, frames, fatty)
    gaps: list[Shape] = []
    for side in (-1.0, 1.0):
        wing, gap = _wing(person, side, float(random.normal(1, 0.02)))
        shell = [0.4, 0.9, *([0.5] * (len(wing) - 2))]
        shapes += [
            one.made_of(shell_mm=thick * person.cortex, inner_hu=_WING * materials.body.inner_hu + fatty)
            for one, thick in zip(wing, shell, strict=True)
        ]
        gaps.append(gap.within(frame))
        shapes.append(_facet(person, side))
    shapes += [one.made_of(shell_mm=0.75 * person.cortex, inner_hu=0.3 * materials.body.inner_hu)
               for one in _crest(person)]  # fmt: skip
    solid = Part(
        tuple(one.within(frame) for one in [*shapes, _canal(person), *_foramina(person, frames)]),
        PELVIS_HU, label=LABELS["sacrum"], blend_mm=4.0, texture_hu=0.2 * person.trabecular_hu + 22,
        texture_mm=(4.5, 4.5, 8.0), texture_seed=int(random.integers(1 << 30)), frame=frame, shell_variation=0.45,
        dense_hu=0.25 * person.trabecular_hu,
    )  # fmt: skip
    joints = soft(tuple(gaps), CARTILAGE_HU, blend_mm=0.5)
    return [replace(joints, label=-1), solid, _disc_remnant(person, frames)]


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


def _bodies(person: Person, frames: list[Frame], fatty: float) -> list[Shape]:
    """Bodies of the segments in the sacrum's frame; ``fatty``: HU of their fat."""
    size, body = person.vertebrae[person.levels[-1]], mean_materials(person).body
    shapes: list[Shape] = []
    for frame, (height, wide, deep, _), share in zip(frames, _SEGMENTS, _SPONGY, strict=True):
        w, d, h = wide * size.lower_width / 2, deep * size.lower_depth / 2, height * person.scale
        numbers = (w, d, w * 0.8, d * 0.8, h / 2 + 0.5, h / 2 - 0.5, 0.08, 0.03, 1.2, 0.4, 1.0, 0.0, 0.0)
        drum = Shape(BODY, WORLD, numbers, w + h).within(Frame(np.array([0.0, 0.0, -h / 2]), np.eye(3)))
        inner = share * body.inner_hu + (1 - share) * fatty
        shapes.append(drum.within(frame).made_of(shell_mm=1.1 * body.shell_mm, inner_hu=inner))
    return shapes


def _wing(person: Person, side: float, vary: float) -> tuple[list[Shape], Shape]:
    """Ala and lateral mass of one side in the sacrum's frame, and the gap on its auricular surface."""
    s = person.scale * vary

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return side * x * s, y, z

    out = (side, 0.34, 0.0)
    top, bottom = at(52, 10, -15), at(45, 15, -60)
    # Flat above and sloping outwards: a round bar would show as a ring in the lateral view.
    ala = capsule(at(12, 2, -14), at(43, 6, -21), (12, 8.5), (17, 12), flat_along=(0, 1, 0))
    mass = capsule(top, bottom, (8.5, 18.0), (7.0, 12.5), flat_along=out)
    low = capsule(at(36, 14, -62), at(20, 6, -88), (7, 9), (5, 5))
    bridges = [
        capsule(at(8, 3 + 2 * n, z), at(out_mm, 11, z), (10 - n, 8), (12 - n, 8), flat_along=(0, 1, 0))
        for n, (z, out_mm) in enumerate(((-36, 42), (-56, 37), (-73, 26)))
    ]
    behind = capsule(at(18, 18, -8), at(28, 25, -66), (7, 5), (6, 4))
    wide = (8.5 + _JOINT_MM, 18.0 + 0.5 * _JOINT_MM), (7.0 + _JOINT_MM, 12.5 + 0.5 * _JOINT_MM)
    return [ala, mass, low, *bridges, behind], capsule(top, at(44.5, 15, -64), *wide, flat_along=out)


def _facet(person: Person, side: float) -> Shape:
    """The upper articular process of S1, in the sacrum's frame."""
    joint, arch, frame = (
        joint_below(person, person.levels[-1], side),
        mean_materials(person).arch,
        person.frames["sacrum"],
    )
    middle = joint.centre + (joint.gap / 2 + _PLATE_MM) * joint.normal
    foot = middle - (joint.half_height + 6.0) * joint.along
    world = capsule(middle + 4.0 * joint.along, foot, (_PLATE_MM, joint.half_breadth), (6.0, 8.0),
                    flat_along=joint.normal)  # fmt: skip
    local = Frame(
        np.asarray(frame.axes @ (world.frame.origin - frame.origin)), np.asarray(world.frame.axes @ frame.axes.T)
    )
    return replace(world, frame=local).made_of(shell_mm=1.2 * arch.shell_mm, inner_hu=arch.inner_hu)


def _crest(person: Person) -> list[Shape]:
    """Laminae and the row of fused spinous processes, in the sacrum's frame."""
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
    for place, (frame, (height, wide, _, _)) in enumerate(zip(frames, _SEGMENTS, strict=True)):
        x, z = wide * size.lower_width * 0.5 - 2.0, -height * person.scale + 1.0
        for side in (-1.0, 1.0):
            front = frame.to_world((side * (x + 4.5), -16, z - 2.0))
            rear = frame.to_world((side * (x + 1.0), 34, z + 2.0))
            wide_mm = 6.0 - 0.7 * place
            holes.append(capsule(front, rear, (wide_mm, wide_mm * 0.85), (wide_mm * 0.6, wide_mm * 0.6)).carving())
    return holes


def _disc_remnant(person: Person, frames: list[Frame]) -> Part:
    """The first sacral disc, thin and half ossified, in the world."""
    size = person.vertebrae[person.levels[-1]]
    w, d = 0.62 * size.lower_width / 2, 0.55 * size.lower_depth / 2
    place = Frame(frames[1].origin + np.array([0, 1.0, 1.0]), frames[1].axes)
    numbers = (w, d, w, d, 1.3, 1.3, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0)
    disc = Shape(BODY, WORLD, numbers, w + 5).within(place).within(person.frames["sacrum"])
    hu = 0.4 * person.trabecular_hu + 60
    return Part((disc.made_of(shell_mm=0.0, inner_hu=0.7 * hu),), hu, blend_mm=1.0)
