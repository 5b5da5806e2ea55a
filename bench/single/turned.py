"""Poses turned about the principal axes of the content: a long bone fits nearly as well spun about its long axis."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix, compose
from bench.single.moving import surface_points
from bench.volume import Volume

# Degrees about the longest axis: with searches of 15 degrees about each, all spins are within reach.
_SPINS = (15, -15, 30, -30, 60, -60, 90, -90, 120, -120, 150, -150, 180)
_TILTS = (30, -30, 180)
COUNT = len(_SPINS) + 2 * len(_TILTS)


def turned(volume: Volume, pose: Matrix) -> Iterator[tuple[str, Matrix]]:
    """Poses turned by 15 to 180 degrees about the content's longest axis, and by fewer angles about the others.

    Args:
        volume: Its content gives the axes: those of the spread of its surface.
        pose: rig_from_world, 4x4, mm.

    Yields:
        What was turned, in words, and rig_from_world.
    """
    points = surface_points(volume)
    centre = points.mean(axis=0)
    axes = np.linalg.svd(points - centre, full_matrices=False)[2]
    for rank, axis in enumerate(axes):
        for angle in _SPINS if rank == 0 else _TILTS:
            rotation = Rotation.from_rotvec(np.radians(angle) * axis).as_matrix()
            yield f"{angle} degrees about axis {rank + 1}", pose @ compose(rotation, centre - rotation @ centre)
