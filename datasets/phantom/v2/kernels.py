"""The compiled renderer of version 2: parts of implicit shapes to Hounsfield units, labels and sub-regions.

Beside version 1's kernels (which it uses) the only file that touches numba here. A voxel's share of a part is a ramp
one voxel wide across the surface, its share of the outer layer the difference of two such ramps: no staircase, and a
shell thinner than a voxel keeps its integral. Slabs are written by one thread each in a fixed order: any number of
threads gives the same bits. Shapes whose ball lies too far from a voxel are passed over.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from ..v1.kernels import capsule_distance, carve, compiled, parallel, ramp_share, superellipse, value_noise
from .shapes import PART_LENGTH, ROW_LENGTH, Part


@compiled
def _body(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, half-depth above; below; half-height before, behind; waist at the sides, behind.

    Then dish above, below (mm); hollow behind; lean to the left (mm across); where the lower dish is deepest.
    A kidney-shaped drum with rounded corners, narrowed by its waist, its endplates dished inside a flat rim.
    """
    lean = min(max(y / (0.5 * (p[1] + p[3])), -1.2), 1.2)
    tilt = min(max(x / (0.5 * (p[0] + p[2])), -1.2), 1.2)
    half = 0.5 * (p[4] + p[5]) + 0.5 * (p[5] - p[4]) * lean + 0.5 * p[11] * tilt
    level = min(max(z / half, -1.0), 1.0)
    up = 0.5 * (level + 1.0)
    bell = (1.0 - level * level) ** 0.8
    narrow = 1.0 - p[6] * bell
    a, b = (p[2] + up * (p[0] - p[2])) * narrow, (p[3] + up * (p[1] - p[3])) * (narrow if y < 0 else 1.0 - p[7] * bell)
    hollowed = y + p[10] * max(0.0, 1.0 - (x / (0.6 * a)) ** 2) * min(1.0, 2.0 * y / b) if y > 0 else y
    q = superellipse(x, hollowed, a, b, 2.3)
    radius = math.sqrt(x * x + y * y)
    side = radius - radius / q if q > 0.05 else -min(a, b)
    within = max(0.0, 1.0 - (q / 0.86) ** 2.4)
    top = z - (half - p[8] * within * (1.0 + 0.2 * lean))
    bottom = -z - (half - p[9] * within * (1.0 + p[12] * lean))
    return carve(carve(side, top, 2.2), bottom, 2.2)


@compiled
def _trunk(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, depth before, depth behind, each with linear and quadratic change per 100 mm; powers."""
    h = z / 100.0
    a = p[0] + p[1] * h + p[2] * h * h
    front = p[3] + p[4] * h + p[5] * h * h
    back = p[6] + p[7] * h + p[8] * h * h
    b, power = (front, p[9]) if y < 0 else (back, p[10])
    q = superellipse(x, y, max(a, 20.0), max(b, 20.0), power)
    radius = math.sqrt(x * x + y * y)
    return float(radius - radius / q if q > 0.05 else -min(a, b))


@compiled
def _tube(u: float, v: float, w: float, p: Matrix) -> float:
    """Numbers: length, radius, depth of the pouches, their period, roughness, seed."""
    along = min(max(w, 0.0), p[0])
    over = w - along
    seed = int(p[5])
    wave = math.cos(6.2831853 * w / p[3] + 0.13 * seed)
    fold = 0.35 * math.cos(3.0 * math.atan2(v, u) + 0.7 * seed)
    rough = value_noise(0.09 * u, 0.09 * v, 0.09 * w, seed)
    here = p[1] * (1.0 + p[2] * (wave - abs(fold)) + p[4] * rough)
    return float(math.sqrt(u * u + v * v + over * over) - here)


@compiled
def _distance(row: Matrix, x: float, y: float, z: float) -> float:
    dx, dy, dz = x - row[2], y - row[3], z - row[4]
    u = row[5] * dx + row[6] * dy + row[7] * dz
    v = row[8] * dx + row[9] * dy + row[10] * dz
    w = row[11] * dx + row[12] * dy + row[13] * dz
    if row[0] == 0.0:
        return capsule_distance(u, v, w, row[19:33])
    if row[0] == 1.0:
        return _body(u, v, w, row[19:33])
    if row[0] == 2.0:
        return _trunk(u, v, w, row[19:33])
    if row[0] == 3.0:
        return _tube(u, v, w, row[19:33])
    return float(w)


@compiled
def _texture(part: Matrix, x: float, y: float, z: float) -> float:
    dx, dy, dz = x - part[7], y - part[8], z - part[9]
    u = (part[10] * dx + part[11] * dy + part[12] * dz) * part[3]
    v = (part[13] * dx + part[14] * dy + part[15] * dz) * part[4]
    w = (part[16] * dx + part[17] * dy + part[18] * dz) * part[5]
    seed = int(part[6])
    return 1.6 * value_noise(u, v, w, seed) + 0.9 * value_noise(2.1 * u, 2.1 * v, 2.1 * w, seed + 1)


@compiled
def _evaluate(rows: Matrix, blend: float, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Distance, layer thickness and inner HU of a part (both run over like the surfaces), and the nearest region."""
    d, shell, inner, region, nearest = 1e9, 0.0, 0.0, 0.0, 1e9
    for n in range(rows.shape[0]):
        role = rows[n, 1]
        # Carving only adds distance: a voxel farther out than half the widest voxel stays empty.
        if role < 0 and d > 4.0:
            break
        dx, dy, dz = x - rows[n, 2], y - rows[n, 3], z - rows[n, 4]
        far = rows[n, 17] + blend + 4.0
        if role > -1.5 and dx * dx + dy * dy + dz * dz > far * far:
            continue
        one = _distance(rows[n], x, y, z)
        if role < 0:
            d = carve(d, -one if role > -1.5 else one, 1.0)
            continue
        if one < nearest:
            nearest, region = one, rows[n, 16]
        h = min(max(0.5 + 0.5 * (d - one) / blend, 0.0), 1.0)
        d = d + h * (one - d) - blend * h * (1.0 - h)
        shell, inner = shell + h * (rows[n, 14] - shell), inner + h * (rows[n, 15] - inner)
    return d, shell, inner, region


@parallel
def _paint(
    hu: FloatGrid, labels: LabelGrid, regions: Any, rows: Matrix, parts: Matrix, ranges: Any, origin: Matrix,
    spacing: float,
) -> None:  # fmt: skip
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
                    d, shell, inner, region = _evaluate(mine, part[1], x, y, z)
                    outer = ramp_share(d, spacing)
                    if outer <= 0.0:
                        continue
                    grain = _texture(part, x, y, z) if part[2] > 0.0 or part[19] > 0.0 else 0.0
                    shell *= max(0.25, 1.0 + part[19] * grain)
                    below = ramp_share(d + shell, spacing)
                    filling = inner + part[2] * grain
                    if part[20] != 0.0 and d < 0.0:
                        filling += part[20] * math.exp((d + shell) / 4.0)
                    hu[i, j, k] = hu[i, j, k] * (1.0 - outer) + part[0] * (outer - below) + filling * below
                    if outer < 0.5 or span[2] == 0:
                        continue
                    if span[2] < 0:
                        labels[i, j, k], regions[i, j, k], held[j, k] = 0, 0, 0.0
                    elif outer >= held[j, k]:
                        labels[i, j, k], regions[i, j, k], held[j, k] = span[2], int(region), outer


def render(
    parts: Sequence[Part], *, shape: tuple[int, int, int], origin: Matrix, spacing_mm: float
) -> tuple[FloatGrid, LabelGrid, LabelGrid]:
    """HU (float32), labels and sub-regions (uint16) of parts painted in order into air.

    Args:
        parts: In painting order.
        shape: Voxels along left, posterior, superior.
        origin: World position of voxel (0, 0, 0), mm.
        spacing_mm: Edge of a voxel.
    """
    hu = np.full(shape, -1000, dtype=np.float32)
    labels, regions = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.uint16)
    rows = np.concatenate([np.stack([one.row() for one in part.shapes]) for part in parts])
    table = np.stack([part.row() for part in parts])
    if rows.shape[1] != ROW_LENGTH or table.shape[1] != PART_LENGTH:
        raise ValueError("rows of shapes and parts do not have the lengths that the kernel reads")
    _paint(hu, labels, regions, rows, table, _ranges(parts, shape, origin, spacing_mm), origin, spacing_mm)
    return hu, labels, regions


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
