"""The X-ray spectrum and how much soft tissue and bone attenuate at each of its energies.

The numbers stand in ``spectrum.csv``, which ``docs/make_spectrum.py`` wrote and which names their sources: a tube of
80 kVp with 2.5 mm of aluminium. The detector integrates energy and absorbs every photon.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.geometry import Matrix

# The energy at which a volume's own linear attenuation holds: that of ``bench.volume.AttenuationLaw``.
REFERENCE_KEV = 60.0
# Densities, g/cm3: water, and soft tissue and cortical bone after ICRU-44.
WATER_DENSITY, SOFT_DENSITY, BONE_DENSITY = 1.0, 1.06, 1.92

_TABLE = Path(__file__).with_name("spectrum.csv")


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Energies of a beam and what they do.

    Attributes:
        energies_kev: (n,), ascending.
        weights: (n,), each energy's share of the detector's signal without an object; sum 1.
        soft: (n,), attenuation of soft tissue relative to its own at 60 keV.
        bone: (n,), the same of cortical bone.
    """

    energies_kev: Matrix
    weights: Matrix
    soft: Matrix
    bone: Matrix

    def transmission(self, soft: Matrix, bone: Matrix) -> Matrix:
        """Share of the signal that passes, from the line integrals of both tissues at 60 keV, of any one shape."""
        passed = np.zeros(np.shape(soft))
        for weight, soft_ratio, bone_ratio in zip(self.weights, self.soft, self.bone, strict=True):
            passed += weight * np.exp(-(soft_ratio * soft + bone_ratio * bone))
        return passed


@dataclass(frozen=True, slots=True)
class TissueScale:
    """Linear attenuation at 60 keV of pure soft tissue and pure cortical bone, in multiples of water's."""

    soft: float
    bone: float


@cache
def tube_spectrum() -> Spectrum:
    """The recorded tube spectrum."""
    energies, photons, _, soft, bone = _columns()
    signal = photons * energies
    soft_ratio, bone_ratio = (each / _at_reference(energies, each) for each in (soft, bone))
    return Spectrum(energies, signal / signal.sum(), soft_ratio, bone_ratio)


def single_energy() -> Spectrum:
    """Photons of 60 keV alone: line integrals come out as they are."""
    one = np.ones(1)
    return Spectrum(np.array([REFERENCE_KEV]), one, one, one)


@cache
def tissue_scale() -> TissueScale:
    """Soft tissue and cortical bone against water, from the recorded table."""
    energies, _, water, soft, bone = _columns()
    at = [_at_reference(energies, each) for each in (water, soft, bone)]
    in_water = at[0] * WATER_DENSITY
    return TissueScale(at[1] * SOFT_DENSITY / in_water, at[2] * BONE_DENSITY / in_water)


def _columns() -> tuple[Matrix, Matrix, Matrix, Matrix, Matrix]:
    """Energies in keV, photons, and mass attenuation of water, soft tissue and bone in cm2/g."""
    table: Matrix = np.loadtxt(_TABLE, delimiter=",")
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4]


def _at_reference(energies: Matrix, attenuation: Matrix) -> float:
    """Mass attenuation at 60 keV: attenuation follows power laws, so it is interpolated between logarithms."""
    # numpy's type of interp is partly unknown.
    interpolate: Any = np.interp
    return math.exp(float(interpolate(math.log(REFERENCE_KEV), np.log(energies), np.log(attenuation))))
