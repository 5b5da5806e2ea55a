"""Every dataset plug-in keeps the contract, shown on its own miniature; a new file joins by being there."""

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import Acquisition, Dataset, Patient, Split
from bench.errors import FluorobenchError
from bench.geometry import is_rigid, transform_points
from bench.volume import Volume

NAMES = registry.names("datasets")
every_dataset = pytest.mark.parametrize("name", NAMES)
# Stored Hounsfield units of CTs end at 3071; of metal and of numbers that are no HU, somewhat higher.
LOWEST_HU, HIGHEST_HU = -2048, 32767
Opened = Callable[[str], Dataset]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Writes a dataset's miniature once; builds the dataset anew at every call."""
    settings = dict[str, Mapping[str, Any]]()

    def build(name: str) -> Dataset:
        if name not in settings:
            settings[name] = registry.miniature(name)(tmp_path_factory.mktemp(name))
        built: Dataset = registry.build("datasets", name, settings[name])
        return built

    return build


@pytest.fixture(scope="module")
def loaded(opened: Opened) -> Callable[[str], Patient]:
    """One patient of the miniature, loaded once."""
    patients: dict[str, Patient] = {}

    def load(name: str) -> Patient:
        if name not in patients:
            patients[name] = opened(name).patient(_first(opened(name)))
        return patients[name]

    return load


def _first(dataset: Dataset) -> str:
    found = [each for split in Split for each in list(dataset.patient_ids(split))[:1]]
    assert found, "its miniature has no patient in any split"
    return found[0]


@every_dataset
def test_splits_are_disjoint_and_stable(name: str, opened: Opened) -> None:
    ids = {split: list(opened(name).patient_ids(split))[:50] for split in Split}
    assert ids == {split: list(opened(name).patient_ids(split))[:50] for split in Split}
    assert all(len(set(some)) == len(some) for some in ids.values())
    train, validation, test = (set(ids[split]) for split in Split)
    if train == validation == test and len(train) == 1:
        return  # one patient that belongs to no population answers to every split
    assert not train & test
    assert not train & validation
    assert not validation & test


@every_dataset
def test_the_same_id_is_the_same_patient_every_time(
    name: str, opened: Opened, loaded: Callable[[str], Patient]
) -> None:
    first, again = loaded(name), opened(name).patient(loaded(name).id)
    assert first.id == again.id == _first(opened(name))
    assert first.hash == again.hash
    assert first.hash
    np.testing.assert_array_equal(first.volume.hu, again.volume.hu)
    np.testing.assert_array_equal(first.volume.affine, again.volume.affine)
    assert [each.id for each in first.acquisitions] == [each.id for each in again.acquisitions]


@every_dataset
def test_an_unknown_patient_is_refused_in_one_line(name: str, opened: Opened) -> None:
    with pytest.raises(FluorobenchError) as refused:
        opened(name).patient("no-such-patient")
    assert "no-such-patient" in str(refused.value)
    assert "\n" not in str(refused.value)


@every_dataset
def test_hounsfield_units_are_finite_and_the_affine_is_in_mm(name: str, loaded: Callable[[str], Patient]) -> None:
    volume = loaded(name).volume
    assert volume.hu.dtype == np.float32
    assert np.isfinite(volume.hu).all()
    assert LOWEST_HU <= volume.hu.min() < volume.hu.max() <= HIGHEST_HU
    assert np.isfinite(volume.affine).all()
    np.testing.assert_array_equal(volume.affine[3], [0, 0, 0, 1])
    edges = np.linalg.norm(volume.affine[:3, :3], axis=0)
    assert ((edges > 0.05) & (edges < 20)).all(), f"voxel edges in mm expected; got {edges}"
    assert volume.mask is None, "a dataset yields the whole body; protocols choose the content"


@every_dataset
def test_labels_are_on_the_grid_and_have_a_scheme(name: str, loaded: Callable[[str], Patient]) -> None:
    volume = loaded(name).volume
    if volume.labels is None:
        assert volume.label_scheme is None
        return
    assert volume.label_scheme
    assert volume.labels.shape == volume.hu.shape
    assert volume.labels.any(), "the miniature's label map is empty"
    assert volume.hu[volume.labels > 0].mean() > volume.hu[volume.labels == 0].mean()


@every_dataset
def test_landmarks_lie_in_the_volume(name: str, loaded: Callable[[str], Patient]) -> None:
    patient = loaded(name)
    assert len({each.name for each in patient.landmarks}) == len(patient.landmarks)
    for marks in patient.landmarks:
        assert marks.points.ndim == 2
        assert marks.points.shape[1] == 3
        assert len(marks.points) >= 1
        assert len(marks.point_names) in (0, len(marks.points))
        inverse = np.asarray(np.linalg.inv(patient.volume.affine), dtype=np.float64)
        index = transform_points(inverse, marks.points)
        assert ((index >= -1) & (index <= patient.volume.shape)).all(), f"{marks.name}: outside the CT's grid"


@every_dataset
def test_acquisitions_have_images_and_references(name: str, loaded: Callable[[str], Patient]) -> None:
    patient = loaded(name)
    assert len({each.id for each in patient.acquisitions}) == len(patient.acquisitions)
    for acquisition in patient.acquisitions:
        _check_images(acquisition)
        assert acquisition.reference is None or is_rigid(acquisition.reference)
        assert acquisition.reference_uncertainty_mm is None or acquisition.reference_uncertainty_mm > 0
        if acquisition.reference is not None:
            _check_depth(acquisition, patient.volume)


def _check_images(acquisition: Acquisition) -> None:
    assert acquisition.views
    for view in acquisition.views:
        assert is_rigid(view.camera_from_rig)
        assert view.image is not None
        assert view.image.dtype == np.float32
        assert view.image.shape == (view.camera.height, view.camera.width)
        counted = view.image if view.valid is None else view.image[view.valid]
        assert np.isfinite(counted).all()
        assert counted.max() > counted.min() >= 0, "line integrals expected: at least 0, larger where more is passed"


def _check_depth(acquisition: Acquisition, volume: Volume) -> None:
    """Every corner of the CT's box lies before the source at the reference."""
    assert acquisition.reference is not None
    low_high = [[0.0, n - 1.0] for n in volume.shape]
    corners = transform_points(volume.affine, np.array(list(product(*low_high)), dtype=np.float64))
    for view in acquisition.views:
        assert (transform_points(view.camera_from_rig @ acquisition.reference, corners)[:, 2] > 0).all()


def test_a_dataset_without_a_miniature_is_told_what_to_declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.datasets

    (tmp_path / "has_no_miniature.py").write_text("plugin = card = None\n")
    monkeypatch.setattr(bench.datasets, "__path__", [*bench.datasets.__path__, str(tmp_path)])
    with pytest.raises(registry.PluginError, match=r"declares no 'miniature': a function miniature\(folder: Path\)"):
        registry.miniature("has_no_miniature")
