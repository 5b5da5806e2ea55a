"""What stands round the vertebrae: discs, sacrum, iliac wings and the lowest ribs."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from bench.geometry import Matrix

from .anthropometry import LABELS, LEVELS
from .person import Person, stream
from .shapes import BODY, WORLD, Part, Shape, capsule, ellipsoid, soft
from .vertebra import CORTEX_HU, bone_of


def discs(version: int, seed: int, person: Person) -> list[Part]:
    """Discs between the endplates: painted before the bones, which cut them to shape."""
    names = [*LEVELS, "sacrum"]
    return [_disc(version, seed, person, above, below) for above, below in pairwise(names)]


def _disc(version: int, seed: int, person: Person, above: str, below: str) -> Part:
    random = stream(version, seed, "disc" + above)
    size, upper, lower = person.vertebrae[above], person.frames[above], person.frames[below]
    top = upper.to_world((0, 0, -size.height / 2))
    height = person.vertebrae[below].height / 2 if below in person.vertebrae else 0.0
    middle = (top + lower.to_world((0, 0, height))) / 2
    w, d, half = size.lower_width / 2, size.lower_depth / 2, size.disc_mm / 2 + 3.0
    drum = Shape(BODY, WORLD, (w, d, w, d, half + 1, half, -0.04, 0.0, 0.0, 1.5), w + 8)
    frame = type(upper)(middle, (upper.axes + lower.axes) / 2)
    return soft(
        (drum.within(frame),), float(random.normal(88, 10)), texture_hu=8.0, texture_seed=int(random.integers(1 << 30))
    )


def sacrum(version: int, seed: int, person: Person) -> Part:
    """S1 and below; the frame's origin lies in the middle of the sacral endplate."""
    random = stream(version, seed, "sacrum")
    size, frame, bone = person.vertebrae["L5"], person.frames["sacrum"], bone_of(person)
    w, d, s = size.lower_width / 2, size.lower_depth / 2, person.scale
    drums = [_drum(0.5 * (high + low), high - low, w * wide, d * deep, y) for high, low, wide, deep, y in _SEGMENTS]
    shapes = [drum.made_of(shell_mm=bone.body_shell_mm * 1.2, inner_hu=bone.body_hu) for drum in drums]
    wings: list[Shape] = []
    for side in (-1.0, 1.0):
        wide = side * s * random.normal(1, 0.03)
        wings += [
            capsule((14 * wide, 3, -12), (42 * wide, 12, -17), (12, 10), (10, 12), flat_along=(0, 1, 0)),
            capsule((40 * wide, 13, -16), (33 * wide, 12, -58), (6, 15), (5, 9)),
            capsule((14 * wide, 6, -40), (34 * wide, 10, -42), (8, 9), (8, 11), flat_along=(0, 1, 0)),
            capsule((21 * wide, d + 9, -3), (23 * wide, d + 13, 7), (4.5, 4.5), (3.2, 4.5)),
            capsule((20 * wide, d + 11, -6), (3 * wide, d + 21, -16), (3.3, 8), flat_along=(0, 1, 0)),
            capsule((21 * wide, 12, -8), (21 * wide, d + 10, -6), (6, 7)),
        ]
    wings.append(capsule((0, d + 22, -12), (0, d + 22, -60), (3, 5), (3, 4)))
    shapes += [shape.made_of(shell_mm=bone.arch_shell_mm * 0.8, inner_hu=bone.body_hu * 0.75) for shape in wings]
    canal = capsule((0, d + 8, 40), (0, d + 6, -30), (13, 8), (9, 6)).carving()
    return Part(
        tuple(shape.within(frame) for shape in [*shapes, canal]), CORTEX_HU, label=LABELS["sacrum"], blend_mm=7.0,
        texture_hu=0.2 * person.trabecular_hu + 12, texture_mm=(4.0, 4.0, 7.0),
        texture_seed=int(random.integers(1 << 30)), frame=frame, shell_variation=0.3,
    )  # fmt: skip


# Top and bottom (mm), half-width and half-depth against L5's lower endplate, displacement backwards.
_SEGMENTS = ((0.0, -31.0, 0.98, 0.92, 0.0), (-28.0, -56.0, 0.72, 0.68, 5.0), (-53.0, -78.0, 0.6, 0.5, 10.0))


def _drum(middle: float, height: float, half_width: float, half_depth: float, back: float) -> Shape:
    numbers = (
        half_width,
        half_depth,
        half_width * 0.8,
        half_depth * 0.8,
        height / 2 + 1,
        height / 2,
        0.06,
        1.0,
        1.0,
        1.0,
    )
    drum = Shape(BODY, WORLD, numbers, half_width + height)
    return drum.within(type(WORLD)(np.array([0.0, back, middle]), np.eye(3)))


# Iliac wing, left, mm from the middle of the sacral endplate in upright axes: along its crest and along its foot.
_CREST = np.array(
    [[40, 62, -30], [58, 55, 8], [82, 34, 34], [108, 2, 36], [126, -36, 14], [122, -66, -22]], dtype=float
)
_FOOT = np.array(
    [[38, 44, -52], [46, 34, -50], [56, 14, -58], [72, -10, -70], [90, -36, -80], [102, -60, -74]], dtype=float
)


def ilium(version: int, seed: int, person: Person) -> list[Part]:
    """Both iliac wings as bowed plates: rows of flat rods between crest and foot."""
    random = stream(version, seed, "ilium")
    wide = random.normal(0.97 if person.male else 1.03, 0.04)
    return [_wing(person, side, wide * random.normal(1, 0.02), int(random.integers(1 << 30))) for side in (-1.0, 1.0)]


def _wing(person: Person, side: float, wide: float, seed: int) -> Part:
    bone = bone_of(person)
    shapes: list[Shape] = []
    for share in np.linspace(0, 1, 8):
        line = (1 - share) * _CREST + share * _FOOT
        # The fossa bows outwards; the crest is the thickest part.
        line = line + np.outer(np.sin(np.pi * np.linspace(0, 1, 6)), [9.0, 3.0, 0.0]) * np.sin(np.pi * share)
        thick = 6.0 - 7.5 * share * (1 - share) * 1.6
        shapes += _rods(line * [side * wide * person.scale, person.scale, person.scale], _CREST - _FOOT, thick, side)
    origin = person.frames["sacrum"].origin
    frame = type(WORLD)(origin, np.eye(3))
    made = tuple(
        shape.made_of(shell_mm=bone.arch_shell_mm * 0.9, inner_hu=bone.body_hu * 0.8).within(frame) for shape in shapes
    )
    return Part(
        made, CORTEX_HU, label=LABELS["ilium"], blend_mm=4.0, texture_hu=35.0, texture_seed=seed, shell_variation=0.3
    )


def _rods(line: Matrix, across: Matrix, thick: float, side: float) -> list[Shape]:
    rods: list[Shape] = []
    for n in range(len(line) - 1):
        slope = across[n] * [side, 1, 1]
        normal = np.cross(line[n + 1] - line[n], slope)
        rods.append(capsule(line[n], line[n + 1], (thick, 15.0), flat_along=normal))
    return rods


def _curve(points: Matrix, count: int) -> Matrix:
    """``count`` points along the smooth curve through ``points``."""
    return np.asarray(CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, count)))


# Rib paths, left, mm from the middle of their vertebra's body in upright axes; flat section (thick, tall).
_RIBS = {
    "T11": ((22, 24, 6), (45, 38, 0), (78, 40, -16), (108, 22, -40), (124, -10, -66), (122, -38, -86)),
    "T12": ((22, 26, 4), (42, 38, -4), (66, 42, -20), (88, 36, -42), (100, 26, -58)),
}


def ribs(version: int, seed: int, person: Person) -> list[Part]:
    """The two lowest pairs of ribs; the twelfth varies most."""
    random = stream(version, seed, "ribs")
    bone, parts = bone_of(person), list[Part]()
    for level, path in _RIBS.items():
        keep = int(random.integers(3, 6)) if level == "T12" else len(path)
        for side in (-1.0, 1.0):
            line = np.array(path[:keep], dtype=float) * [
                side * person.scale,
                person.scale,
                person.scale * random.normal(1, 0.1),
            ]
            line = _curve(line + person.frames[level].origin, 3 * keep)
            rods = [capsule(line[n], line[n + 1], (3.2, 5.8), flat_along=(side, 1, 0)) for n in range(3 * keep - 1)]
            head = ellipsoid(line[0], (5.0, 5.5, 6.0))
            made = tuple(
                rod.made_of(shell_mm=bone.arch_shell_mm * 0.8, inner_hu=bone.body_hu * 0.6) for rod in [head, *rods]
            )
            parts.append(Part(made, CORTEX_HU, label=LABELS["ribs"], blend_mm=1.5, shell_variation=0.2))
    return parts
