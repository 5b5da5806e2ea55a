"""Gas in hollow organs: it rises to the front of a supine patient and ends at a plane."""

import numpy as np

from bench.geometry import Matrix

from ..rendering.shapes import Shape, half_space

GAS_HU = -960.0


def gas_level(middles: Matrix, radii: Matrix, share: float) -> float:
    """World y, mm, up to which gas fills a share of a piece of bowel: what lies in front fills first.

    Args:
        middles: World y of points along the piece, (n,), mm.
        radii: Radii there, (n,), mm.
        share: Of the volume, 0 to 1.
    """
    depths = (middles[:, None] + radii[:, None] * np.linspace(-0.9, 0.9, 9)).ravel()
    weights = np.repeat(radii**2, 9)
    order = np.argsort(depths)
    filled = np.cumsum(weights[order]) / weights.sum()
    return float(np.interp(min(share, 0.999), filled, depths[order]))


def in_front_of(level: float) -> Shape:
    """Confines a part to what lies in front of a level (world y, mm)."""
    return half_space((0, level, 0), (0, 1, 0)).confining()
