"""The tables of dimensions that versions 3 and 4 are drawn from, what people get of them, and measuring on labels."""

import csv
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import LandmarkSet, Patient
from bench.volume import Volume

HERE = Path(__file__).parents[1] / "datasets" / "phantom"
LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
LUMBAR = LEVELS[2:]
STATUSES = {"v3": {"verified", "from memory", "ours"}, "v4": {"verified", "measured", "from memory", "ours"}}


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


def rows(version: str) -> list[dict[str, str]]:
    with (HERE / version / "anthropometry.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def people() -> list[Any]:
    draw = inside("v3.person").draw_person
    return [draw(seed, fractures=False) for seed in range(300)]


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> list[Patient]:
    folder = tmp_path_factory.mktemp("phantoms")
    dataset = registry.load("datasets", "phantom")(
        version=3, size=88, spacing_mm=2.5, fractures=False, cache_dir=folder
    )
    return [dataset.patient(f"phantom-v3-{seed:06d}") for seed in (11, 12)]


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_every_dimension_has_a_row_a_level_and_says_what_it_rests_on(version: str) -> None:
    names = {field.name for field in fields(inside("v2.anthropometry").Dimensions)}
    found = {(row["dimension"], row["level"]) for row in rows(version)}
    assert {(name, level) for name in names for level in LEVELS} <= found
    assert len(found) == len(rows(version))
    for row in rows(version):
        assert row["status"] in STATUSES[version], row
        assert float(row["sd"]) > 0
        if row["status"] in ("verified", "measured"):
            assert row["source"] not in ("", "ours"), row
            assert row["seen_in"], row
            assert row["n"], row


def test_what_version_4_verifies_anew_says_where_in_the_source_it_stands() -> None:
    old = {(row["dimension"], row["level"]): row for row in rows("v3")}
    fresh = [row for row in rows("v4") if row != old[row["dimension"], row["level"]]]
    assert len(fresh) > 20
    for row in fresh:
        if row["status"] in ("verified", "measured"):
            assert row["table"], row
            assert row["sexes_from"], row
            assert row["sd_from"], row
        else:
            assert row["status"] == "ours", row


def test_the_documented_counts_are_the_tables() -> None:
    kinds = [row["status"] for row in rows("v5")]
    counts = {kind: kinds.count(kind) for kind in STATUSES["v4"]}
    assert counts["verified"] + counts["measured"] > 0.6 * len(kinds)
    text = " ".join((HERE.parents[1] / "docs" / "dimensions.md").read_text(encoding="utf-8").split())
    assert f"Of {len(kinds)} rows {counts['verified']} are `verified`" in text
    for kind in ("measured", "from memory", "ours"):
        assert f"{counts[kind]} `{kind}`" in text


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_every_source_is_named_in_full_beside_the_table(version: str) -> None:
    text = (HERE / version / "anthropometry.py").read_text(encoding="utf-8")
    for source in {row["source"] for row in rows(version) if row["status"] != "ours"}:
        assert f"``{source}``" in text, source


@pytest.mark.parametrize("male", [False, True])
def test_version_4_keeps_how_far_a_vertebra_stands_from_the_mean(male: bool) -> None:
    """Two SD above version 3's means is two SD above version 4's; what the tables share is kept to the bit."""
    before, now = inside("v3.anthropometry"), inside("v4.anthropometry")
    names = [field.name for field in fields(inside("v2.anthropometry").Dimensions)]
    changed = 0
    for level in LEVELS:
        figures = {name: before.table()[name, level, male] for name in names}
        drawn = inside("v2.anthropometry").Dimensions(**{name: f.mean + 2 * f.sd for name, f in figures.items()})
        moved = now.moved(drawn, level, male=male)
        for name in names:
            due = now.table()[name, level, male]
            if due == figures[name]:
                assert getattr(moved, name) == getattr(drawn, name)
            else:
                changed += 1
                assert getattr(moved, name) == pytest.approx(due.mean + 2 * due.sd)
    assert changed > 15


def test_the_sixth_lumbar_vertebra_is_moved_as_the_fifth() -> None:
    now = inside("v4.anthropometry")
    figures = inside("v3.anthropometry").table()
    names = [field.name for field in fields(inside("v2.anthropometry").Dimensions)]
    drawn = inside("v2.anthropometry").Dimensions(**{name: figures[name, "L5", True].mean for name in names})
    assert now.moved(drawn, "L6", male=True) == now.moved(drawn, "L5", male=True) != drawn


def test_people_of_version_4_have_transverse_processes_as_wide_as_living_people() -> None:
    now, draw = inside("v4.anthropometry"), inside("v4.person").draw_person
    added = inside("v3.anthropometry").ADDED_MM["transverse_span"]
    people = [now.with_own_dimensions(draw(seed, fractures=False)) for seed in range(120)]
    for male in (False, True):
        own = [person for person in people if person.male is male]
        for level in LEVELS:
            figure = now.published()["transverse_span", level, male]
            spans = np.array([person.vertebrae[level].transverse_span for person in own]) + added
            assert abs(spans.mean() - figure.mean) < 0.35 * figure.sd, (level, male)
            assert (np.abs(spans - figure.mean) <= 2 * figure.sd).all(), (level, male)


def test_people_are_drawn_about_the_published_means_of_their_sex_less_what_shapes_add(people: list[Any]) -> None:
    published, added = inside("v3.anthropometry").published(), inside("v3.anthropometry").ADDED_MM
    for male in (False, True):
        own = [person for person in people if person.male is male]
        for name in ("upper_width", "posterior_height", "pedicle_width", "canal_width", "canal_depth", "wedge_deg"):
            for level in LEVELS:
                figure = published[name, level, male]
                sizes = np.array([getattr(each.vertebrae[level], name) for each in own]) + added.get(name, 0.0)
                assert abs(sizes.mean() - figure.mean) < 0.25 * figure.sd, (name, level, male)
                assert (np.abs(sizes - figure.mean) <= 2 * figure.sd).all(), (name, level, male)


def test_discs_are_drawn_below_the_healthy_mean_with_age_and_never_vanish(people: list[Any]) -> None:
    published, added = inside("v3.anthropometry").published(), inside("v3.anthropometry").ADDED_MM["disc_height"]
    for person in people:
        for level in person.levels:
            figure = published["disc_height", "L5" if level == "L6" else level, person.male]
            height = person.vertebrae[level].disc_height
            assert 0 < height <= figure.mean - added + 2 * figure.sd


def test_what_is_measured_on_labels_is_what_was_published(patients: list[Patient]) -> None:
    """Of each dimension the mean over levels and two people lies within half a standard deviation of what is due."""
    measure, published = inside("dimensions").measured, inside("v3.anthropometry").published()
    added, draw = inside("v3.anthropometry").ADDED_MM, inside("v3.person").draw_person
    for name in ("pedicle_width", "canal_width", "canal_depth", "transverse_span"):
        errors: list[float] = []
        for patient, seed in zip(patients, (11, 12), strict=True):
            person, found = draw(seed, fractures=False), measure(patient)
            for level in LUMBAR:
                due = getattr(person.vertebrae[level], name) + added.get(name, 0.0)
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
