"""A TIFF stack of a segmented bone as a volume: numbers that are no HU, on a grid that the file does not describe."""

from pathlib import Path

import numpy as np

from bench.volume import Volume
from bench.xray.line_integrals import XrayError
from bench.xray.read import read_stack

_AIR_HU = -1000.0


def stack_volume(path: Path, spacing_mm: tuple[float, float, float]) -> Volume:
    """Read it.

    World has its axes along the stack's columns, rows and slices (not known to be LPS) and its origin in the middle of
    the grid: voxel (i, j, k) lies at ((i, j, k) - size / 2) * spacing. HU = number - 1000, so that attenuation is
    proportional to the number and zero where the segmentation left nothing; its scale is arbitrary.

    Args:
        path: The file; its own spacing tags are not looked at.
        spacing_mm: Along columns, rows and slices.

    Raises:
        XrayError: No grey stack, or one with no number above 0 or some below.
    """
    stack = read_stack(path)
    if float(stack.min()) < 0 or not stack.any():
        raise XrayError(f"{path}: a segmented bone has numbers >= 0 and some above; got none")
    spacing = np.array(spacing_mm)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * spacing * stack.shape
    return Volume(np.ascontiguousarray(stack + np.float32(_AIR_HU)), affine)
