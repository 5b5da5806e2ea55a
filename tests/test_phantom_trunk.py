"""The trunk: outline and box, vessels, muscles and septa, organs, sacroiliac joints and iliac wings."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from .phantom_parts import LUMBAR, inside, persons, rendered

SACRUM, ILIUM = 26, 102


@pytest.fixture(scope="module")
def people() -> list[Any]:
    return persons(300)


@pytest.fixture(scope="module")
def plain(people: list[Any]) -> Any:
    """Nearly straight, five lumbar vertebrae, L5 free."""
    return next(
        person
        for person in people
        if len(person.levels) == 7 and not person.sacralised and np.ptp(lateral_tilts(person)[:-1]) < 3
    )


@pytest.fixture(scope="module")
def pelvis(plain: Any) -> tuple[Any, Any]:
    """Labels of sacrum and iliac bones in voxels of 1.5 mm, and the sacral frame in voxels."""
    parts = [*inside("bones.pelvis").ilium(plain), *inside("bones.sacrum").sacrum(plain)]
    middle = plain.frames["sacrum"].origin
    origin = middle - np.array([96.0, 75.0, 75.0])
    _, labels, _ = rendered(parts, (129, 101, 81), origin, 1.5)
    return labels, (middle - origin) / 1.5


def lateral_tilts(person: Any) -> Any:
    """Lateral tilt of each frame, degrees."""
    rows = [frame.axes[0] for frame in person.frames.values()]
    return np.array([np.degrees(np.arctan2(-row[2], row[0])) for row in rows])


def middle_of(course: Any, high: float) -> Any:
    """Where a vessel passes a height, mm."""
    order = np.argsort(course.points[:, 2])
    return [np.interp(high, course.points[order, 2], course.points[order, axis]) for axis in (0, 1)]


def test_bodies_are_as_deep_as_people(people: list[Any]) -> None:
    draw = inside("soft_tissue.outline").draw_outline
    outlines = [draw(person) for person in people]
    depths = np.array([outline.front + outline.back for outline in outlines])
    assert 235 < np.median(depths) < 252
    assert depths.min() > 165
    backs = np.array([outline.back for outline in outlines])
    assert backs.min() < 90
    assert backs.max() > 105
    assert np.std([outline.shift for outline in outlines]) > 2
    assert np.std([outline.behind for outline in outlines]) > 0.15


@pytest.mark.parametrize(("size", "spacing_mm"), [(128, 2.0), (100, 2.0), (160, 2.0)])
def test_the_box_stands_about_the_body_and_holds_the_spine(people: list[Any], size: int, spacing_mm: float) -> None:
    options = inside("options").PatientOptions(size=size, spacing_mm=spacing_mm)
    for person in people[:60]:
        outline = inside("soft_tissue.outline").draw_outline(person)
        low = inside("soft_tissue.trunk").origin_of(person, options)
        high = low + (size - 1) * spacing_mm
        assert low[1] < -30
        assert high[1] > min(outline.back, 85)
        if size * spacing_mm >= 256 and outline.front + outline.back < 240:
            assert low[1] < -outline.front
        if size * spacing_mm >= 256 and outline.back < 110:
            assert high[1] > outline.back


def test_aorta_and_vena_cava_differ_in_side_size_and_section(people: list[Any]) -> None:
    vessels, sizes = inside("soft_tissue.vessels"), list[tuple[float, float, float]]()
    for person in people[:80]:
        random = person.random("vessels")
        aorta, cava = vessels.draw_arteries(person, random)[0], vessels.draw_veins(person, random)[0]
        high = person.frames["L2"].origin[2]
        assert middle_of(aorta, high)[0] - person.frames["L2"].origin[0] > 0
        assert middle_of(cava, high)[0] - person.frames["L2"].origin[0] < -10
        assert cava.points[-1][2] < aorta.points[-1][2]
        sizes.append((2 * aorta.radii[3, 0], 2 * cava.radii[3, 0], cava.radii[3, 1] / cava.radii[3, 0]))
    across, wide, flat = np.array(sizes).T
    assert 15 < np.median(across) < 21
    assert np.median(wide) > 1.2 * np.median(across)
    assert np.median(flat) < 0.8


def test_no_vessel_runs_through_a_body(people: list[Any]) -> None:
    vessels = inside("soft_tissue.vessels")
    for person in people[:80]:
        random = person.random("vessels")
        for course in (vessels.draw_arteries(person, random)[0], vessels.draw_veins(person, random)[0]):
            for point, radius in zip(course.points, course.radii[:, 1], strict=True):
                level = min(person.levels, key=lambda name: abs(person.frames[name].origin[2] - point[2]))
                frame, size = person.frames[level], person.vertebrae[level]
                x, y, _ = frame.axes @ (point - frame.origin)
                inner = np.hypot(x / (size.upper_width / 2 - 3), (y + radius) / (size.depth / 2 - 3))
                assert inner > 0.85, (person.seed, level)


def test_arteries_of_the_old_are_calcified(people: list[Any]) -> None:
    vessels = inside("soft_tissue.vessels")

    def plaques(person: Any) -> int:
        return sum(len(part.shapes) for part in vessels.vessels(person) if part.shell_hu == vessels.PLAQUE_HU)

    old = [plaques(person) for person in people if person.age > 72]
    assert not any(plaques(person) for person in people if person.age < 42)
    assert np.mean(old) > 6
    assert np.max(old) > 15


def test_the_psoas_grows_from_a_strip_to_a_thick_muscle(plain: Any) -> None:
    rods = inside("soft_tissue.psoas").psoas(plain, 1.0, np.random.default_rng(1))
    part = inside("rendering.shapes").soft(tuple(rods), 50.0, blend_mm=5.0)
    hu, _, _ = rendered([part], (120, 120, 200), np.array([0.0, -70.0, -100.0]), 1.0)
    areas: dict[str, int] = {}
    for level in list(LUMBAR)[:4]:
        section = hu[:, :, round(plain.frames[level].origin[2] + 100)] > 0
        areas[level] = int(section.sum())
        if level == "L2":
            widths = np.ptp(np.argwhere(section), axis=0)
            assert widths[1] > 1.2 * widths[0]
    assert areas["L1"] < areas["L2"] < areas["L3"] < areas["L4"]
    assert areas["L4"] > 3 * areas["L1"]
    assert 500 < areas["L4"] < 2200


def test_muscles_of_the_sides_differ_along_their_course(people: list[Any]) -> None:
    varied: list[float] = []
    for person in people[:5]:
        # Five muscles a side; the septa come after them.
        parts = inside("soft_tissue.muscles").muscles(person, 90.0)[:10]
        for left, right in zip(parts[:5], parts[5:], strict=True):
            ratios = [a.numbers[1] / b.numbers[1] for a, b in zip(left.shapes, right.shapes, strict=True)]
            varied.append(float(np.std(ratios)))
    assert np.mean(varied) > 0.04


def test_septa_widen_with_age(people: list[Any]) -> None:
    young, old = replace(people[3], age=25.0), replace(people[3], age=85.0)
    septa = inside("soft_tissue.septa").septa
    thick = [
        np.mean([shape.numbers[1] for shape in septa(person, 1.0, 85.0, np.random.default_rng(0))[0].shapes])
        for person in (young, old)
    ]
    assert thick[1] > 1.3 * thick[0]


def test_contrast_agent_shows_in_vessels_and_kidneys(people: list[Any]) -> None:
    organs = inside("soft_tissue.organs").organs
    plain = next(person for person in people if person.contrast == 0)
    given = next(person for person in people if person.contrast > 0.6)
    assert max(part.shell_hu for part in organs(given, 100.0)) > 110
    assert max(part.shell_hu for part in organs(plain, 100.0)) < 90


def test_sacroiliac_joints_are_narrow_gaps(pelvis: tuple[Any, Any]) -> None:
    labels, middle = pelvis
    away = ndimage.distance_transform_edt(labels != ILIUM, sampling=1.5)
    for left in (False, True):
        here = np.zeros(labels.shape, dtype=bool)
        here[int(middle[0]) :] = left
        here[: int(middle[0])] = not left
        near = away[(labels == SACRUM) & here]
        assert 1.5 < near.min() < 4.5
        # A joint, not a point: some square centimetres of the sacrum face the wing.
        assert (near < 6.0).sum() * 1.5**3 > 500


def test_the_iliac_fossa_is_thinner_than_the_joint_and_the_line_below(pelvis: tuple[Any, Any]) -> None:
    labels, middle = pelvis
    wing = (labels == ILIUM)[int(middle[0]) :]
    inner = ndimage.distance_transform_edt(wing, sampling=1.5)
    deep = {
        name: inner[:, int(middle[1] + y / 1.5), int(middle[2] + z / 1.5)].max()
        for name, y, z in (("joint", 45, -32), ("fossa", -25, -22), ("line", 8, -58))
    }
    assert deep["joint"] > 1.6 * deep["fossa"]
    assert deep["line"] > 1.6 * deep["fossa"]


def test_wings_of_the_sacrum_are_lighter_than_its_first_body(people: list[Any]) -> None:
    for person in people[:20]:
        solid = inside("bones.sacrum").sacrum(person)[1]
        first, ala = solid.shapes[0], solid.shapes[4]
        assert ala.inner_hu < 0.7 * first.inner_hu
