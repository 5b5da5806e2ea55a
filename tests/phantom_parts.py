"""Access to the phantom plug-in for its tests."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from bench import registry
from bench.contract import Patient
from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid

FOLDER = Path(__file__).parents[1] / "datasets" / "phantom"
LUMBAR = {"L1": 20, "L2": 21, "L3": 22, "L4": 23, "L5": 24}


def inside(name: str) -> Any:
    """A module of the plug-in, such as ``bones.arch``."""
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


def phantom(folder: Path, **settings: Any) -> Any:
    """The plug-in with a cache of its own."""
    return registry.load("datasets", "phantom")(cache_dir=folder, **settings)


def persons(count: int, *, fractures: bool = False) -> list[Any]:
    """The first persons of the population."""
    draw = inside("person.person").draw_person
    return [draw(seed, fractures=fractures) for seed in range(count)]


def rendered(
    parts: Sequence[Any], shape: tuple[int, int, int], origin: Matrix, spacing_mm: float
) -> tuple[FloatGrid, LabelGrid, LabelGrid]:
    """HU, labels and sub-regions of parts."""
    made: tuple[FloatGrid, LabelGrid, LabelGrid] = inside("rendering.render").render(
        parts, shape=shape, origin=origin, spacing_mm=spacing_mm
    )
    return made


def largest_share(mask: Any) -> float:
    """Share of a mask's voxels in its largest connected piece."""
    pieces, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(np.asarray(pieces).ravel())[1:]
    return float(sizes.max() / sizes.sum())


def labels_of(patient: Patient) -> LabelGrid:
    """The labels of a patient that has some."""
    assert patient.volume.labels is not None
    return patient.volume.labels


def points_of(patient: Patient) -> dict[str, Matrix]:
    """Anatomical landmarks by name, world mm."""
    return dict(zip(patient.landmarks[0].point_names, patient.landmarks[0].points, strict=True))
