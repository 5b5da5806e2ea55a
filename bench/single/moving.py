"""What is computed once of a moving volume, and used by search, check, verdict and pictures of one command."""

from functools import lru_cache

from bench.geometry import Matrix
from bench.register.search import Prepared, prepared_volume
from bench.volume import Volume
from bench.volume.landmarks import surface_landmarks


@lru_cache(maxsize=1)
def prepared_once(volume: Volume) -> Prepared:
    """Its attenuation at all coarsenings."""
    return prepared_volume(volume)


@lru_cache(maxsize=1)
def surface_points(volume: Volume) -> Matrix:
    """Points (n, 3) over the content's surface, world mm, at which poses are compared."""
    return surface_landmarks(volume, fewer=True)
