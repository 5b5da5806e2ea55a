"""A whole patient: labels, HU, landmarks, sub-regions and implants agree with one another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench.contract import Patient
from bench.geometry import Matrix, transform_points
from bench.volume import LabelGrid, Volume
from bench.volume.content import body_mask

from .phantom_parts import LUMBAR, inside, labels_of, largest_share, phantom, points_of

NAME = "phantom-v5-000004"
MILLILITRES = 4.0**3 / 1000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return phantom(tmp_path_factory.mktemp("phantoms"), size=80, spacing_mm=3.0)


@pytest.fixture(scope="module")
def patient(dataset: Any) -> Patient:
    made: Patient = dataset.patient(NAME)
    return made


@pytest.fixture(scope="module")
def regions(dataset: Any) -> LabelGrid:
    made: LabelGrid = dataset.regions(NAME)
    return made


@pytest.fixture(scope="module")
def dozen() -> list[tuple[Any, Any, Any]]:
    """Of twelve seeds the anatomy, voxels of gas below the lungs and the world y of each row."""
    return [abdomen(seed) for seed in range(200_000, 200_012)]


def abdomen(seed: int) -> tuple[Any, Any, Any]:
    chosen = inside("options").PatientOptions(size=64, spacing_mm=4.0, scanner=False)
    body = inside("generate").anatomy(seed, chosen)
    origin = inside("soft_tissue.trunk").origin_of(body.person, chosen)
    inner = ndimage.binary_erosion(body_mask(Volume(body.hu, np.diag([4.0, 4.0, 4.0, 1.0]))), iterations=2)
    gas = (body.hu < -400) & np.asarray(inner)
    gas[:, :, int((75 - origin[2]) / 4.0) :] = False
    return body, gas, origin[1] + 4.0 * np.arange(64)


def voxel_of(patient: Patient, point: Matrix) -> tuple[int, int, int]:
    index = transform_points(np.asarray(np.linalg.inv(patient.volume.affine), dtype=np.float64), point)
    i, j, k = np.rint(index).astype(int)
    return int(i), int(j), int(k)


def centroid(patient: Patient, label: int) -> Matrix:
    return transform_points(patient.volume.affine, np.argwhere(labels_of(patient) == label).mean(axis=0))


def test_labels_stand_in_order_from_head_to_foot_and_are_of_one_piece(patient: Patient) -> None:
    assert patient.volume.label_scheme == "phantom"
    labels = labels_of(patient)
    assert set(np.unique(labels).tolist()) <= {0, 18, 19, *LUMBAR.values(), 26, 101, 102}
    heights = [centroid(patient, label)[2] for label in (19, *LUMBAR.values(), 26)]
    assert (np.diff(heights) < -15).all()
    for number in LUMBAR.values():
        assert largest_share(labels == number) > 0.97
        assert 30 < (labels == number).sum() * 27 / 1000 < 130


def test_hounsfield_units_of_bone_soft_tissue_fat_and_air(patient: Patient) -> None:
    hu, labels = patient.volume.hu, labels_of(patient)
    assert hu.dtype == np.float32
    assert hu.flags.c_contiguous
    assert np.isfinite(hu).all()
    assert 120 < np.mean(hu[labels == 22]) < 600
    assert np.percentile(hu[labels == 22], 95) > 350
    fat, soft = ((hu > -140) & (hu < -60)).mean(), ((hu > 0) & (hu < 100)).mean()
    assert 0.05 < fat < 0.5
    assert 0.1 < soft < 0.5


def test_canal_is_open_and_pedicles_are_bone(patient: Patient) -> None:
    points, labels = points_of(patient), labels_of(patient)
    for level, label in LUMBAR.items():
        middle = (points[f"{level} pedicle left"] + points[f"{level} pedicle right"]) / 2
        towards = points[f"{level} spinous tip"] - middle
        index = voxel_of(patient, middle + 7.0 * towards / np.linalg.norm(towards))
        assert labels[index] != label
        assert patient.volume.hu[index] < 150
        for side in ("left", "right"):
            assert labels[voxel_of(patient, points[f"{level} pedicle {side}"])] == label


def test_landmarks_touch_their_vertebra(patient: Patient) -> None:
    labels = labels_of(patient)
    distance = {label: ndimage.distance_transform_edt(labels != label) * 3.0 for label in LUMBAR.values()}
    for name, point in points_of(patient).items():
        assert distance[LUMBAR[name.split()[0]]][voxel_of(patient, point)] < 7.0, name


def test_left_is_left(patient: Patient) -> None:
    points = points_of(patient)
    left = np.mean([point for name, point in points.items() if name.endswith("left")], axis=0)
    right = np.mean([point for name, point in points.items() if name.endswith("right")], axis=0)
    assert (left - right)[0] > 30


def test_no_patient_is_its_own_mirror_image(patient: Patient) -> None:
    hu = patient.volume.hu
    assert np.abs(hu - hu[::-1]).mean() > 40
    bone = labels_of(patient) == 22
    assert (bone != bone[::-1]).sum() > 0.05 * bone.sum()


def test_sub_regions_cover_the_vertebrae(patient: Patient, regions: LabelGrid) -> None:
    names = inside("bones.regions").REGION_NAMES
    for label in LUMBAR.values():
        there = regions[labels_of(patient) == label]
        assert set(np.unique(there).tolist()) == set(names)
        assert 0.4 < (there == 1).mean() < 0.85
    assert not regions[labels_of(patient) == 0].any()


def test_labels_are_larger_than_the_true_bone(patient: Patient) -> None:
    true = inside("generate").anatomy(4, inside("options").PatientOptions(size=80, spacing_mm=3.0))
    assert np.count_nonzero(labels_of(patient) == 22) > 1.1 * np.count_nonzero(true.labels == 22)


@pytest.mark.parametrize(("implants", "brightest"), [("screws", 3000.0), ("cement", 1000.0)])
def test_implants_are_metal_in_the_right_bone(tmp_path: Path, implants: str, brightest: float) -> None:
    plain = phantom(tmp_path, size=64, spacing_mm=3.0).patient("phantom-v5-000011")
    made = phantom(tmp_path, size=64, spacing_mm=3.0, implants=implants).patient("phantom-v5-000011")
    more = made.volume.hu - plain.volume.hu
    assert made.volume.hu.max() > brightest * 0.6
    bright = more > 600
    assert bright.any()
    assert (labels_of(made)[bright] > 0).mean() > 0.3


def test_abdomens_hold_from_next_to_no_gas_to_half_a_litre(dozen: list[tuple[Any, Any, Any]]) -> None:
    volumes = np.array([gas.sum() * MILLILITRES for _, gas, _ in dozen])
    assert (volumes < 80).sum() >= 2
    assert (volumes > 300).sum() >= 2
    assert np.median(volumes) < 400


def test_gas_lies_before_the_spine_and_not_behind_it(dozen: list[tuple[Any, Any, Any]]) -> None:
    """The patient is supine."""
    deep = np.concatenate([y[np.argwhere(gas)[:, 1]] for _, gas, y in dozen])
    assert len(deep) > 500
    assert np.median(deep) < -30
    assert np.percentile(deep, 90) < -5


def test_lean_and_stout_differ_by_a_fifth_of_the_body(dozen: list[tuple[Any, Any, Any]]) -> None:
    shares = [float(((body.hu > -150) & (body.hu < -40)).sum() / (body.hu > -150).sum()) for body, _, _ in dozen]
    assert max(shares) - min(shares) > 0.2


def test_six_lumbar_vertebrae_are_labelled_too() -> None:
    draw = inside("person.person").draw_person
    seed = next(seed for seed in range(150) if "L6" in draw(seed, fractures=False).levels)
    made = inside("generate").imaged(seed, inside("options").PatientOptions(size=80, spacing_mm=3.0))
    for number in (24, 25):
        assert (made.labels == number).sum() * 27 / 1000 > 20
        assert largest_share(made.labels == number) > 0.97
    assert any(name.startswith("L6 ") for name in inside("landmarks").anatomical(made.person).point_names)
