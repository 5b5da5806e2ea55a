"""Iliac wings as bowed plates with a thick crest, tubercle and spines, and the lowest ribs."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from bench.geometry import Matrix

from ..v1.shapes import WORLD, Frame
from .anthropometry import LABELS
from .person import Person
from .shapes import Part, Shape, capsule, ellipsoid
from .vertebra import CORTEX_HU, bone_of

# Iliac wing, left, mm from the middle of the sacral endplate in upright axes, from the back spine to the front one:
# along the crest, through the middle of the fossa, along the pelvic brim.
_CREST = ((36, 66, -34), (46, 64, -8), (66, 50, 22), (92, 22, 40), (114, -10, 42), (128, -42, 22), (122, -68, -14))
_FOSSA = ((37, 56, -48), (46, 49, -28), (63, 33, -14), (88, 6, -10), (106, -22, -14), (114, -46, -24), (112, -66, -42))
_BRIM = ((38, 46, -66), (46, 35, -58), (58, 18, -60), (74, -6, -68), (88, -28, -78), (98, -46, -82), (102, -60, -84))


# Half the thickness of the plate from crest to brim.
_PLATE_AT, _PLATE_MM = (0.0, 0.17, 0.5, 0.8, 1.0), (5.4, 4.8, 3.4, 4.6, 7.5)


def ilium(person: Person) -> list[Part]:
    """Both wings."""
    random = person.random("ilium")
    wide = float(random.normal(0.97 if person.male else 1.03, 0.035))
    return [_wing(person, side, wide * random.normal(1, 0.015), int(random.integers(1 << 30))) for side in (-1.0, 1.0)]


def _wing(person: Person, side: float, wide: float, seed: int) -> Part:
    bone, scale = bone_of(person), person.scale
    surface = CubicSpline([0.0, 0.5, 1.0], np.array([_CREST, _FOSSA, _BRIM], dtype=float))
    rows: list[tuple[float, float, Matrix]] = []
    for share in (float(n) / 6 for n in range(7)):
        line = curve(np.asarray(surface(share)), 11) * [side * wide * scale, scale, scale]
        rows.append((share, float(np.interp(share, _PLATE_AT, _PLATE_MM)), line))
    shapes = [rod for share, thick, line in rows for rod in _rods(rows, share, thick, line)]
    crest = rows[0][2]
    shapes += [
        ellipsoid(crest[7], (6.5, 7.5, 6.0)), ellipsoid(crest[-1], (6.0, 8.0, 9.0)),
        ellipsoid(crest[0], (7.0, 9.0, 10)),
        # The tuberosity behind the sacroiliac joint.
        capsule(0.5 * (rows[2][2][1] + rows[2][2][2]), crest[1], (7.5, 12.0), (6.0, 8.0)),
    ]  # fmt: skip
    frame = Frame(person.frames["sacrum"].origin, np.eye(3))
    made = tuple(
        shape.made_of(shell_mm=bone.arch_shell_mm * 0.85, inner_hu=bone.body_hu * 0.8 + 40).within(frame)
        for shape in shapes
    )
    return Part(
        made, CORTEX_HU, label=LABELS["ilium"], blend_mm=4.0, texture_hu=0.2 * person.trabecular_hu, texture_seed=seed,
        texture_mm=(4, 4, 4), shell_variation=0.3, dense_hu=0.3 * person.trabecular_hu,
    )  # fmt: skip


def _rods(rows: list[tuple[float, float, Matrix]], share: float, thick: float, line: Matrix) -> list[Shape]:
    """Flat rods along a row, thin across the plate, broad enough to meet the next row."""
    place = [row[0] for row in rows].index(share)
    upper, lower = rows[max(place - 1, 0)][2], rows[min(place + 1, len(rows) - 1)][2]
    rods: list[Shape] = []
    for n, (start, end) in enumerate(pairwise(line)):
        across = (upper[n] - lower[n]) / 2
        broad = max(float(np.linalg.norm(across)) * (0.62 if place in (0, len(rows) - 1) else 0.75), thick)
        rods.append(capsule(start, end, (thick, broad), flat_along=np.cross(end - start, across)))
    return rods


def curve(points: Matrix, count: int) -> Matrix:
    """``count`` points along the smooth curve through ``points``."""
    return np.asarray(CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, count)))


# Rib paths, left, mm from the middle of their vertebra's body in upright axes.
_RIBS = {
    "T11": ((21, 19, 6), (40, 36, 0), (76, 44, -14), (110, 28, -36), (128, -8, -62), (124, -40, -84)),
    "T12": ((23, 20, 3), (40, 36, -4), (66, 44, -20), (90, 38, -42), (104, 24, -60)),
}


def ribs(person: Person) -> list[Part]:
    """The two lowest pairs of ribs; the twelfth varies most."""
    random, bone, parts = person.random("ribs"), bone_of(person), list[Part]()
    for level, path in _RIBS.items():
        for side in (-1.0, 1.0):
            keep = int(random.integers(3, 6)) if level == "T12" else len(path)
            swing = [side * person.scale, person.scale, person.scale * random.normal(1, 0.12)]
            line = curve(np.array(path[:keep], dtype=float) * swing + person.frames[level].origin, 3 * keep)
            rods = [capsule(start, end, (2.6, 5.4), flat_along=(side, 1, 0)) for start, end in pairwise(line)]
            head = ellipsoid(line[0], (4.5, 4.5, 5.0))
            made = tuple(
                rod.made_of(shell_mm=bone.arch_shell_mm * 0.9, inner_hu=bone.body_hu * 0.6) for rod in [head, *rods]
            )
            parts.append(Part(made, CORTEX_HU, label=LABELS["ribs"], blend_mm=1.5, shell_variation=0.2, frame=WORLD))
    return parts
