import sys
from importlib import import_module
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import Dataset, Patient, Split
from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.volume import LabelGrid

LUMBAR = (20, 21, 22, 23, 24)


def phantom(folder: Path, **settings: Any) -> Dataset:
    dataset: Dataset = registry.load("datasets", "phantom")(cache_dir=folder, **{"version": 1} | settings)
    return dataset


def inside(name: str) -> Any:
    return import_module(f"bench.datasets.phantom.{name}")


def labels_of(patient: Patient) -> LabelGrid:
    assert patient.volume.labels is not None
    return patient.volume.labels


def voxel_of(patient: Patient, point: Matrix) -> tuple[int, int, int]:
    i, j, k = np.rint(
        transform_points(np.asarray(np.linalg.inv(patient.volume.affine), dtype=np.float64), point)
    ).astype(int)
    return int(i), int(j), int(k)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def patient(folder: Path) -> Patient:
    return phantom(folder, size=80, spacing_mm=3.2).patient("phantom-v1-000004")


def centroid(patient: Patient, label: int) -> Matrix:
    return transform_points(patient.volume.affine, np.argwhere(labels_of(patient) == label).mean(axis=0))


def test_same_id_gives_the_same_bits_without_and_with_the_cache(tmp_path: Path) -> None:
    settings = {"size": 32, "spacing_mm": 7.0}
    first = phantom(tmp_path / "a", **settings).patient("phantom-v1-000011")
    again = phantom(tmp_path / "b", **settings).patient("phantom-v1-000011")
    cached = phantom(tmp_path / "a", **settings).patient("phantom-v1-000011")
    assert first.hash == again.hash == cached.hash == first.volume.fingerprint()
    assert np.array_equal(first.landmarks[0].points, cached.landmarks[0].points)
    assert first.landmarks[0].point_names == cached.landmarks[0].point_names


def test_another_seed_is_another_patient(tmp_path: Path) -> None:
    dataset = phantom(tmp_path, size=32, spacing_mm=7.0)
    first, second = (dataset.patient(f"phantom-v1-{seed:06d}") for seed in (11, 12))
    assert np.abs(first.volume.hu - second.volume.hu).mean() > 20
    assert np.linalg.norm(first.landmarks[0].points - second.landmarks[0].points, axis=1).mean() > 2


def test_thread_count_changes_nothing(tmp_path: Path) -> None:
    numba: Any = import_module("numba")
    before = numba.get_num_threads()
    hashes: list[str] = []
    for count in sorted({1, before}):
        numba.set_num_threads(count)
        hashes.append(phantom(tmp_path / str(count), size=32, spacing_mm=7.0).patient("phantom-v1-000011").hash)
    numba.set_num_threads(before)
    assert len(set(hashes)) == 1


def test_splits_are_the_documented_disjoint_seed_ranges(tmp_path: Path) -> None:
    ids = {split: phantom(tmp_path).patient_ids(split) for split in Split}
    assert [len(ids[split]) for split in Split] == [100_000, 10_000, 10_000]
    assert ids[Split.TRAIN][0] == "phantom-v1-000000"
    assert ids[Split.VALIDATION][0] == "phantom-v1-100000"
    assert ids[Split.TEST][-1] == "phantom-v1-209999"
    assert list(ids[Split.TEST][:2]) == ["phantom-v1-200000", "phantom-v1-200001"]
    every = [name for split in Split for name in ids[split]]
    assert len(set(every)) == len(every)
    assert "phantom-v1-100000" in ids[Split.VALIDATION]
    assert "phantom-v1-100000" not in ids[Split.TRAIN]


def test_lumbar_labels_stand_in_order_from_head_to_foot(patient: Patient) -> None:
    assert patient.volume.label_scheme == "phantom"
    assert set(np.unique(labels_of(patient)).tolist()) <= {0, 18, 19, *LUMBAR, 26, 101, 102}
    heights = [centroid(patient, label)[2] for label in (19, *LUMBAR, 26)]
    assert (np.diff(heights) < -15).all()
    spacing = patient.volume.spacing_mm.prod()
    volumes = [(labels_of(patient) == label).sum() * spacing / 1000 for label in LUMBAR]
    assert all(30 < volume < 130 for volume in volumes)


def test_no_scatter_of_vertebral_labels(patient: Patient) -> None:
    components: Any = import_module("scipy.ndimage").label
    for number in LUMBAR:
        pieces, count = components(labels_of(patient) == number, np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())[1:]
        assert count >= 1
        assert sizes.max() / sizes.sum() > 0.97


def test_hounsfield_units_of_bone_soft_tissue_fat_and_air(patient: Patient) -> None:
    hu, labels = patient.volume.hu, labels_of(patient)
    assert hu.dtype == np.float32
    assert hu.flags.c_contiguous
    assert np.isfinite(hu).all()
    assert 120 < np.mean(hu[labels == 22]) < 600
    assert np.percentile(hu[labels == 22], 95) > 350
    fat, soft = ((hu > -140) & (hu < -60)).mean(), ((hu > 0) & (hu < 100)).mean()
    assert 0.1 < fat < 0.5
    assert 0.1 < soft < 0.5
    assert np.median(hu[:, 0, :]) < -900


def test_canal_holds_no_bone(patient: Patient) -> None:
    points = dict(zip(patient.landmarks[0].point_names, patient.landmarks[0].points, strict=True))
    for level, label in zip(("L1", "L2", "L3", "L4", "L5"), LUMBAR, strict=True):
        middle = (points[f"{level} pedicle left"] + points[f"{level} pedicle right"]) / 2
        towards = points[f"{level} spinous tip"] - middle
        index = voxel_of(patient, middle + 8.0 * towards / np.linalg.norm(towards))
        assert labels_of(patient)[index] != label
        assert patient.volume.hu[index] < 130


def test_pedicle_landmarks_lie_in_their_vertebra(patient: Patient) -> None:
    for name, point in zip(patient.landmarks[0].point_names, patient.landmarks[0].points, strict=True):
        if "pedicle" in name:
            index = voxel_of(patient, point)
            assert labels_of(patient)[index] == 19 + int(name[1])


def test_left_is_left(patient: Patient) -> None:
    names = patient.landmarks[0].point_names
    left = np.mean([p for n, p in zip(names, patient.landmarks[0].points, strict=True) if n.endswith("left")], axis=0)
    right = np.mean([p for n, p in zip(names, patient.landmarks[0].points, strict=True) if n.endswith("right")], axis=0)
    assert (left - right)[0] > 30


def test_edges_are_partial_volume_not_steps() -> None:
    shapes = inside("v1.shapes")
    ball = shapes.soft((shapes.ellipsoid((0.2, -0.1, 0.3), (20, 20, 20)),), 0.0)
    hu, _ = inside("v1.kernels").render([ball], shape=(30, 30, 30), origin=np.full(3, -29.0), spacing_mm=2.0)
    volume = (hu.astype(np.float64) + 1000).sum() / 1000 * 8
    assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.004)
    between = ((hu > -950) & (hu < -50)).sum()
    assert between > 0.7 * 4 * np.pi * 20**2 / 4


def test_a_thin_shell_keeps_its_integral() -> None:
    shapes = inside("v1.shapes")
    shell = shapes.ellipsoid((0.2, -0.1, 0.3), (20, 20, 20)).made_of(shell_mm=0.5, inner_hu=-1000.0)
    hu, _ = inside("v1.kernels").render(
        [shapes.Part((shell,), 1000.0)], shape=(30, 30, 30), origin=np.full(3, -29.0), spacing_mm=2.0
    )
    mass = (hu.astype(np.float64) + 1000).sum() / 2000 * 8
    assert mass == pytest.approx(4 / 3 * np.pi * (20**3 - 19.5**3), rel=0.02)


def test_no_patient_is_its_own_mirror_image(patient: Patient) -> None:
    hu = patient.volume.hu
    assert np.abs(hu - hu[::-1]).mean() > 40
    bone = labels_of(patient) == 22
    assert (bone != bone[::-1]).sum() > 0.05 * bone.sum()


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_damaged_cache_file_is_regenerated(tmp_path: Path, damage: bytes | None) -> None:
    dataset = phantom(tmp_path, size=32, spacing_mm=7.0)
    wanted = dataset.patient("phantom-v1-000011").hash
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + b"\x5a" * 64 + content[middle + 64 :] if damage is None else damage)
    assert dataset.patient("phantom-v1-000011").hash == wanted
    assert file.stat().st_size == len(content)
    assert [left.name for left in tmp_path.iterdir()] == [file.name]


def test_settings_do_not_share_cache_files(tmp_path: Path) -> None:
    first = phantom(tmp_path, size=32, spacing_mm=7.0).patient("phantom-v1-000011")
    second = phantom(tmp_path, size=32, spacing_mm=7.5).patient("phantom-v1-000011")
    assert first.volume.spacing_mm[0] != second.volume.spacing_mm[0]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("phantom-v1-abc", "six digits"),
        ("phantom-v2-000001", "version"),
        ("phantom-v1-150000", "no split"),
        ("phantom-v1-000001 ", "six digits"),
    ],
)
def test_bad_ids_are_refused_in_one_line(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(FluorobenchError, match=says) as caught:
        phantom(tmp_path).patient(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"version": 9}, {"size": 8}, {"size": 4000}, {"spacing_mm": 0.0}, {"spacing_mm": float("nan")}]
)
def test_bad_settings_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(FluorobenchError):
        phantom(tmp_path, **settings)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("size", "64", "a whole number of voxels; got '64' (str)"),
        ("size", 64.0, "a whole number of voxels; got 64.0 (float)"),
        ("size", True, "a whole number of voxels; got True (bool)"),
        ("spacing_mm", "2", "a number of mm; got '2' (str)"),
        ("spacing_mm", None, "a number of mm; got None (NoneType)"),
        ("spacing_mm", np.ones((2, 1)), "a number of mm; got array([[1.], [1.]]) (ndarray)"),
        ("version", "4", "a whole number; got '4' (str)"),
        ("version", 4.0, "a whole number; got 4.0 (float)"),
        ("fractures", "no", "true or false; got 'no' (str)"),
        ("fractures", 1, "true or false; got 1 (int)"),
        ("implants", None, "a text; got None (NoneType)"),
        ("implants", ["screws"], "a text; got ['screws'] (list)"),
        ("only", 200000, "a patient's id or None; got 200000 (int)"),
        ("cache_dir", 7, "a folder or None; got 7 (int)"),
    ],
)
def test_an_option_of_another_type_is_one_line(option: str, value: object, says: str) -> None:
    with pytest.raises(FluorobenchError) as caught:
        inside("dataset").Phantom(**{option: value})
    assert str(caught.value) == f"{option} must be {says}"


def test_numpys_numbers_are_numbers(tmp_path: Path) -> None:
    given = inside("dataset").Phantom(size=np.int64(16), spacing_mm=np.float32(4.0), cache_dir=tmp_path)
    plain = inside("dataset").Phantom(size=16, spacing_mm=4.0, cache_dir=tmp_path)
    assert given.patient("phantom-v5-000011").hash == plain.patient("phantom-v5-000011").hash


@pytest.mark.parametrize("name", [11, 11.5, None])
def test_an_id_that_is_no_text_is_one_line(tmp_path: Path, name: Any) -> None:
    with pytest.raises(FluorobenchError, match=f"six digits; got {name}"):
        inside("dataset").Phantom(cache_dir=tmp_path).patient(name)


def test_a_whole_spacing_is_the_same_patient_and_a_cache_folder_may_be_text(tmp_path: Path) -> None:
    made = [
        inside("dataset").Phantom(size=16, spacing_mm=spacing, cache_dir=str(tmp_path)).patient("phantom-v5-000011")
        for spacing in (4, 4.0)
    ]
    assert made[0].hash == made[1].hash
    assert len(list(tmp_path.iterdir())) == 1


def test_a_hip_outside_the_cube_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FluorobenchError, match=r"needs a cube of at least 384 mm.*128 voxels of 2 mm"):
        phantom(tmp_path, size=128, spacing_mm=2.0, version=5, implants="hip")
    large = phantom(tmp_path, size=64, spacing_mm=6.0, version=5, implants="hip").patient("phantom-v5-200000")
    assert large.volume.hu.max() > 2000


def test_imports_without_heavy_or_foreign_packages() -> None:
    banned = ("SimpleITK", "pydantic", "tyro", "cmaes", "mahotas", "plotly", "pandas")
    code = f"""
import sys
for name in {banned!r}:
    sys.modules[name] = None
from bench.datasets import phantom
import bench.datasets.phantom.v1.generate
print(phantom.card.title)
"""
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
