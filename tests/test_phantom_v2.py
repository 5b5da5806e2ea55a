"""Version 2 of the procedural patients: anatomy, variation, options; and that both versions stay what they were."""

import hashlib
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench import registry
from bench.contract import Patient
from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points

LEVELS = {"L1": 20, "L2": 21, "L3": 22, "L4": 23, "L5": 24}
HERE = Path(__file__).parents[1] / "datasets" / "phantom"


def phantom(folder: Path, **settings: Any) -> Any:
    return registry.load("datasets", "phantom")(**{"cache_dir": folder, "version": 2, **settings})


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def patient(folder: Path) -> Patient:
    made: Patient = phantom(folder, size=80, spacing_mm=3.0).patient("phantom-v2-000004")
    return made


@pytest.fixture(scope="module")
def people() -> list[Any]:
    draw = inside("v2.person").draw_person
    return [draw(seed, fractures=True) for seed in range(400)]


def voxel_of(patient: Patient, point: Matrix) -> tuple[int, int, int]:
    index = transform_points(np.asarray(np.linalg.inv(patient.volume.affine), dtype=np.float64), point)
    i, j, k = np.rint(index).astype(int)
    return int(i), int(j), int(k)


def points_of(patient: Patient) -> dict[str, Matrix]:
    return dict(zip(patient.landmarks[0].point_names, patient.landmarks[0].points, strict=True))


def labels_of(patient: Patient) -> Any:
    assert patient.volume.labels is not None
    return patient.volume.labels


# What each version's sources hash to: a version that patients were made with is never edited again.
FROZEN = {
    "v1": "b63acf58d220f463",
    "v2": "5a480f155222f470",
    "v3": "3d08b27998944602",
    "v4": "4b607f1360bfe705",
    "v5": "e68848329a99f309",
}


@pytest.mark.parametrize("version", sorted(FROZEN))
def test_sources_of_a_used_version_are_frozen(version: str) -> None:
    digest = hashlib.sha256()
    for path in sorted((HERE / version).rglob("*")):
        if path.suffix in (".py", ".csv"):
            digest.update(path.name.encode() + path.read_bytes())
    assert digest.hexdigest()[:16] == FROZEN[version], "make a new version beside it instead"


@pytest.mark.parametrize(
    ("version", "seed", "mean_hu", "landmark_sum"),
    [
        (1, 11, -245.7041, 917.9250),
        (1, 100001, -48.2576, 1135.7307),
        (2, 11, -120.4784, 1243.0751),
        (2, 100001, -26.7412, 1050.8970),
        (3, 11, -206.3710, 1052.8362),
        (3, 100001, -75.4337, 883.4968),
        (4, 11, -98.5140, 1266.5981),
        (4, 100001, -105.8035, 1180.7660),
        (5, 11, -29.7659, 741.6032),
        (5, 100001, -76.1942, 1135.8325),
    ],
)
def test_a_seed_gives_the_patient_it_always_gave(
    tmp_path: Path, version: int, seed: int, mean_hu: float, landmark_sum: float
) -> None:
    """Means, not bits: another processor may round the last digit otherwise."""
    dataset = phantom(tmp_path, size=32, spacing_mm=7.0, version=version)
    made = dataset.patient(f"phantom-v{version}-{seed:06d}")
    assert made.volume.hu.astype(np.float64).mean() == pytest.approx(mean_hu, abs=0.01)
    assert made.landmarks[0].points.sum() == pytest.approx(landmark_sum, abs=0.01)


def test_dimensions_lie_within_two_standard_deviations_of_the_published_means(people: list[Any]) -> None:
    table = inside("v2.anthropometry").table()
    names = [field.name for field in fields(inside("v2.anthropometry").Dimensions)]
    for person in people[:120]:
        for level in ("T11", "T12", *LEVELS):
            for name in names:
                if name == "disc_height" and person.wear[level] > 0:
                    continue
                figure = table[name, level, person.male]
                assert abs(getattr(person.vertebrae[level], name) - figure.mean) <= 2 * figure.sd, (name, level)


def test_a_population_has_the_published_means_and_runs_along_the_spine(people: list[Any]) -> None:
    table = inside("v2.anthropometry").table()
    for name in ("upper_width", "posterior_height", "pedicle_width", "canal_depth"):
        z = np.array(
            [
                [
                    (getattr(p.vertebrae[lv], name) - table[name, lv, p.male].mean) / table[name, lv, p.male].sd
                    for lv in LEVELS
                ]
                for p in people
            ]
        )
        assert (np.abs(z.mean(axis=0)) < 0.2).all()
        assert ((z.std(axis=0) > 0.6) & (z.std(axis=0) < 1.1)).all()
        assert np.corrcoef(z[:, 1], z[:, 2])[0, 1] > 0.4


def test_drawn_bodies_have_the_dimensions_of_their_person() -> None:
    """Measured on the labelled voxels, in each vertebra's own axes."""
    anatomy, options = inside("v2.generate").anatomy, inside("v2.options").PatientOptions
    spine = inside("v2.spine")
    found = anatomy(7, options(size=150, spacing_mm=1.4, fractures=False))
    origin = inside("v2.generate").origin_of(options(size=150, spacing_mm=1.4))
    for level, label in LEVELS.items():
        index = np.argwhere((found.labels == label) & (found.regions == 1))
        frame, size = found.person.frames[level], found.person.vertebrae[level]
        local = (origin + 1.4 * index - frame.origin) @ frame.axes.T
        middle = np.abs(local[:, 2]) < 40
        width = np.ptp(local[middle & (np.abs(local[:, 1]) < 6), 0])
        depth = np.ptp(local[np.abs(local[:, 0]) < 4, 1])
        assert width == pytest.approx(max(size.upper_width, size.lower_width), abs=6.0)
        assert depth == pytest.approx(max(size.upper_depth, size.lower_depth), abs=6.5)
        front, back = spine.heights(size, None)
        height = np.ptp(local[(np.abs(local[:, 0]) < 4), 2])
        assert height == pytest.approx(max(front, back), abs=4.0)


def test_prevalences_are_those_of_a_population(people: list[Any]) -> None:
    share = {
        "six": np.mean([p.levels[-1] == "L6" for p in people]),
        "sacralised": np.mean([p.sacralised for p in people]),
        "broken": np.mean([bool(p.fractures) for p in people if p.age > 50]),
    }
    assert 0.01 < share["six"] < 0.07
    assert 0.02 < share["sacralised"] < 0.11
    assert 0.05 < share["broken"] < 0.25


def test_spongy_bone_fades_with_age(people: list[Any]) -> None:
    ages, density = np.array([p.age for p in people]), np.array([p.trabecular_hu for p in people])
    slope = np.polyfit(ages, density, 1)[0]
    assert -2.6 < slope < -1.3


def test_labels_stand_in_order_and_are_of_one_piece(patient: Patient) -> None:
    labels = labels_of(patient)
    centres = [np.argwhere(labels == number).mean(axis=0)[2] for number in LEVELS.values()]
    assert (np.diff(centres) * 3.0 < -20).all()
    for number in LEVELS.values():
        pieces, _ = ndimage.label(labels == number, np.ones((3, 3, 3)))
        sizes = np.bincount(np.asarray(pieces).ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.97
        assert 25 < sizes.sum() * 27 / 1000 < 110


def test_canal_is_open_and_pedicles_are_bone(patient: Patient) -> None:
    points = points_of(patient)
    for level, label in LEVELS.items():
        middle = (points[f"{level} pedicle left"] + points[f"{level} pedicle right"]) / 2
        towards = points[f"{level} spinous tip"] - middle
        index = voxel_of(patient, middle + 7.0 * towards / np.linalg.norm(towards))
        assert labels_of(patient)[index] != label
        assert patient.volume.hu[index] < 150
        for side in ("left", "right"):
            assert labels_of(patient)[voxel_of(patient, points[f"{level} pedicle {side}"])] == label


def test_landmarks_touch_their_vertebra(patient: Patient) -> None:
    distance = {label: ndimage.distance_transform_edt(labels_of(patient) != label) * 3.0 for label in LEVELS.values()}
    for name, point in points_of(patient).items():
        away = distance[LEVELS[name.split()[0]]][voxel_of(patient, point)]
        assert away < 7.0, name


def test_facet_joints_have_a_space_between_bones() -> None:
    """Along the line from the lower process to the upper one, HU falls to cartilage and rises again."""
    generate, options = inside("v2.generate"), inside("v2.options").PatientOptions
    person = inside("v2.person").draw_person(3, fractures=False)
    parts = generate.parts_of(person)
    for side in (-1.0, 1.0):
        joint = inside("v2.arch").joint_below(person, "L3", side)
        low = joint.centre - 8.0
        hu, labels, _ = inside("v2.kernels").render(parts, shape=(40, 40, 40), origin=low, spacing_mm=0.4)
        steps = np.arange(-4.5, 4.6, 0.2)[:, None] * joint.normal
        index = np.rint((joint.centre + steps - low) / 0.4).astype(int)
        profile = hu[tuple(index.T)]
        found = labels[tuple(index.T)]
        assert profile[len(profile) // 2] < 250
        assert profile[: len(profile) // 2].max() > 500
        assert profile[len(profile) // 2 :].max() > 500
        assert {22, 23} <= set(found.tolist())
    assert options().size == 128


def test_sub_regions_cover_the_vertebrae(folder: Path, patient: Patient) -> None:
    regions = phantom(folder, size=80, spacing_mm=3.0).regions("phantom-v2-000004")
    names = inside("v2.regions").REGION_NAMES
    for label in LEVELS.values():
        there = regions[labels_of(patient) == label]
        assert set(np.unique(there).tolist()) == set(names)
        assert 0.4 < (there == 1).mean() < 0.85
    assert not regions[labels_of(patient) == 0].any()


def test_a_wedged_body_is_lower_in_front_and_tips_what_lies_above(people: list[Any]) -> None:
    spine, draw = inside("v2.spine"), inside("v2.person").draw_person
    person = next(p for p in people if any(f.deformity == "wedge" and f.loss > 0.3 for f in p.fractures.values()))
    level = next(lv for lv, f in person.fractures.items() if f.deformity == "wedge" and f.loss > 0.3)
    whole = draw(person.seed, fractures=False)
    front, back = spine.heights(person.vertebrae[level], person.fractures[level])
    assert front < 0.8 * spine.heights(whole.vertebrae[level], None)[0]
    assert back > 0.9 * spine.heights(whole.vertebrae[level], None)[1]
    if level != "T11":
        assert person.frames["T11"].axes[2][1] < whole.frames["T11"].axes[2][1]


@pytest.mark.parametrize(("implants", "brightest"), [("screws", 3000.0), ("cement", 1000.0)])
def test_implants_are_metal_in_the_right_bone(tmp_path: Path, implants: str, brightest: float) -> None:
    plain = phantom(tmp_path, size=64, spacing_mm=3.0).patient("phantom-v2-000011")
    made = phantom(tmp_path, size=64, spacing_mm=3.0, implants=implants).patient("phantom-v2-000011")
    assert np.array_equal(labels_of(plain), labels_of(made))
    more = made.volume.hu - plain.volume.hu
    assert made.volume.hu.max() > brightest * 0.6
    bright = more > 600
    assert bright.any()
    assert (labels_of(made)[bright] > 0).mean() > 0.3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"spacing_mm": 0.6}, "0.7"),
        ({"size": 8}, "size"),
        ({"implants": "nails"}, "screws"),
        ({"version": 1, "implants": "screws"}, "version 1"),
        ({"version": 6}, "version"),
    ],
)
def test_options_out_of_range_are_refused_in_one_line(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(FluorobenchError, match=says) as caught:
        phantom(tmp_path, **settings)
    assert "\n" not in str(caught.value)


def test_versions_name_their_patients_and_share_their_splits(tmp_path: Path) -> None:
    first, second = phantom(tmp_path, version=1), phantom(tmp_path, version=2)
    with pytest.raises(FluorobenchError, match="version"):
        second.patient("phantom-v1-000001")
    splits = import_module("bench.contract").Split
    for split in splits:
        assert first.patient_ids(split)[3].removeprefix("phantom-v1") == second.patient_ids(split)[3].removeprefix(
            "phantom-v2"
        )
