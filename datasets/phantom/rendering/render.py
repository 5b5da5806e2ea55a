"""The compiled renderer: parts made of implicit shapes to Hounsfield units, labels and sub-regions.

A voxel's share of a part is a ramp one voxel wide across the surface (0.5 - distance / spacing, clipped), and its share
of the outer layer the difference of two such ramps: edges show no staircase, and a layer thinner than a voxel keeps its
integral. Each slab of voxels is written by one thread in a fixed order, so that any number of threads gives the same
bits. Shapes whose bounding ball lies too far from a voxel are skipped.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from .compiled import compiled, parallel, ramp_share, value_noise
from .distances import carve, distance
from .shapes import PART_LENGTH, ROW_LENGTH, Part


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
    """Distance of a part, thickness and inner HU of its layer (blended like the surfaces), and the nearest region."""
    d, shell, inner, region, nearest = 1e9, 0.0, 0.0, 0.0, 1e9
    for n in range(rows.shape[0]):
        role = rows[n, 1]
        # Carving only adds distance: a voxel farther out than half the widest voxel (8 mm) stays empty.
        if role < 0 and d > 4.0:
            break
        dx, dy, dz = x - rows[n, 2], y - rows[n, 3], z - rows[n, 4]
        far = rows[n, 17] + blend + 4.0
        if role > -1.5 and dx * dx + dy * dy + dz * dz > far * far:
            continue
        one = distance(rows[n], x, y, z)
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
    """Paint parts in order into air.

    Args:
        parts: In painting order.
        shape: Voxels along left, posterior, superior.
        origin: World position of voxel (0, 0, 0), mm.
        spacing_mm: Edge of a voxel.

    Returns:
        HU (float32), labels and sub-regions (uint16), each of shape ``shape``.
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
