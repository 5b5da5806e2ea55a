"""What runs through fat: vessels and folds of the mesentery inside the belly, thin septa under the skin.

A vessel lies where two independent smooth fields both cross zero, a septum where one does: an endless net of curved
tubes and sheets of any density, without drawing each. Only fat is changed, and it is told by its HU: the fat under the
skin is painted lower than that inside, as patients have it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import prange

from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

from ..v1.kernels import compiled, parallel, ramp_share, value_noise

UNDER_SKIN_HU, VISCERAL_HU = -112.0, -104.0
# Between the two.
_DIVIDE_HU = 0.5 * (UNDER_SKIN_HU + VISCERAL_HU)
_HIGHEST_HU = -88.0
# Mean slope of ``value_noise`` at its zeros, per cell.
_SLOPE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Strands:
    """The net of one person.

    Attributes:
        vessel_mm: Radius of a middling vessel.
        mesh_mm: Distance between vessels.
        vessel_hu: Of their blood and wall.
        septum_mm: Half the thickness of a septum under the skin.
        haze_hu: Amplitude of the fluid and small vessels that no voxel resolves, inside.
        seed: Of the fields.
    """

    vessel_mm: float
    mesh_mm: float
    vessel_hu: float
    septum_mm: float
    haze_hu: float
    seed: int


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
    _thread(hu, labels, numbers, np.asarray(origin, dtype=np.float64), spacing_mm)


@compiled
def _field(x: float, y: float, z: float, mesh: float, seed: int) -> float:
    return float(
        value_noise(x / mesh, y / mesh, z / mesh, seed)
        + 0.35 * value_noise(2.3 * x / mesh, 2.3 * y / mesh, 2.3 * z / mesh, seed + 1)
    )


@parallel
def _thread(hu: FloatGrid, labels: LabelGrid, p: Matrix, origin: Matrix, spacing: float) -> None:
    seed = int(p[5])
    for i in prange(hu.shape[0]):
        x = origin[0] + i * spacing
        for j in range(hu.shape[1]):
            y = origin[1] + j * spacing
            for k in range(hu.shape[2]):
                here = hu[i, j, k]
                if here > _HIGHEST_HU or here < UNDER_SKIN_HU - 3.0 or labels[i, j, k] > 0:
                    continue
                z = origin[2] + k * spacing
                if here < _DIVIDE_HU:
                    # Septa stand on the skin: long along the body, short across.
                    away = abs(_field(x, y, 0.6 * z, 13.0, seed)) * 13.0 / _SLOPE
                    share = min(1.0, 2.0 * p[3] / spacing) * ramp_share(away - max(p[3], 0.5 * spacing), spacing)
                    hu[i, j, k] = here + share * (-20.0 - here)
                    continue
                one = _field(x, y, z, p[1], seed + 3)
                two = _field(x, y, z, p[1], seed + 7)
                width = p[0] * (1.0 + 0.8 * value_noise(x / 31.0, y / 31.0, z / 31.0, seed + 11))
                away = math.sqrt(one * one + two * two) * p[1] / _SLOPE
                share = ramp_share(away - width, spacing)
                haze = value_noise(x / 19.0, y / 19.0, z / 19.0, seed + 13) + 0.6 * value_noise(
                    x / 6.0, y / 6.0, z / 6.0, seed + 17
                )
                fatty = here + p[4] * max(0.0, haze)
                hu[i, j, k] = fatty + share * (p[2] - fatty)
