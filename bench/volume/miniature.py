"""A tiny synthetic CT with labels, for the miniatures that dataset plug-ins declare."""

from collections.abc import Sequence

import numpy as np

from bench.geometry import Matrix
from bench.volume.volume import FloatGrid, LabelGrid

SHAPE = (28, 24, 40)
SPACING_MM = (2.0, 2.0, 2.5)


def bone_blocks(numbers: Sequence[int]) -> tuple[FloatGrid, LabelGrid, Matrix]:
    """A water cylinder with one block of bone a label, the first one uppermost.

    Args:
        numbers: Label numbers, at most five.

    Returns:
        Hounsfield units and labels, both by (i, j, k) of ``SHAPE``, and world_from_index, LPS mm (k towards the head).
    """
    i, j, _ = np.indices(SHAPE)
    hu = np.where((i - 14) ** 2 + (j - 12) ** 2 < 11**2, 20.0, -1000.0).astype(np.float32)
    labels: LabelGrid = np.zeros(SHAPE, dtype=np.uint16)
    for place, number in enumerate(numbers):
        top = SHAPE[2] - 3 - 7 * place
        labels[9:19, 6 + place : 13 + place, top - 5 : top] = number
    hu[labels > 0] = 400.0
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = (-28.0, -24.0, -300.0)
    return hu, labels, affine
