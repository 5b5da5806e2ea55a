"""Write the X-ray spectrum and the attenuation of tissues that bench/xray/spectrum.py reads.

    python docs/make_spectrum.py

A tube of 80 kVp, tungsten: photons per keV after Kramers, (E_max - E) / E, filtered by 2.5 mm of aluminium; neither
characteristic lines nor the anode's own filtration. Mass attenuation (coherent scattering included) after Elam, Ravel
and Sieber (2002) as packed by xraydb. Compositions and densities: ICRU Report 44, soft tissue and cortical bone.
Steel is iron, chromium and nickel as in AISI 304.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xraydb  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

PEAK_KEV, STEP_KEV, FIRST_KEV = 80.0, 2.0, 15.0
ALUMINIUM_CM, ALUMINIUM_DENSITY = 0.25, 2.699
# Mass fractions, ICRU-44.
SOFT_TISSUE = {
    "H": 0.102,
    "C": 0.143,
    "N": 0.034,
    "O": 0.708,
    "Na": 0.002,
    "P": 0.003,
    "S": 0.003,
    "Cl": 0.002,
    "K": 0.003,
}
BONE = {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225}
STEEL = {"Fe": 0.71, "Cr": 0.19, "Ni": 0.10}
WATER = {"H": 0.111894, "O": 0.888106}
_xraydb: Any = xraydb
TABLE = Path(__file__).parents[1] / "bench" / "xray" / "spectrum.csv"
HEADER = (
    "80 kVp tungsten, Kramers, 2.5 mm Al; ICRU-44 tissues after Elam (xraydb). By docs/make_spectrum.py.\n"
    "energy_kev,photons,water_cm2_per_g,soft_tissue_cm2_per_g,cortical_bone_cm2_per_g,titanium_cm2_per_g,"
    "steel_cm2_per_g,copper_cm2_per_g"
)


def mass_attenuation(fractions: Mapping[str, float], kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mass attenuation in cm2/g of a mixture."""
    parts = [share * np.asarray(_xraydb.mu_elam(element, 1000 * kev)) for element, share in fractions.items()]
    return np.asarray(np.sum(parts, axis=0))


def main() -> None:
    """Write the table."""
    kev = np.arange(FIRST_KEV, PEAK_KEV, STEP_KEV)
    filtration = np.exp(-mass_attenuation({"Al": 1.0}, kev) * ALUMINIUM_DENSITY * ALUMINIUM_CM)
    photons = (PEAK_KEV - kev) / kev * filtration
    materials = [mass_attenuation(each, kev) for each in (WATER, SOFT_TISSUE, BONE, {"Ti": 1.0}, STEEL, {"Cu": 1.0})]
    rows = np.stack([kev, photons / photons.sum(), *materials], axis=1)
    np.savetxt(TABLE, rows, fmt="%.6g", delimiter=",", header=HEADER)


if __name__ == "__main__":
    main()
