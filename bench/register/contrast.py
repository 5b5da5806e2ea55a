"""Contrast of bone to the surrounding soft tissue.

A method that holds the bone alone renders it in air. In the patient bone takes the place of soft tissue, so that its
outline shows only the attenuation that it has beyond that tissue's, and marrow hardly shows at all. Rendered in air,
outlines are too strong and gradient measures end about 4 mm from the true depth.
"""

import numpy as np

from bench.drr import AttenuationMap
from bench.volume import Volume

# Less of the content's attenuation than this is left where the bone is hardly denser than the tissue.
_LEAST_LEFT = 0.02


def contrast_map(volume: Volume, background_hu: float | None) -> AttenuationMap:
    """Attenuation of a volume's content beyond that of a background.

    Args:
        volume: The moving volume.
        background_hu: Of the surrounding tissue; None = air.

    Returns:
        The attenuation above the background's, nothing below zero; the content in air where too little is left of it.
    """
    plain = AttenuationMap.from_volume(volume)
    if background_hu is None:
        return plain
    background = volume.attenuation(np.full((1,), background_hu, dtype=np.float32))
    beyond = np.maximum(plain.mu - background, np.float32(0))
    if beyond.sum(dtype=np.float64) < _LEAST_LEFT * plain.mu.sum(dtype=np.float64):
        return plain
    return AttenuationMap(np.ascontiguousarray(beyond), plain.affine)
