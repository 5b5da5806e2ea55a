"""Texture of fat: vessels and haze of the mesentery inside the abdomen, thin septa below the skin.

A vessel lies where two independent smooth fields both cross zero, a septum where one does: an endless network of curved
tubes and sheets of any density. Only fat is changed; it is recognised by its HU, since subcutaneous fat is painted
darker than visceral fat, as in patients.

The smooth fields live on a lattice. With a lattice along the body's axes the rays of an AP view would run along its
rows and add them up to a grid that no patient shows. It is therefore rotated obliquely, differently in each person, and
bent, so that no straight row is left.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import prange
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from .compiled import compiled, parallel, ramp_share, value_noise

UNDER_SKIN_HU, VISCERAL_HU = -112.0, -104.0
# HU between the two kinds of fat, and above which a voxel is no fat.
_DIVIDE_HU = 0.5 * (UNDER_SKIN_HU + VISCERAL_HU)
_HIGHEST_HU = -88.0
# Mean slope of ``value_noise`` at its zeros, per cell.
_SLOPE = 1.2
# Amplitude and wavelength of the bending, mm.
_BENT_MM, _BEND_MM = 9.0, 43.0
# Rows of the lattice make at least this angle with each of the body's axes.
_OBLIQUE_DEG = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FatNetwork:
    """The network of one person.

    Attributes:
        vessel_mm: Mean radius of the vessels.
        mesh_mm: Distance between vessels.
        vessel_hu: HU of vessels.
        septum_mm: Half the thickness of a septum under the skin.
        haze_hu: Amplitude of the unresolved fluid and small vessels in visceral fat.
        seed: Seed of the fields.
    """

    vessel_mm: float
    mesh_mm: float
    vessel_hu: float
    septum_mm: float
    haze_hu: float
    seed: int


def draw_lattice_axes(seed: int) -> Matrix:
    """A rotation, (3, 3), that leaves no lattice row along an axis of the body."""
    random = np.random.default_rng(seed)
    while True:
        drawn = Rotation.from_quat(random.normal(size=4)).as_matrix()
        if np.abs(drawn).max() < math.cos(math.radians(_OBLIQUE_DEG)):
            return np.asarray(drawn, dtype=np.float64)


def paint_fat_network(
    hu: FloatGrid, labels: LabelGrid, network: FatNetwork, *, origin: Matrix, spacing_mm: float
) -> None:
    """Draw the network into the fat of ``hu``, in place; labelled voxels (bone marrow) are left as they are.

    Args:
        hu: True HU (i left, j posterior, k superior).
        labels: 0 outside bones, same shape.
        network: What to draw.
        origin: World position of voxel (0, 0, 0), mm.
        spacing_mm: Edge of a voxel.
    """
    numbers = np.array(
        [network.vessel_mm, network.mesh_mm, network.vessel_hu, network.septum_mm, network.haze_hu, network.seed]
    )
    axes = draw_lattice_axes(network.seed)
    _paint(hu, labels, numbers, axes, np.asarray(origin, dtype=np.float64), spacing_mm)


@compiled
def _field(x: float, y: float, z: float, mesh: float, seed: int) -> float:
    return float(
        value_noise(x / mesh, y / mesh, z / mesh, seed)
        + 0.35 * value_noise(2.3 * x / mesh, 2.3 * y / mesh, 2.3 * z / mesh, seed + 1)
    )


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
def _paint(hu: FloatGrid, labels: LabelGrid, p: Matrix, turn: Matrix, origin: Matrix, spacing: float) -> None:
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
                # Septa stand perpendicular to the skin: long along the body, short across.
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
