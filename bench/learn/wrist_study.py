"""The study of a wrist's real X-rays, as every network that plays in it is trained.

Dataset, laws and seed mirror ``bench/protocols/wrist.toml``, and a test compares them. The data is where the
environment variable FLUOROBENCH_DATA says.
"""

from collections.abc import Sequence
from functools import cache

from bench.geometry import Camera
from bench.learn.acquired import AcquiredPopulation, AcquiredScene, acquired_scene
from bench.perturb import PoseDistribution

SEED = 20261121
"""The protocol's: nominal poses are drawn from it."""

LAW = PoseDistribution("uniform", (10.0,) * 6)
SEARCH = (15.0,) * 6


def wrist_window(size: int = 128) -> Camera:
    """A square of 120 to 126 mm about the nominal centre, where the radius has its 80 mm.

    Args:
        size: Pixels along an edge.
    """
    focal = 1100.0 * size / 128
    return Camera.centred(sdd_mm=1500.0, height=size, width=size, spacing_mm=1500.0 / focal)


def wrist_population() -> AcquiredPopulation:
    """The segmented radius; nothing is read before it is asked for."""
    return AcquiredPopulation(
        dataset="autoscoper",
        settings={
            "folder": "$FLUOROBENCH_DATA/wrist-biplane",
            "voxel_spacing_mm": (0.39625, 0.39625, 0.625),
            "binning": 4,
        },
    )


def wrist_scene(size: int = 128, images: Sequence[str] = ()) -> AcquiredScene:
    """The four X-rays' set-ups, or those named; reads the data.

    Args:
        size: Pixels along an edge of the window.
        images: Such as ``0002 view 1``.
    """
    return _scene(size, tuple(images))


@cache
def _scene(size: int, images: tuple[str, ...]) -> AcquiredScene:
    window = wrist_window(size)
    return acquired_scene(wrist_population(), window=window, law=LAW, search=SEARCH, seed=SEED, images=images)
