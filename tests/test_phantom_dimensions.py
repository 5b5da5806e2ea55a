"""The table of dimensions, what persons get of it, and what is measured on their labels."""

import csv
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from bench.contract import LandmarkSet, Patient
from bench.volume import Volume

from .phantom_parts import FOLDER, LUMBAR, inside, persons, phantom

LEVELS = ("T11", "T12", *LUMBAR)
STATUSES = {"verified", "measured", "from memory", "ours"}


def rows() -> list[dict[str, str]]:
    with (FOLDER / "person" / "anthropometry.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def people() -> list[Any]:
    return persons(300)


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> list[Patient]:
    dataset = phantom(tmp_path_factory.mktemp("phantoms"), size=88, spacing_mm=2.5, fractures=False)
    return [dataset.patient(f"phantom-v5-{seed:06d}") for seed in (11, 12)]


def added(name: str, level: str) -> float:
    """What shapes and labels add to the number that a vertebra is built from, mm; of discs more enters."""
    dimensions = inside("person.dimensions")
    return float(dimensions.labels_add_mm(name, level) + dimensions.SHAPES_ADD_MM.get(name, 0.0))


def test_every_dimension_has_a_row_a_level_and_says_what_it_rests_on() -> None:
    names = {field.name for field in fields(inside("person.anthropometry").Dimensions)}
    found = {(row["dimension"], row["level"]) for row in rows()}
    assert {(name, level) for name in names for level in LEVELS} <= found
    assert {("volume", level) for level in ("L2", "L3", "L4", "L5")} <= found
    assert len(found) == len(rows())
    for row in rows():
        assert row["status"] in STATUSES, row
        assert float(row["sd"]) > 0
        if row["status"] in ("verified", "measured"):
            assert row["source"] not in ("", "ours"), row
            assert row["seen_in"], row
            assert row["n"], row
        if row["status"] == "measured":
            assert row["table"], row
            assert row["sexes_from"], row
            assert row["sd_from"], row


def test_every_source_is_named_in_full_beside_the_table() -> None:
    text = (FOLDER / "person" / "anthropometry.py").read_text(encoding="utf-8")
    for source in {row["source"] for row in rows() if row["status"] != "ours"}:
        assert f"``{source}``" in text, source


def test_the_documented_counts_are_the_tables() -> None:
    kinds = [row["status"] for row in rows()]
    counts = {kind: kinds.count(kind) for kind in STATUSES}
    assert counts["verified"] + counts["measured"] > 0.6 * len(kinds)
    text = " ".join((FOLDER.parents[1] / "docs" / "dimensions.md").read_text(encoding="utf-8").split())
    assert f"Of {len(kinds)} rows {counts['verified']} are `verified`" in text
    for kind in ("measured", "from memory", "ours"):
        assert f"{counts[kind]} `{kind}`" in text


def test_columns_of_earlier_compilations_are_empty_where_nothing_changed() -> None:
    table = inside("person.anthropometry")
    first, second, last = table.first_compilation(), table.second_compilation(), table.published()
    assert first.keys() == second.keys() == last.keys()
    moved = {key[:2] for key in last if first[key] != second[key]}
    assert moved == {(row["dimension"], row["level"]) for row in rows() if row["first_male"]}
    moved = {key[:2] for key in last if second[key] != last[key]}
    assert moved == {(row["dimension"], row["level"]) for row in rows() if row["second_male"]}
    assert {name for name, _ in moved} == {"upper_width", "lower_width"}


def test_persons_have_the_published_means_of_their_sex_less_what_shapes_and_labels_add(people: list[Any]) -> None:
    published = inside("person.anthropometry").published()
    for male in (False, True):
        own = [person for person in people if person.male is male]
        for name in (field.name for field in fields(inside("person.anthropometry").Dimensions)):
            if name == "disc_height":
                continue
            for level in LEVELS:
                figure = published[name, level, male]
                sizes = np.array([getattr(each.vertebrae[level], name) for each in own]) + added(name, level)
                assert abs(sizes.mean() - figure.mean) < 0.3 * figure.sd, (name, level, male)
                assert (np.abs(sizes - figure.mean) <= 2 * figure.sd).all(), (name, level, male)


def test_dimensions_run_along_the_spine(people: list[Any]) -> None:
    published = inside("person.anthropometry").published()
    for name in ("upper_width", "posterior_height", "pedicle_width", "canal_depth"):
        sizes = np.array([[getattr(p.vertebrae[lv], name) for lv in LUMBAR] for p in people])
        means, sds = (
            np.array([[getattr(published[name, lv, p.male], what) for lv in LUMBAR] for p in people])
            for what in ("mean", "sd")
        )
        z = (sizes - means) / sds
        assert ((z.std(axis=0) > 0.6) & (z.std(axis=0) < 1.1)).all()
        assert np.corrcoef(z[:, 1], z[:, 2])[0, 1] > 0.4


def test_a_sixth_lumbar_vertebra_is_drawn_as_the_fifth() -> None:
    draw, wear = inside("person.dimensions").draw_dimensions, dict.fromkeys((*LEVELS, "L6"), 0.0)
    made = [
        draw(np.random.default_rng(seed), male=True, size=0.0, levels=(*LEVELS, "L6"), wear=wear) for seed in range(200)
    ]
    widths = np.array([[each[level].upper_width for level in ("L5", "L6")] for each in made])
    assert widths.mean(axis=0)[1] == pytest.approx(widths.mean(axis=0)[0], abs=1.0)


def test_worn_discs_are_lower_and_none_vanishes(people: list[Any]) -> None:
    for person in people:
        for level in person.levels:
            assert person.vertebrae[level].disc_height > 0
    worn, healthy = (
        [p.vertebrae["L4"].disc_height for p in people if low <= p.wear["L4"] < high]
        for low, high in ((0.6, 1.1), (0.0, 0.2))
    )
    assert np.mean(worn) < np.mean(healthy) - 1.5


def test_what_is_measured_on_labels_is_what_was_published(patients: list[Patient]) -> None:
    """Of each dimension the mean over levels and two persons lies near what is due."""
    measure, published = inside("dimensions").measured, inside("person.anthropometry").published()
    draw = inside("person.person").draw_person
    for name in ("pedicle_width", "canal_width", "canal_depth", "transverse_span"):
        errors: list[float] = []
        for patient, seed in zip(patients, (11, 12), strict=True):
            person, found = draw(seed, fractures=False), measure(patient)
            for level in LUMBAR:
                due = getattr(person.vertebrae[level], name) + added(name, level)
                errors.append((found[name, level] - due) / published[name, level, person.male].sd)
        assert abs(np.mean(errors)) < 0.75, (name, errors)


def test_all_dimensions_are_found_on_a_patient_and_described(patients: list[Patient]) -> None:
    dimensions = inside("dimensions")
    found, ranges = dimensions.measured(patients[0]), dimensions.published()
    assert set(ranges) <= set(found)
    assert {name for name, _ in ranges} == set(dimensions.NAMES)
    assert dimensions.described("canal_depth") == "canal depth (mm) [verified]"
    assert dimensions.described("transverse_span") == "transverse span (mm) [verified]"
    assert dimensions.described("spinous_length") == "spinous length (mm) [ours: 1 of 5; measured: 4 of 5]"
    assert "from memory: 1 of 5" in dimensions.described("upper_depth")


def test_without_labels_only_what_landmarks_show_is_measured(patients: list[Patient]) -> None:
    patient = patients[0]
    bare = replace(patient, volume=replace(patient.volume, labels=None, label_scheme=None))
    found = {name for name, _ in inside("dimensions").measured(bare)}
    assert {"upper_width", "segment_lordosis"} <= found
    assert not found & {"pedicle_width", "disc_height", "spinous_length"}


def test_a_vertebra_of_boxes_has_the_dimensions_that_it_was_made_with() -> None:
    """Body 40 x 30 x 20, pedicles 8 x 12, canal 22 x 16, disc 9; voxels of 1 mm, the axes along the grid."""
    lower = 21
    labels = np.zeros((90, 90, 90), np.uint16)
    x, y, z = np.meshgrid(*(np.arange(90) - 44.5,) * 3, indexing="ij")
    body = (np.abs(x) < 20) & (np.abs(y) < 15) & (np.abs(z) < 10)
    pedicles = (np.abs(np.abs(x) - 15) < 4) & (y >= 15) & (y < 31) & (np.abs(z - 3) < 6)
    lamina = (np.abs(x) < 19) & (y >= 31) & (y < 36) & (np.abs(z + 3) < 9)
    labels[body | pedicles | lamina] = 20
    labels[(np.abs(x) < 20) & (np.abs(y) < 15) & (z < -19) & (z > -39)] = lower
    points = {
        **{f"L1 {end} endplate left": np.array([20.0, 0, h]) for end, h in (("upper", 10.0), ("lower", -10.0))},
        **{f"L1 {end} endplate right": np.array([-20.0, 0, h]) for end, h in (("upper", 10.0), ("lower", -10.0))},
        **{f"L1 {end} endplate anterior": np.array([0, -15.0, h]) for end, h in (("upper", 10.0), ("lower", -10.0))},
        **{f"L1 {end} endplate posterior": np.array([0, 15.0, h]) for end, h in (("upper", 10.0), ("lower", -10.0))},
        "L1 pedicle left": np.array([15.0, 18.0, 3.0]),
        "L1 pedicle right": np.array([-15.0, 18.0, 3.0]),
    }
    affine = np.eye(4)
    affine[:3, 3] = -44.5
    volume = Volume(np.zeros(labels.shape, np.float32), affine, labels, "phantom")
    on_labels = inside("label_dimensions")
    place = on_labels.site(points, volume, "L1", 20)
    assert on_labels.pedicle_width(place) == pytest.approx(8.0, abs=0.6)
    assert on_labels.pedicle_height(place) == pytest.approx(12.0, abs=0.6)
    assert on_labels.canal_width(place) == pytest.approx(22.0, abs=0.6)
    assert on_labels.canal_depth(place) == pytest.approx(16.0, abs=0.6)
    assert on_labels.canal_back(place) == pytest.approx(31.0, abs=0.6)
    assert on_labels.disc_height(place, lower) == pytest.approx(9.0, abs=0.6)
    del points["L1 pedicle left"]
    assert on_labels.site(points, volume, "L1", 20) is None


def test_lordosis_is_the_angle_between_upper_endplates() -> None:
    """L1's upper endplate rises to the front by 10 degrees, L2's by 4."""
    names: list[str] = []
    points: list[list[float]] = []
    for level, tilt in (("L1", 10.0), ("L2", 4.0)):
        for side, sign in (("anterior", -1.0), ("posterior", 1.0)):
            names.append(f"{level} upper endplate {side}")
            points.append([0.0, sign * 15 * np.cos(np.radians(tilt)), -sign * 15 * np.sin(np.radians(tilt))])
    volume = Volume(np.zeros((4, 4, 4), np.float32), np.eye(4))
    patient = Patient("one", "0" * 16, volume, (LandmarkSet("anatomical", np.array(points), tuple(names)),))
    found = inside("dimensions").measured(patient)
    assert found["segment_lordosis", "L1"] == pytest.approx(6.0)
    assert ("segment_lordosis", "L2") not in found
