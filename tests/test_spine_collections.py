"""The verse and ctspine1k datasets, on made-up files laid out as published and on one real mask of VerSe."""

import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from bench import registry
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.geometry import transform_points
from bench.volume.read import read_volume

sitk: Any = SimpleITK
verse: Any = import_module("bench.datasets.verse.dataset")
# Columns: index axes towards posterior, inferior, right, as VerSe's masks often are.
PIR = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], dtype=np.float64)


def write(path: Path, spots: dict[int, tuple[int, int, int]], background: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = np.full((14, 22, 18), background, dtype=np.float32)  # k, j, i
    for number, (i, j, k) in spots.items():
        grid[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = number
    image = sitk.GetImageFromArray(grid)
    image.SetSpacing([1.0, 1.5, 2.0])
    image.SetDirection(PIR.reshape(-1).tolist())
    image.SetOrigin([30.0, -10.0, 200.0])
    sitk.WriteImage(image, str(path))


def centroid_file(path: Path, direction: str, places: dict[int, tuple[float, float, float]]) -> None:
    entries = [{"label": number, "X": x, "Y": y, "Z": z} for number, (x, y, z) in places.items()]
    path.write_text(json.dumps([{"direction": list(direction)}, *entries]))


SPOTS = {20: (5, 6, 7), 21: (6, 15, 8)}


def subject(root: Path, part: str, stem: str) -> Path:
    name = stem.split("_")[0]
    write(root / part / "rawdata" / name / f"{stem}_ct.nii.gz", {400: SPOTS[20]}, -1000)
    beside = root / part / "derivatives" / name
    write(beside / f"{stem}_seg-vert_msk.nii.gz", SPOTS)
    centroid_file(beside / f"{stem}_seg-subreg_ctd.json", "PIR", {n: tuple(map(float, p)) for n, p in SPOTS.items()})  # type: ignore[misc]
    return beside


def built(name: str, folder: Path, **settings: Any) -> Dataset:
    dataset: Dataset = registry.build("datasets", name, {"folder": str(folder), **settings})
    return dataset


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    subject(tmp_path, "dataset-verse19training", "sub-verse004")
    subject(tmp_path, "dataset-verse19validation", "sub-verse005_split-verse100")
    subject(tmp_path, "dataset-verse20test", "sub-verse500_dir-ax")
    return tmp_path


def test_verse_splits_are_its_own(collection: Path) -> None:
    dataset = built("verse", collection)
    ids = {split: list(dataset.patient_ids(split)) for split in Split}
    assert ids == {
        Split.TRAIN: ["sub-verse004"],
        Split.VALIDATION: ["sub-verse005_split-verse100"],
        Split.TEST: ["sub-verse500_dir-ax"],
    }
    assert list(built("verse", collection, levels=["L1", "L2"]).patient_ids(Split.TRAIN)) == ["sub-verse004"]
    assert not list(built("verse", collection, levels=["L3"]).patient_ids(Split.TRAIN))


def test_verse_patient_has_labels_and_centroids_where_they_belong(collection: Path) -> None:
    patient = built("verse", collection).patient("sub-verse004")
    volume = patient.volume
    assert volume.labels is not None
    assert volume.label_scheme == "verse"
    assert verse.axis_directions(volume.affine) == "PIR"
    assert patient.hash == volume.fingerprint()
    (marks,) = patient.landmarks
    assert marks.point_names == ("L1", "L2")
    for number, point in zip(SPOTS, marks.points, strict=True):
        middle = transform_points(volume.affine, np.argwhere(volume.labels == number).mean(axis=0))
        np.testing.assert_allclose(point, middle, atol=1e-9)
    # L1 lies above L2, in a world where z points to the head.
    assert marks.points[0, 2] > marks.points[1, 2]


def test_centroids_in_another_orientation_land_on_the_same_points(collection: Path) -> None:
    patient = built("verse", collection).patient("sub-verse004")
    i, j, k = SPOTS[20]
    size = patient.volume.shape
    # Axes left, posterior, superior: left runs against k, superior against j.
    path = collection / "turned.json"
    centroid_file(path, "LPS", {20: (size[2] - 1 - k, i, size[1] - 1 - j)})
    turned = verse.centroids(path, patient.volume)
    np.testing.assert_allclose(turned.points[0], patient.landmarks[0].points[0], atol=1e-9)


def test_a_real_mask_of_verse_and_its_centroids_agree(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "verse-mask"
    beside = tmp_path / "01_training" / "derivatives" / "sub-verse004"
    raw = tmp_path / "01_training" / "rawdata" / "sub-verse004"
    beside.mkdir(parents=True)
    raw.mkdir(parents=True)
    for name in ("sub-verse004_seg-vert_msk.nii.gz", "sub-verse004_seg-subreg_ctd.json"):
        shutil.copy(source / name, beside / name)
    # The CT is not published with the sample: the mask stands in for it.
    shutil.copy(source / "sub-verse004_seg-vert_msk.nii.gz", raw / "sub-verse004_ct.nii.gz")
    patient = built("verse", tmp_path, levels=["L1", "L5"]).patient("sub-verse004")
    (marks,) = patient.landmarks
    assert marks.point_names == ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
    assert (np.diff(marks.points[:, 2]) < -10).all()
    labels = read_volume(source / "sub-verse004_seg-vert_msk.nii.gz").hu
    for name, point in zip(marks.point_names, marks.points, strict=True):
        number = verse.label_number("verse", name)
        index = np.rint(np.linalg.solve(patient.volume.affine, [*point, 1.0])[:3]).astype(int)
        # The centroids are of the bodies: each lies inside its own vertebra.
        assert labels[tuple(index)] == number


def split_file(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data_split.txt").write_text(text)


def test_ctspine1k_follows_its_authors_split(tmp_path: Path) -> None:
    for name in ("liver_1", "liver_2", "HN_P001", "1.3.6.1.4.1", "stray"):
        write(tmp_path / "volumes" / "A" / f"{name}.nii.gz", {300: SPOTS[20]}, -1000)
        write(tmp_path / "labels" / "A" / f"{name}_seg.nii.gz", SPOTS)
    split_file(
        tmp_path,
        "trainset:\nliver_1.nii.gz\nabsent.nii.gz\n\ntest_public:\nHN_P001.nii.gz\n\n"
        "test_private:\n1.3.6.1.4.1.nii.gzliver_2.nii.gz\n",
    )
    dataset = built("ctspine1k", tmp_path)
    assert [list(dataset.patient_ids(split)) for split in Split] == [
        ["liver_1"],
        ["HN_P001"],
        ["1.3.6.1.4.1", "liver_2"],
    ]
    patient = dataset.patient("1.3.6.1.4.1")
    assert patient.volume.labels is not None
    assert set(np.unique(patient.volume.labels)) == {0, 20, 21}
    assert patient.hash == patient.volume.fingerprint()


def refused(expected: str, name: str, folder: Path, patient: str | None = None) -> None:
    dataset = built(name, folder)
    with pytest.raises(FluorobenchError, match=expected) as caught:
        dataset.patient_ids(Split.TRAIN) if patient is None else dataset.patient(patient)
    assert "\n" not in str(caught.value)


def test_verse_bad_input_is_one_line(tmp_path: Path) -> None:
    refused("no such folder", "verse", tmp_path / "absent")
    refused("no CT with a mask", "verse", tmp_path)
    beside = subject(tmp_path / "a", "dataset-verse19training", "sub-verse004")
    refused("no CT 'x'", "verse", tmp_path / "a", "x")
    centroids = beside / "sub-verse004_seg-subreg_ctd.json"
    for content in ("{", "[]", '[{"label": 20, "X": 1, "Y": 2, "Z": 3}]', '[{"direction": ["P", "I", "R"]}]'):
        centroids.write_text(content)
        refused("ctd.json: (expected|not a centroid file)", "verse", tmp_path / "a", "sub-verse004")
    centroid_file(centroids, "PPR", {20: (1, 2, 3)})
    refused("no single axis", "verse", tmp_path / "a", "sub-verse004")
    subject(tmp_path / "a", "dataset-verse20test", "sub-verse004_dir-ax")
    verse._found.cache_clear()
    refused("two archives", "verse", tmp_path / "a")
    subject(tmp_path / "b", "unnamed", "sub-verse001")
    refused("expected training", "verse", tmp_path / "b")


def test_ctspine1k_bad_input_is_one_line(tmp_path: Path) -> None:
    refused("no such folder", "ctspine1k", tmp_path / "absent")
    refused("expected one data_split.txt", "ctspine1k", tmp_path)
    for name, text, expected in (
        ("a", "trainset:\nliver_1.nii.gz\n", "none of the CTs"),
        ("b", "liver_1.nii.gz\n", "stands under none"),
        ("c", "trainset:\nx.nii.gz\ntest_private:\nx.nii.gz\n", "in two splits"),
    ):
        split_file(tmp_path / name, text)
        refused(expected, "ctspine1k", tmp_path / name)
