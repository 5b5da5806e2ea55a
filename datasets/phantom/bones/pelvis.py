"""The iliac wings: stout at the sacroiliac joint, crest, pillar and arcuate line, thin between.

Courses and thicknesses were traced on two CTs: behind, the wing runs nearly from front to back and is 20 mm thick; from
the front of the joint on it turns outwards.
"""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from bench.geometry import Matrix

from ..person.anthropometry import LABELS
from ..person.person import Person
from ..rendering.shapes import Frame, Part, Shape, capsule, ellipsoid
from .curves import points_along
from .materials import PELVIS_HU

# Left wing, mm from the middle of the sacral endplate in upright axes, from the back spine to the front one: the crest,
# the middle of the fossa, the arcuate line and what continues it to the notch.
_CREST = ((51, 68, -38), (61, 59, -6), (75, 38, 22), (102, 8, 38), (126, -24, 34), (135, -52, 12), (126, -74, -18))
_FOSSA = ((56, 66, -48), (61, 48, -32), (67, 28, -24), (82, 5, -20), (101, -16, -22), (113, -38, -28), (118, -64, -42))
_BRIM = ((54, 58, -60), (60, 44, -56), (68, 26, -60), (80, 6, -66), (93, -14, -74), (103, -36, -80), (105, -60, -86))
_ROWS, _RODS = 7, 11
# Factor on the lateral distances above, at the sacroiliac joint.
_JOINT_WIDE = 0.965
# Half the thickness along each of the three, mm.
_ALONG = (0.0, 0.17, 0.33, 0.5, 0.67, 0.83, 1.0)
_THICK = (
    (6.5, 7.0, 5.0, 4.6, 7.5, 5.0, 6.5),
    (8.0, 9.5, 8.5, 4.0, 2.6, 3.0, 5.0),
    (6.5, 8.0, 8.0, 8.0, 8.0, 8.0, 8.5),
)
# Layer against the person's cortex, mm: thick in the thin fossa and on the arcuate line, thin where the bone is stout.
_SHELL = (
    (1.0, 0.9, 1.1, 1.3, 1.2, 1.2, 1.1),
    (0.8, 0.8, 1.0, 1.5, 1.5, 1.3, 1.1),
    (0.9, 1.1, 1.6, 2.1, 2.0, 1.6, 1.3),
)


def ilium(person: Person) -> list[Part]:
    """Both wings."""
    random = person.random("ilium")
    wide = float(random.normal(0.97 if person.male else 1.02, 0.03))
    flare = float(random.normal(0, 5))
    return [_wing(person, random, side, swing=wide * random.normal(1, 0.012), flare=flare) for side in (-1.0, 1.0)]


def _wing(person: Person, random: np.random.Generator, side: float, *, swing: float, flare: float) -> Part:
    rows = [(share, _row(share, side, swing, flare) * person.scale) for share in np.linspace(0, 1, _ROWS)]
    bulk = 0.93 + 0.1 * person.muscle + float(random.normal(0, 0.04))
    spongy = 0.4 * person.trabecular_hu - 15 * person.fat + 15
    shapes = [rod for place in range(_ROWS) for rod in _rods(rows, place, bulk, person.cortex, spongy)]
    crest = rows[0][1]
    ends = [ellipsoid(crest[-1], (6.0, 8.0, 9.0)), ellipsoid(crest[0], (7.0, 9.0, 10.0))]
    shapes += [one.made_of(shell_mm=person.cortex, inner_hu=spongy) for one in ends]
    frame = Frame(person.frames["sacrum"].origin, np.eye(3))
    return Part(
        tuple(one.within(frame) for one in shapes), PELVIS_HU, label=LABELS["ilium"], blend_mm=3.0,
        texture_hu=0.2 * person.trabecular_hu + 20, texture_seed=int(random.integers(1 << 30)), texture_mm=(5, 5, 6),
        shell_variation=0.4, dense_hu=0.2 * person.trabecular_hu,
    )  # fmt: skip


def _row(share: float, side: float, swing: float, flare: float) -> Matrix:
    """A line through the wing, ``share`` of the way from crest to brim; ``flare``: mm the front of the crest leans out.

    Behind, wings are as far apart as the sacrum is broad; in front, ``swing`` of the drawn distance.
    """
    surface = CubicSpline([0.0, 0.5, 1.0], np.array([_CREST, _FOSSA, _BRIM], dtype=float))
    line = points_along(np.asarray(surface(share)), _RODS)
    along = np.linspace(0, 1, _RODS)
    line[:, 0] *= _JOINT_WIDE + (swing - _JOINT_WIDE) * along
    line[:, 0] += flare * (1 - share) * along
    return np.asarray(line * [side, 1.0, 1.0])


def _at(table: tuple[tuple[float, ...], ...], share: float, along: Matrix) -> Matrix:
    """A table of three rows, interpolated between rows (``share`` 0 to 1) and columns (``along`` 0 to 1)."""
    rows = np.array([np.interp(along, _ALONG, row) for row in table])
    low, part = min(int(2 * share), 1), 2 * share - min(int(2 * share), 1)
    return np.asarray((1 - part) * rows[low] + part * rows[low + 1])


def _rods(rows: list[tuple[float, Matrix]], place: int, bulk: float, cortex: float, spongy: float) -> list[Shape]:
    """Flat rods along a row, thin across the plate, broad enough to meet the next row."""
    share, line = rows[place]
    upper, lower = rows[max(place - 1, 0)][1], rows[min(place + 1, _ROWS - 1)][1]
    along, edge = np.linspace(0, 1, _RODS), 0.62 if place in (0, _ROWS - 1) else 0.75
    thick, shell = bulk * _at(_THICK, share, along), cortex * _at(_SHELL, share, along)
    across = (upper - lower) / 2
    broad = np.maximum(edge * np.linalg.norm(across, axis=1), thick)
    return [
        capsule(
            line[n], line[n + 1], (float(thick[n]), float(broad[n])), (float(thick[n + 1]), float(broad[n + 1])),
            flat_along=np.cross(line[n + 1] - line[n], across[n]),
        ).made_of(shell_mm=float(shell[n]), inner_hu=spongy)
        for n, _ in pairwise(range(_RODS))
    ]  # fmt: skip
