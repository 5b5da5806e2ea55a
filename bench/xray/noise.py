"""Quantum noise of a simulated X-ray."""

import numpy as np

from bench.contract import Image


def photon_noise(line_integrals: Image, photons: float, random: np.random.Generator) -> Image:
    """Line integrals as measured with a finite number of photons.

    I ~ Poisson(N0 exp(-p)), image = -log(max(I, 1/2) / N0): the half photon keeps a dark pixel finite.

    Args:
        line_integrals: p, dimensionless, any shape.
        photons: N0, expected photons per pixel without an object; > 0.
        random: Random generator of the noise.
    """
    counts = random.poisson(photons * np.exp(-line_integrals.astype(np.float64)))
    return np.asarray(-np.log(np.maximum(counts, 0.5) / photons), dtype=np.float32)
