"""Version 3 of the procedural patients: what fills the abdomen, how people differ, and what it keeps of version 2."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench import registry
from bench.contract import Patient

HERE = Path(__file__).parents[1] / "datasets" / "phantom"
LUMBAR = (20, 21, 22, 23, 24)


def phantom(folder: Path, **settings: Any) -> Any:
    return registry.load("datasets", "phantom")(cache_dir=folder, version=3, **settings)


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def patient(folder: Path) -> Patient:
    made: Patient = phantom(folder, size=80, spacing_mm=3.0).patient("phantom-v3-000004")
    return made


@pytest.fixture(scope="module")
def people() -> list[Any]:
    draw = inside("v3.person").draw_person
    return [draw(seed, fractures=True) for seed in range(300)]


def test_people_differ_as_widely_as_patients_do(people: list[Any]) -> None:
    for name, least in (("fat", 0.22), ("gas", 0.14), ("visceral", 0.12), ("cortex", 0.2)):
        values = np.array([getattr(person, name) for person in people])
        assert values.std() > least, name
    assert 0.25 < np.mean([person.contrast > 0 for person in people]) < 0.55
    men = np.mean([person.visceral for person in people if person.male])
    assert men > np.mean([person.visceral for person in people if not person.male]) + 0.1


def test_bones_are_labelled_in_order_and_of_one_piece(patient: Patient) -> None:
    labels = patient.volume.labels
    assert labels is not None
    heights = [np.argwhere(labels == number).mean(axis=0)[2] for number in LUMBAR]
    assert (np.diff(heights) * 3.0 < -20).all()
    for number in LUMBAR:
        pieces, _ = ndimage.label(labels == number, np.ones((3, 3, 3)))
        sizes = np.bincount(np.asarray(pieces).ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.97


def test_sub_regions_cover_the_vertebrae(folder: Path, patient: Patient) -> None:
    regions = phantom(folder, size=80, spacing_mm=3.0).regions("phantom-v3-000004")
    assert patient.volume.labels is not None
    assert set(np.unique(regions[patient.volume.labels == 22]).tolist()) == {1, 2, 3, 4, 5}


def test_gas_lies_before_the_spine_and_not_behind_it() -> None:
    """The patient lies on the back."""
    anatomy, options = inside("v3.generate").anatomy, inside("v2.options").PatientOptions
    chosen = options(size=64, spacing_mm=4.0, scanner=False)
    origin = inside("v3.generate").origin_of(chosen)
    deep: list[float] = []
    for seed in range(6):
        found = anatomy(seed, chosen)
        body = ndimage.binary_fill_holes(ndimage.binary_opening(found.hu > -300))
        assert body is not None
        # Below the lungs.
        gas = (found.hu < -700) & ndimage.binary_erosion(body, iterations=3)
        gas[:, :, int((70 - origin[2]) / 4.0) :] = False
        deep += (origin[1] + 4.0 * np.argwhere(gas)[:, 1]).tolist()
    assert len(deep) > 500
    assert np.median(deep) < -30
    assert np.percentile(deep, 90) < -5


def test_threads_run_through_fat_alone_and_weigh_the_same_on_any_grid() -> None:
    fat, shares = inside("v3.fat"), list[float]()
    net = fat.Strands(vessel_mm=2.0, mesh_mm=14.0, vessel_hu=40.0, septum_mm=0.3, haze_hu=0.0, seed=5)
    for spacing_mm in (1.0, 2.0, 3.0):
        count = int(96 / spacing_mm)
        third = count // 3
        hu = np.full((count, count, count), fat.VISCERAL_HU, dtype=np.float32)
        hu[:third] = 40.0
        labels = np.zeros(hu.shape, dtype=np.uint16)
        labels[-third:] = 22
        made = hu.copy()
        fat.thread(made, labels, net, origin=np.full(3, spacing_mm / 2), spacing_mm=spacing_mm)
        assert np.array_equal(made[:third], hu[:third])
        assert np.array_equal(made[-third:], hu[-third:])
        shares.append(float((made[third:-third] - fat.VISCERAL_HU).mean() / (40.0 - fat.VISCERAL_HU)))
    assert 0.05 < shares[0] < 0.3
    assert max(shares) < 1.35 * min(shares)


def test_stool_is_mottled_with_gas() -> None:
    bowel, shapes, kernels = inside("v3.bowel"), inside("v2.shapes"), inside("v2.kernels")
    line = [np.array([0.0, 0.0, z]) for z in (-30.0, 0.0, 30.0)]
    gut = bowel.Gut(
        radius=18.0, pouch=0.1, period=30.0, rough=0.1, wall_mm=2.0, wall_hu=40.0, filling_hu=20.0, grain_hu=10.0,
        grain_mm=5.0,
    )  # fmt: skip
    hu, _, _ = kernels.render(
        [
            shapes.soft((shapes.ellipsoid((0, 0, 0), (90, 90, 90)),), -100.0),
            bowel._mottled(line, gut, 3, thick_mm=12.0, hu=40.0),
        ],
        shape=(48, 48, 48), origin=np.full(3, -24.0), spacing_mm=1.0,
    )  # fmt: skip
    core = hu[18:30, 18:30]
    assert 0.1 < (core < -500).mean() < 0.9
    pieces = ndimage.label(core < -500)[1]
    assert pieces >= 2


def test_contrast_agent_shows_in_vessels_and_kidneys() -> None:
    people, parts = inside("v3.person"), inside("v3.organs")
    plain = next(p for p in (people.draw_person(s, fractures=False) for s in range(50)) if p.contrast == 0)
    given = next(p for p in (people.draw_person(s, fractures=False) for s in range(50)) if p.contrast > 0.6)
    assert max(part.shell_hu for part in parts.organs(given, 100.0)) > 110
    assert max(part.shell_hu for part in parts.organs(plain, 100.0)) < 90
