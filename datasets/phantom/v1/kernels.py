"""The compiled renderer: parts of implicit shapes to Hounsfield units, with partial volume at every edge.

The only file that touches numba. A voxel's share of a part is a ramp one voxel wide across the surface
(0.5 - distance / spacing, clipped), and its share of the outer layer the difference of two such ramps, so that a shell
thinner than a voxel keeps its integral. Every slab of voxels is written by one thread in a fixed order: the same input
gives the same bits on any number of threads.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import prange

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from .shapes import PART_LENGTH, ROW_LENGTH, Part

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile, with a cache on disk."""
    return cast(F, numba.njit(cache=True)(function))  # pyright: ignore[reportUnknownMemberType]


def parallel(function: F) -> F:
    """Compile for all threads, with a cache on disk."""
    return cast(F, numba.njit(cache=True, parallel=True)(function))  # pyright: ignore[reportUnknownMemberType]


@compiled
def capsule_distance(u: float, v: float, w: float, p: Matrix) -> float:
    """Numbers: length, radii (u, v) at the start, (u, v) at the end, end radii."""
    length = p[0]
    along = min(max(w, 0.0), length)
    t = along / length if length > 0 else 0.0
    ru, rv = p[1] + t * (p[3] - p[1]), p[2] + t * (p[4] - p[2])
    over = w - along
    rw = p[5] if over < 0 else p[6]
    q = math.sqrt((u / ru) ** 2 + (v / rv) ** 2 + (over / rw) ** 2)
    slope = math.sqrt((u / ru**2) ** 2 + (v / rv**2) ** 2 + (over / rw**2) ** 2)
    if slope < 1e-6:
        return float(-min(ru, rv))
    return float(q * (q - 1.0) / slope)


@compiled
def superellipse(x: float, y: float, a: float, b: float, power: float) -> float:
    """1 on the curve, smaller inside."""
    return float(((abs(x) / a) ** power + (abs(y) / b) ** power) ** (1.0 / power))


@compiled
def _body(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, half-depth above, below; half-height before, behind; waist; dish above, below; hollow.

    A kidney-shaped drum: superelliptic section narrowed by the waist, hollow behind, dished endplates with a rim.
    """
    mean_b = 0.5 * (p[1] + p[3])
    lean = min(max(y / mean_b, -1.2), 1.2)
    half = 0.5 * (p[4] + p[5]) + 0.5 * (p[5] - p[4]) * lean
    level = min(max(z / half, -1.0), 1.0)
    up = 0.5 * (level + 1.0)
    narrow = 1.0 - p[6] * (1.0 - level * level)
    a, b = (p[2] + up * (p[0] - p[2])) * narrow, (p[3] + up * (p[1] - p[3])) * narrow
    hollowed = y + p[9] * max(0.0, 1.0 - (x / (0.62 * a)) ** 2) if y > 0 else y
    q = superellipse(x, hollowed, a, b, 2.35)
    radius = math.sqrt(x * x + y * y)
    side = radius - radius / q if q > 0.05 else -min(a, b)
    dish = max(0.0, 1.0 - (q / 0.92) ** 2)
    # The lower endplate is deepest behind its middle, the upper one near it.
    top = z - (half - p[7] * dish)
    bottom = -z - (half - p[8] * dish * (1.0 + 0.35 * lean))
    return carve(carve(side, top, 2.0), bottom, 2.0)


@compiled
def _column(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, half-depth, their linear and quadratic change per 100 mm of height, power, cuts."""
    h = z / 100.0
    a, b = p[0] + p[2] * h + p[4] * h * h, p[1] + p[3] * h + p[5] * h * h
    q = superellipse(x, y, a, b, p[6])
    radius = math.sqrt(x * x + y * y)
    side = radius - radius / q if q > 0.05 else -min(a, b)
    return float(max(side, max(p[7] - z, z - p[8])))


@compiled
def carve(d: float, other: float, k: float) -> float:
    """Smooth maximum of two distances: the intersection."""
    h = min(max(0.5 - 0.5 * (other - d) / k, 0.0), 1.0)
    return other + h * (d - other) + k * h * (1.0 - h)


@compiled
def _distance(row: Matrix, x: float, y: float, z: float) -> float:
    dx, dy, dz = x - row[2], y - row[3], z - row[4]
    u = row[5] * dx + row[6] * dy + row[7] * dz
    v = row[8] * dx + row[9] * dy + row[10] * dz
    w = row[11] * dx + row[12] * dy + row[13] * dz
    if row[0] == 0.0:
        return capsule_distance(u, v, w, row[14:24])
    if row[0] == 1.0:
        return _body(u, v, w, row[14:24])
    return _column(u, v, w, row[14:24])


@compiled
def _lattice(i: int, j: int, k: int, seed: int) -> float:
    """A number in [-1, 1) that depends on a lattice point alone."""
    n = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791) ^ (seed * 2654435761)
    n = n & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    n = n ^ (n >> 16)
    return n / 2147483648.0 - 1.0


@compiled
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """Trilinear value noise of unit lattice."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
                total += weight * _lattice(int(i) + a, int(j) + b, int(k) + c, seed)
    return total


@compiled
def _texture(part: Matrix, x: float, y: float, z: float) -> float:
    dx, dy, dz = x - part[7], y - part[8], z - part[9]
    u = (part[10] * dx + part[11] * dy + part[12] * dz) * part[3]
    v = (part[13] * dx + part[14] * dy + part[15] * dz) * part[4]
    w = (part[16] * dx + part[17] * dy + part[18] * dz) * part[5]
    seed = int(part[6])
    return 1.6 * value_noise(u, v, w, seed) + 0.9 * value_noise(2.1 * u, 2.1 * v, 2.1 * w, seed + 1)


@compiled
def ramp_share(distance: float, spacing: float) -> float:
    """How much of a voxel lies inside a surface at a signed distance."""
    return min(max(0.5 - distance / spacing, 0.0), 1.0)


@compiled
def _evaluate(rows: Matrix, blend: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Distance, layer thickness and inner HU of a part; the latter two run over like the surfaces."""
    d, shell, inner = 1e9, 0.0, 0.0
    for n in range(rows.shape[0]):
        # Carving only adds distance: a voxel farther out than half the widest voxel stays empty.
        if rows[n, 1] < 0 and d > 4.0:
            break
        one = _distance(rows[n], x, y, z)
        if rows[n, 1] < 0:
            d = carve(d, -one if rows[n, 1] > -1.5 else one, 1.0)
            continue
        h = min(max(0.5 + 0.5 * (d - one) / blend, 0.0), 1.0)
        d = d + h * (one - d) - blend * h * (1.0 - h)
        shell, inner = shell + h * (rows[n, 24] - shell), inner + h * (rows[n, 25] - inner)
    return d, shell, inner


@parallel
def _paint(
    hu: FloatGrid, labels: LabelGrid, rows: Matrix, parts: Matrix, ranges: Any, origin: Matrix, spacing: float
) -> None:
    """Paint all parts over ``hu``, slab by slab; ranges: first and end row, label, then index boxes (low, high) x 3."""
    for i in prange(hu.shape[0]):
        x = origin[0] + i * spacing
        held = np.zeros(hu.shape[1:], dtype=np.float32)
        for n in range(parts.shape[0]):
            part, span = parts[n], ranges[n]
            if i < span[3] or i >= span[4]:
                continue
            mine = rows[span[0] : span[1]]
            for j in range(span[5], span[6]):
                y = origin[1] + j * spacing
                for k in range(span[7], span[8]):
                    z = origin[2] + k * spacing
                    d, shell, inner = _evaluate(mine, part[1], x, y, z)
                    outer_share = ramp_share(d, spacing)
                    if outer_share <= 0.0:
                        continue
                    grain = _texture(part, x, y, z) if part[2] > 0.0 or part[19] > 0.0 else 0.0
                    shell *= max(0.25, 1.0 + part[19] * grain)
                    inner_share = ramp_share(d + shell, spacing)
                    before = hu[i, j, k]
                    hu[i, j, k] = (
                        before * (1.0 - outer_share)
                        + part[0] * (outer_share - inner_share)
                        + (inner + part[2] * grain) * inner_share
                    )
                    if span[2] > 0 and outer_share >= 0.5 and outer_share > held[j, k]:
                        labels[i, j, k] = span[2]
                        held[j, k] = outer_share


def render(
    parts: Sequence[Part], *, shape: tuple[int, int, int], origin: Matrix, spacing_mm: float
) -> tuple[FloatGrid, LabelGrid]:
    """HU (float32) and labels (uint16) of parts painted in order into air; ``origin`` is voxel (0, 0, 0), world mm."""
    hu = np.full(shape, -1000, dtype=np.float32)
    labels = np.zeros(shape, dtype=np.uint16)
    rows = np.concatenate([np.stack([shape_.row() for shape_ in part.shapes]) for part in parts])
    table = np.stack([part.row() for part in parts])
    if rows.shape[1] != ROW_LENGTH or table.shape[1] != PART_LENGTH:
        raise ValueError("rows of shapes and parts do not have the lengths that the kernel reads")
    _paint(hu, labels, rows, table, _ranges(parts, shape, origin, spacing_mm), origin, spacing_mm)
    return hu, labels


def _ranges(parts: Sequence[Part], shape: tuple[int, int, int], origin: Matrix, spacing: float) -> Any:
    ranges = np.zeros((len(parts), 9), dtype=np.int64)
    end = 0
    for n, part in enumerate(parts):
        low, high = part.bounds()
        first = np.clip(np.floor((low - origin) / spacing) - 1, 0, shape).astype(np.int64)
        last = np.clip(np.ceil((high - origin) / spacing) + 2, 0, shape).astype(np.int64)
        ranges[n, :3] = end, end + len(part.shapes), part.label
        ranges[n, 3::2], ranges[n, 4::2] = first, last
        end += len(part.shapes)
    return ranges
