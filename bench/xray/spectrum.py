"""The X-ray spectrum and how much soft tissue and bone attenuate at each of its energies.

The numbers stand in ``spectrum.csv``, which ``docs/make_spectrum.py`` wrote and which names their sources: a tube of
80 kVp with 2.5 mm of aluminium. The detector integrates energy and absorbs every photon.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.geometry import Matrix

# The energy at which a volume's own linear attenuation holds: that of ``bench.volume.AttenuationLaw``.
REFERENCE_KEV = 60.0
# Densities, g/cm3: water, and soft tissue and cortical bone after ICRU-44.
WATER_DENSITY, SOFT_DENSITY, BONE_DENSITY = 1.0, 1.06, 1.92
# Of screws, tools and filters: densities in g/cm3.
_METAL_DENSITIES = {"titanium": 4.506, "steel": 7.9, "copper": 8.96}
METALS = tuple(_METAL_DENSITIES)

_TABLE = Path(__file__).with_name("spectrum.csv")


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Energies of a beam with their weights and attenuations.

    Attributes:
        energies_kev: (n,), ascending.
        weights: (n,), each energy's share of the detector's signal without an object; sum 1.
        soft: (n,), attenuation of soft tissue relative to its own at 60 keV.
        bone: (n,), the same of cortical bone.
        metals: By name, (n,): linear attenuation per mm.
    """

    energies_kev: Matrix
    weights: Matrix
    soft: Matrix
    bone: Matrix
    metals: Mapping[str, Matrix]

    def filtered(self, copper_mm: float) -> "Spectrum":
        """The beam behind a sheet of copper; the weights are again shares of what is left without an object."""
        passed = self.weights * np.exp(-self.metals["copper"] * copper_mm)
        return replace(self, weights=passed / passed.sum())

    def transmission(self, soft: Matrix, bone: Matrix, metal_mm: Mapping[str, Matrix] | None = None) -> Matrix:
        """Share of the signal that passes.

        Args:
            soft: Line integrals of soft tissue at 60 keV, of any shape.
            bone: The same of bone.
            metal_mm: Lengths of the rays within metals, mm, of the same shape; None = no metal.
        """
        passed = np.zeros(np.shape(soft))
        metals = [(self.metals[name], path) for name, path in (metal_mm or {}).items()]
        for index, weight in enumerate(self.weights):
            exponent = self.soft[index] * soft + self.bone[index] * bone
            for per_mm, path in metals:
                exponent += per_mm[index] * path
            passed += weight * np.exp(-exponent)
        return passed


@dataclass(frozen=True, slots=True)
class TissueScale:
    """Linear attenuation at 60 keV of pure soft tissue and pure cortical bone, in multiples of water's."""

    soft: float
    bone: float


@cache
def tube_spectrum() -> Spectrum:
    """The recorded tube spectrum."""
    energies, photons, _, soft, bone, *metals = _columns()
    signal = photons * energies
    soft_ratio, bone_ratio = (each / _at_reference(energies, each) for each in (soft, bone))
    per_mm = {name: each * density / 10 for each, (name, density) in zip(metals, _METAL_DENSITIES.items(), strict=True)}
    return Spectrum(energies, signal / signal.sum(), soft_ratio, bone_ratio, per_mm)


def single_energy() -> Spectrum:
    """Photons of 60 keV alone: line integrals are unchanged."""
    one, tube = np.ones(1), tube_spectrum()
    metals = {name: _at_reference(tube.energies_kev, per_mm) * one for name, per_mm in tube.metals.items()}
    return Spectrum(np.array([REFERENCE_KEV]), one, one, one, metals)


@cache
def tissue_scale() -> TissueScale:
    """Soft tissue and cortical bone against water, from the recorded table."""
    energies, _, water, soft, bone, *_ = _columns()
    at = [_at_reference(energies, each) for each in (water, soft, bone)]
    in_water = at[0] * WATER_DENSITY
    return TissueScale(at[1] * SOFT_DENSITY / in_water, at[2] * BONE_DENSITY / in_water)


def _columns() -> list[Matrix]:
    """Energies in keV, photons, and mass attenuation of water, soft tissue, bone and the metals in cm2/g."""
    table: Matrix = np.loadtxt(_TABLE, delimiter=",")
    return list(table.T)


def _at_reference(energies: Matrix, attenuation: Matrix) -> float:
    """Mass attenuation at 60 keV: attenuation follows power laws, so it is interpolated between logarithms."""
    # numpy's type of interp is partly unknown.
    interpolate: Any = np.interp
    return math.exp(float(interpolate(math.log(REFERENCE_KEV), np.log(energies), np.log(attenuation))))
