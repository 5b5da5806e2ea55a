"""Numbers of a CT that are no Hounsfield units are warned about; crops inside a body are not."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.volume.hounsfield import HounsfieldWarning, hounsfield_doubt
from bench.volume.read import read_volume
from bench.volume.volume import FloatGrid


def body(*, air: bool = True, bone: float = 0.15, fat: float = 0.2) -> FloatGrid:
    """Air, fat, soft tissue and bone with noise."""
    random = np.random.default_rng(4)
    hu = np.full(40**3, 40.0)
    cuts = np.cumsum([fat, bone, 0.4 if air else 0.0])
    draw = random.random(hu.size)
    hu[draw < cuts[2]] = -1000
    hu[draw < cuts[1]] = 700
    hu[draw < cuts[0]] = -100
    return np.asarray(hu + random.normal(0, 20, hu.size), dtype=np.float32).reshape(40, 40, 40)


CHANGES: tuple[Callable[[FloatGrid], NDArray[Any]], ...] = (
    lambda hu: hu + 1024,
    lambda hu: hu + 1000,
    lambda hu: hu + 32768,
    lambda hu: hu - 1024,
    lambda hu: (hu + 1000) / 2400,
    lambda hu: np.clip((hu + 1000) / 2400 * 255, 0, 255),
    lambda hu: 0.02 * (1 + hu / 1000),
    lambda hu: np.clip(hu + 1000, 0, None),
    lambda hu: np.full_like(hu, 7.0),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("air", [True, False])
def test_other_units_are_doubted(change: Callable[[FloatGrid], NDArray[Any]], air: bool) -> None:
    assert hounsfield_doubt(np.asarray(change(body(air=air)), dtype=np.float32)) is not None


@pytest.mark.parametrize(
    ("air", "bone", "fat"), [(True, 0.15, 0.2), (False, 0.15, 0.2), (False, 0.9, 0.05), (True, 0.5, 0)]
)
def test_bodies_and_crops_of_them_pass(air: bool, bone: float, fat: float) -> None:
    assert hounsfield_doubt(body(air=air, bone=bone, fat=fat)) is None


def test_a_bone_in_air_passes() -> None:
    hu = np.full((20, 20, 20), -1000, np.float32)
    hu[5:15, 5:15, 5:15] = 700
    assert hounsfield_doubt(hu) is None


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("FLUOROBENCH_DATA")
    if folder is None:
        pytest.skip("FLUOROBENCH_DATA is not set: no real CTs here")
    return Path(folder)


@pytest.mark.parametrize(
    "name", ["lumbar-3mm/ct.nii.gz", "lumbar-4mm/ct.nii.gz", "thoracic-4mm/ct.nii.gz", "head-mv/ct.nii.gz",
             "vertebra-l3/sub-ct_label-22_ct.nii.gz", "dicom-slab"]
)  # fmt: skip
def test_real_cts_and_tight_crops_of_them_pass(real_data: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", HounsfieldWarning)
        hu = read_volume(real_data / name).hu
    middle = tuple(slice(size // 2 - size // 8, size // 2 + size // 8 + 2) for size in hu.shape)
    assert hounsfield_doubt(hu[middle]) is None
    assert hounsfield_doubt(hu + 1024) is not None
    assert hounsfield_doubt(hu[middle] + 1024) is not None
