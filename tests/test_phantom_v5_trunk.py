"""Version 5's trunk: bodies as deep as people's, vessels that differ, a leaning psoas, joints of the pelvis, curves."""

from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench import registry

LUMBAR = ("L1", "L2", "L3", "L4", "L5")
SACRUM, ILIUM = 26, 102


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


@pytest.fixture(scope="module")
def people() -> list[Any]:
    draw, moved = inside("v5.person").draw_person, inside("v5.anthropometry").with_own_dimensions
    return [moved(draw(seed, fractures=False)) for seed in range(300)]


@pytest.fixture(scope="module")
def plain(people: list[Any]) -> Any:
    """Nearly straight, five lumbar vertebrae, L5 free."""
    return next(
        person
        for person in people
        if len(person.levels) == 7 and not person.sacralised and np.ptp(leans(person)[:-1]) < 3
    )


@pytest.fixture(scope="module")
def pelvis(plain: Any) -> tuple[Any, Any]:
    """Labels of sacrum and iliac bones in voxels of 1.5 mm, and the sacral frame in voxels."""
    parts = [*inside("v5.pelvis").ilium(plain), *inside("v5.sacrum").sacrum(plain)]
    middle = plain.frames["sacrum"].origin
    origin = middle - np.array([96.0, 75.0, 75.0])
    _, labels, _ = inside("v2.kernels").render(parts, shape=(129, 101, 81), origin=origin, spacing_mm=1.5)
    return labels, (middle - origin) / 1.5


def leans(person: Any) -> Any:
    """Degrees that each frame leans to the side."""
    rows = [frame.axes[0] for frame in person.frames.values()]
    return np.array([np.degrees(np.arctan2(-row[2], row[0])) for row in rows])


def tilt(frame: Any) -> float:
    return float(np.degrees(np.arctan2(frame.axes[1][2], frame.axes[1][1])))


def middle_of(run: Any, high: float) -> Any:
    """Where a run of vessel passes a height, mm."""
    order = np.argsort(run.points[:, 2])
    return [np.interp(high, run.points[order, 2], run.points[order, axis]) for axis in (0, 1)]


def test_bodies_are_as_deep_as_people(people: list[Any]) -> None:
    fifth, fourth = inside("v5.trunk").draw_outline, inside("v4.trunk").draw_outline
    now = np.array([fifth(person).front + fifth(person).back for person in people])
    was = np.array([fourth(person).front + fourth(person).back for person in people])
    assert 235 < np.median(now) < 252
    assert np.median(now - was) > 4
    assert now.min() > 165
    assert (np.diff(now[np.argsort(was)]) > -1e-9).all()


@pytest.mark.parametrize(("size", "spacing_mm"), [(128, 2.0), (100, 2.0), (160, 2.0)])
def test_the_box_stands_about_the_body_and_holds_the_spine(people: list[Any], size: int, spacing_mm: float) -> None:
    trunk, options = inside("v5.trunk"), inside("v2.options").PatientOptions(size=size, spacing_mm=spacing_mm)
    for person in people[:60]:
        outline, low = trunk.draw_outline(person), trunk.origin_of(person, options)
        high = low + (size - 1) * spacing_mm
        assert low[1] < -30
        assert high[1] > min(outline.back, 85)
        if size * spacing_mm >= 256 and outline.front + outline.back < 240:
            assert low[1] < -outline.front
        if size * spacing_mm >= 256 and outline.back < 110:
            assert high[1] > outline.back


def test_aorta_and_vena_cava_differ_in_side_size_and_section(people: list[Any]) -> None:
    vessels, sizes = inside("v5.vessels"), list[tuple[float, float, float]]()
    for person in people[:80]:
        random = person.random("vessels")
        aorta, cava = vessels._arteries(person, random)[0], vessels._veins(person, random)[0]
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
    vessels = inside("v5.vessels")
    for person in people[:80]:
        random = person.random("vessels")
        for run in (vessels._arteries(person, random)[0], vessels._veins(person, random)[0]):
            for point, radius in zip(run.points, run.radii[:, 1], strict=True):
                level = min(person.levels, key=lambda name: abs(person.frames[name].origin[2] - point[2]))
                frame, size = person.frames[level], person.vertebrae[level]
                x, y, _ = frame.axes @ (point - frame.origin)
                inner = np.hypot(x / (size.upper_width / 2 - 3), (y + radius) / (size.depth / 2 - 3))
                assert inner > 0.85, (person.seed, level)


def test_walls_of_the_old_hold_chalk(people: list[Any]) -> None:
    vessels = inside("v5.vessels")

    def flecks(person: Any) -> int:
        return sum(len(part.shapes) for part in vessels.vessels(person) if part.shell_hu == vessels.CHALK_HU)

    old = [flecks(person) for person in people if person.age > 72]
    assert not any(flecks(person) for person in people if person.age < 42)
    assert np.mean(old) > 6
    assert np.max(old) > 15


def test_the_psoas_grows_from_a_strip_to_more_than_a_thumb(plain: Any) -> None:
    rods = inside("v5.muscles")._psoas(plain, 1.0, np.random.default_rng(1))
    part = inside("v2.shapes").soft(tuple(rods), 50.0, blend_mm=5.0)
    origin = np.array([0.0, -70.0, -100.0])
    hu, _, _ = inside("v2.kernels").render([part], shape=(120, 120, 200), origin=origin, spacing_mm=1.0)
    areas: dict[str, int] = {}
    for level in LUMBAR[:4]:
        section = hu[:, :, round(plain.frames[level].origin[2] + 100)] > 0
        areas[level] = int(section.sum())
        if level == "L2":
            widths = np.ptp(np.argwhere(section), axis=0)
            assert widths[1] > 1.2 * widths[0]
    assert areas["L1"] < areas["L2"] < areas["L3"] < areas["L4"]
    assert areas["L4"] > 3 * areas["L1"]
    assert 500 < areas["L4"] < 2200


def test_septa_widen_with_age() -> None:
    draw, septa = inside("v5.person").draw_person, inside("v5.muscles")._septa
    young = replace(draw(3, fractures=False), age=25.0)
    young = inside("v5.anthropometry").with_own_dimensions(young)
    old = replace(young, age=85.0)
    thick = [
        np.mean([shape.numbers[1] for shape in septa(person, 1.0, 85.0, np.random.default_rng(0))[0].shapes])
        for person in (young, old)
    ]
    assert thick[1] > 1.3 * thick[0]


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
        solid = inside("v5.sacrum").sacrum(person)[1]
        first, ala = solid.shapes[0], solid.shapes[4]
        assert ala.inner_hu < 0.7 * first.inner_hu


def test_lordosis_is_that_of_people_lying_down(people: list[Any]) -> None:
    whole = [tilt(p.frames["sacrum"]) - tilt(p.frames["L1"]) for p in people if len(p.levels) == 7]
    assert 46 < np.mean(whole) < 56
    assert 8 < np.std(whole) < 14
    for above, below, mean, spread in (("L2", "L3", 5.9, 4.1), ("L3", "L4", 9.1, 4.2), ("L4", "L5", 12.7, 5.1)):
        parts = np.array([tilt(p.frames[below]) - tilt(p.frames[above]) for p in people if len(p.levels) == 7])
        assert abs(parts.mean() - mean) < 0.6 * spread
        assert (abs(parts - mean) < 2 * spread).mean() > 0.95


def test_lordosis_is_shared_differently(people: list[Any]) -> None:
    low: list[float] = []
    for person in people:
        if len(person.levels) == 7:
            tilts = {name: tilt(person.frames[name]) for name in ("L1", "L4", "sacrum")}
            low.append((tilts["sacrum"] - tilts["L4"]) / (tilts["sacrum"] - tilts["L1"]))
    assert np.percentile(low, 95) - np.percentile(low, 5) > 0.15


def test_most_are_straight_and_some_have_a_scoliosis(people: list[Any]) -> None:
    cobb = np.array([np.ptp(leans(person)[:-1]) for person in people])
    assert (cobb < 8).mean() > 0.75
    assert 0.05 < (cobb > 10).mean() < 0.2
    assert cobb.max() < 35


def test_scoliotic_bodies_turn_with_their_curve() -> None:
    curve = inside("v5.curve").Curve(20.0, 3.0, 2.0)
    place = np.arange(8.0)
    bend, turn = curve.bend(place), curve.turn(place)
    assert np.ptp(bend) == pytest.approx(20.0)
    assert bend[3] == pytest.approx(0.0)
    assert np.argmax(abs(turn)) == 3


def test_one_of_twenty_has_a_slip(people: list[Any]) -> None:
    slips: list[tuple[int, float]] = []
    for person in people:
        frames = person.frames
        # Lordosis alone moves the middles of neighbours by less than the disc and half the bodies times its sine.
        for above, below in pairwise(person.levels):
            between = frames[above].axes[2] + frames[below].axes[2]
            across = np.cross(frames[below].axes[0], between / np.linalg.norm(between))
            slips.append((person.seed, float((frames[above].origin - frames[below].origin) @ across)))
    held = {seed for seed, slip in slips if abs(slip) > 1.6}
    assert 0.02 < len(held) / len(people) < 0.16
    assert max(abs(slip) for _, slip in slips) < 8.0


def test_a_seed_gives_the_same_spine_twice() -> None:
    draw, moved = inside("v5.person").draw_person, inside("v5.anthropometry").with_own_dimensions
    one, two = (moved(draw(17, fractures=True)) for _ in range(2))
    for name, frame in one.frames.items():
        np.testing.assert_array_equal(frame.axes, two.frames[name].axes)
        np.testing.assert_array_equal(frame.origin, two.frames[name].origin)
