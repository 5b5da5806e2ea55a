"""Whether the numbers of a CT are Hounsfield units: air at -1000, fat at -100, water at 0.

Attenuation is 0 at -1000 HU, so that numbers with another zero or scale give wrong renderings without an error. The
check requires only what every CT shows, tight crops inside the body included: some numbers below 0 (air, fat, noise),
and soft tissue or air rather than a second body at 1000.
"""

import warnings
from pathlib import Path

import numpy as np

from bench.errors import FluorobenchWarning
from bench.volume.volume import FloatGrid

_MIN_SPAN_HU = 100.0
# Stored numbers often have 1000 or 1024 added, so that none is negative.
_SHIFT_HU, _BELOW_AIR_HU = 1000.0, -1200.0
_NEAR_HU = 200.0
_MANY, _FEW, _HARDLY_ANY = 0.3, 0.005, 0.0002
_SAMPLE = 2_000_000


class HounsfieldWarning(FluorobenchWarning):
    """Numbers of a CT that do not look like Hounsfield units."""


def warn_unless_hounsfield(hu: FloatGrid, path: str | Path) -> None:
    """Issue a ``HounsfieldWarning`` where the numbers of a file do not look like Hounsfield units."""
    doubt = hounsfield_doubt(hu)
    if doubt is not None:
        warnings.warn(f"{path}: {doubt}; expected Hounsfield units (air -1000, water 0): convert it", HounsfieldWarning,
                      stacklevel=4)  # fmt: skip


def hounsfield_doubt(hu: FloatGrid) -> str | None:
    """Why numbers are not plausible Hounsfield units, or None.

    Args:
        hu: [i, j, k]; of large volumes every n-th voxel is examined.
    """
    numbers = hu.reshape(-1)[:: max(1, hu.size // _SAMPLE)]
    low, high = float(numbers.min()), float(numbers.max())
    if high - low < _MIN_SPAN_HU:
        return f"its numbers span {low:.4g} to {high:.4g} only"
    if low >= 0:
        return f"none of its numbers is below 0 ({low:.4g} to {high:.4g}), so that there is neither air nor fat in it"
    soft, air = _share(numbers, 0.0), float(np.mean(numbers < -_NEAR_HU))
    if air < _FEW and _share(numbers, _SHIFT_HU) > _MANY:
        return f"it has no air and much at {_SHIFT_HU:g}, as if {_SHIFT_HU:g} were added to every number"
    if low < _BELOW_AIR_HU and soft < _FEW and _share(numbers, -_SHIFT_HU) > _FEW:
        return f"it reaches down to {low:.4g} and has no soft tissue, as if {_SHIFT_HU:g} were taken from every number"
    if float(np.mean(numbers > -_NEAR_HU)) < _HARDLY_ANY:
        return f"there is hardly anything but air in it ({low:.4g} to {high:.4g})"
    if soft < _FEW and air < _FEW:
        return f"hardly any of its numbers is air or soft tissue ({low:.4g} to {high:.4g})"
    return None


def _share(numbers: FloatGrid, about: float) -> float:
    return float(np.mean(np.abs(numbers - np.float32(about)) < _NEAR_HU))
