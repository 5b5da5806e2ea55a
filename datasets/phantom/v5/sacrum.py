"""The sacrum of version 5: broad wings up to the iliac bones, fatty inside, and joints as narrow gaps.

Bodies, canal, foramina and crest stand where version 2 has them. Spongy bone is densest in the first segment and least
in the wings, which hold fat in many people; what is dense are the layers at the joints and the upper facets. Places and
densities are ours, found beside two CTs.
"""

from dataclasses import replace

from ..v2 import sacrum as second
from ..v2.anthropometry import LABELS

# Version 2 is frozen and keeps these to itself; a copy would be worse.
from ..v2.sacrum import _canal as canal  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _crest as crest  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _facet as facet  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _foramina as foramina  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _local as local  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _remnant as remnant  # pyright: ignore[reportPrivateUsage]
from ..v2.sacrum import _segment_frames as segment_frames  # pyright: ignore[reportPrivateUsage]
from ..v2.shapes import Part, Shape, capsule, soft
from ..v2.vertebra import CARTILAGE_HU, bone_of
from .person import Person

SHELL_HU = 1100.0
# Spongy bone of the segments from above, and of the wings, against that of the lumbar bodies.
_SEGMENTS, _WING = (0.95, 0.6, 0.5, 0.45), 0.27
_JOINT_MM = 2.3


def sacrum(person: Person) -> list[Part]:
    """Cartilage of the sacroiliac joints, the bone, and what is left of the first sacral disc."""
    random, frame = person.random("sacrum"), person.frames["sacrum"]
    frames, bone = segment_frames(person), bone_of(person)
    fatty = float(random.normal(0, 20)) - 30 * person.fat
    shapes = _bodies(person, fatty)
    gaps: list[Shape] = []
    for side in (-1.0, 1.0):
        wing, gap = _wing(person, side, float(random.normal(1, 0.02)))
        shell = [0.4, 0.9, *([0.5] * (len(wing) - 2))]
        shapes += [
            one.made_of(shell_mm=thick * person.cortex, inner_hu=_WING * bone.body_hu + fatty)
            for one, thick in zip(wing, shell, strict=True)
        ]
        gaps.append(gap.within(frame))
        process = facet(person, side).made_of(shell_mm=1.2 * bone.arch_shell_mm, inner_hu=bone.arch_hu)
        shapes.append(replace(process, frame=local(process.frame, frame)))
    shapes += [one.made_of(shell_mm=0.75 * person.cortex, inner_hu=0.3 * bone.body_hu) for one in crest(person)]
    solid = Part(
        tuple(one.within(frame) for one in [*shapes, canal(person), *foramina(person, frames)]),
        SHELL_HU, label=LABELS["sacrum"], blend_mm=4.0, texture_hu=0.2 * person.trabecular_hu + 22,
        texture_mm=(4.5, 4.5, 8.0), texture_seed=int(random.integers(1 << 30)), frame=frame, shell_variation=0.45,
        dense_hu=0.25 * person.trabecular_hu,
    )  # fmt: skip
    joints = soft(tuple(gaps), CARTILAGE_HU, blend_mm=0.5)
    rest = remnant(person, frames, frame)
    return [replace(joints, label=-1), solid, replace(rest, shapes=tuple(_lighter(one) for one in rest.shapes))]


def _bodies(person: Person, fatty: float) -> list[Shape]:
    bone, frames = bone_of(person), segment_frames(person)
    drums = second._bodies(person, frames, bone)  # pyright: ignore[reportPrivateUsage]
    return [
        drum.made_of(shell_mm=1.1 * bone.body_shell_mm, inner_hu=share * bone.body_hu + (1 - share) * fatty)
        for drum, share in zip(drums, _SEGMENTS, strict=True)
    ]


def _lighter(disc: Shape) -> Shape:
    return disc.made_of(shell_mm=disc.shell_mm, inner_hu=0.7 * disc.inner_hu)


def _wing(person: Person, side: float, vary: float) -> tuple[list[Shape], Shape]:
    """Ala and lateral mass of one side in the sacrum's frame, and the gap on its ear-shaped face."""
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
