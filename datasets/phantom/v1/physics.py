"""What a scanner adds: blur of the reconstruction kernel and noise that neighbours share."""

import numpy as np
from scipy.ndimage import gaussian_filter

from bench.volume import FloatGrid

KERNEL_MM = 1.25
NOISE_GRAIN_MM = 1.3


def scanned(hu: FloatGrid, *, spacing_mm: float, noise_hu: float, random: np.random.Generator) -> FloatGrid:
    """HU as reconstructed: blurred within the slice, with noise of standard deviation ``noise_hu`` inside the body.

    Args:
        hu: True HU, float32 (i, j, k).
        spacing_mm: Edge of the cubic voxels.
        noise_hu: Standard deviation of the noise in water.
        random: Draws the noise.
    """
    blur, grain = KERNEL_MM / spacing_mm, NOISE_GRAIN_MM / spacing_mm
    smooth = gaussian_filter(hu, (blur, blur, 0.6 * blur), truncate=3.0)
    noise = gaussian_filter(random.standard_normal(hu.shape, dtype=np.float32), (grain, grain, 0.0), truncate=3.0)
    noise *= np.float32(noise_hu) / noise.std()
    # Air is quieter than tissue, and no CT number lies below it.
    noise *= np.where(smooth < -850, np.float32(0.4), np.float32(1.0))
    reconstructed: FloatGrid = np.clip(smooth + noise, -1024, 3071).astype(np.float32)
    return reconstructed
