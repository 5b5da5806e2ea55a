"""The net of vessels, septa and haze in version 5's fat: version 3's, on axes of its own.

Smooth noise lives on a lattice. Version 3's lies along the body's axes, so that the beam of an AP view runs along its
rows and adds them up to a grid that no patient shows. Here it is turned obliquely, by another rotation in each person,
and bent, so that no straight row is left.
"""

import math

import numpy as np
from numba import prange
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from ..v1.kernels import compiled, parallel, ramp_share, value_noise

# Version 3 is frozen and keeps these to itself; a copy would be worse.
from ..v3.fat import (
    _DIVIDE_HU,  # pyright: ignore[reportPrivateUsage]
    _HIGHEST_HU,  # pyright: ignore[reportPrivateUsage]
    _SLOPE,  # pyright: ignore[reportPrivateUsage]
    UNDER_SKIN_HU,
    Strands,
    _field,  # pyright: ignore[reportPrivateUsage]
)

# The bending: how far, mm, and over what distance.
_BENT_MM, _BEND_MM = 9.0, 43.0
# Rows of the lattice make at least this angle with each of the body's axes.
_OBLIQUE_DEG = 25.0


def axes_of(seed: int) -> Matrix:
    """A rotation that leaves no lattice row along an axis of the body: (3, 3)."""
    random = np.random.default_rng(seed)
    while True:
        drawn = Rotation.from_quat(random.normal(size=4)).as_matrix()
        if np.abs(drawn).max() < math.cos(math.radians(_OBLIQUE_DEG)):
            return np.asarray(drawn, dtype=np.float64)


def thread(hu: FloatGrid, labels: LabelGrid, strands: Strands, *, origin: Matrix, spacing_mm: float) -> None:
    """Draw the net into the fat of ``hu``, in place; labelled voxels keep their marrow.

    Args:
        hu: True HU (i left, j posterior, k superior).
        labels: 0 outside bones, same shape.
        strands: What to draw.
        origin: World position of voxel (0, 0, 0), mm.
        spacing_mm: Edge of a voxel.
    """
    numbers = np.array(
        [strands.vessel_mm, strands.mesh_mm, strands.vessel_hu, strands.septum_mm, strands.haze_hu, strands.seed]
    )
    _thread(hu, labels, numbers, axes_of(strands.seed), np.asarray(origin, dtype=np.float64), spacing_mm)


@compiled
def _bent(u: float, v: float, w: float, seed: int) -> float:
    return float(u + _BENT_MM * value_noise(u / _BEND_MM, v / _BEND_MM, w / _BEND_MM, seed))


@compiled
def _hazy(x: float, y: float, z: float, seed: int) -> float:
    coarse = value_noise(x / 19.0, y / 19.0, z / 19.0, seed + 13)
    return float(max(0.0, coarse + 0.6 * value_noise(x / 6.0, y / 6.0, z / 6.0, seed + 17)))


@compiled
def _vessel(x: float, y: float, z: float, p: Matrix, spacing: float) -> float:
    """Share of a voxel that a vessel fills: vessels lie where two fields are both zero."""
    seed = int(p[5])
    one, two = _field(x, y, z, p[1], seed + 3), _field(x, y, z, p[1], seed + 7)
    width = p[0] * (1.0 + 0.8 * value_noise(x / 31.0, y / 31.0, z / 31.0, seed + 11))
    away = math.sqrt(one * one + two * two) * p[1] / _SLOPE
    return float(ramp_share(away - width, spacing))


@parallel
def _thread(hu: FloatGrid, labels: LabelGrid, p: Matrix, turn: Matrix, origin: Matrix, spacing: float) -> None:
    seed = int(p[5])
    for i in prange(hu.shape[0]):
        a = origin[0] + i * spacing
        for j in range(hu.shape[1]):
            b = origin[1] + j * spacing
            for k in range(hu.shape[2]):
                here = hu[i, j, k]
                if here > _HIGHEST_HU or here < UNDER_SKIN_HU - 3.0 or labels[i, j, k] > 0:
                    continue
                c = origin[2] + k * spacing
                # Septa stand on the skin: long along the body, short across.
                d = 0.6 * c if here < _DIVIDE_HU else c
                u = turn[0, 0] * a + turn[0, 1] * b + turn[0, 2] * d
                v = turn[1, 0] * a + turn[1, 1] * b + turn[1, 2] * d
                w = turn[2, 0] * a + turn[2, 1] * b + turn[2, 2] * d
                x, y, z = _bent(u, v, w, seed + 19), _bent(v, w, u, seed + 23), _bent(w, u, v, seed + 29)
                if here < _DIVIDE_HU:
                    away = abs(_field(x, y, z, 13.0, seed)) * 13.0 / _SLOPE
                    share = min(1.0, 2.0 * p[3] / spacing) * ramp_share(away - max(p[3], 0.5 * spacing), spacing)
                    hu[i, j, k] = here + share * (-20.0 - here)
                    continue
                fatty = here + p[4] * _hazy(x, y, z, seed)
                hu[i, j, k] = fatty + _vessel(x, y, z, p, spacing) * (p[2] - fatty)
