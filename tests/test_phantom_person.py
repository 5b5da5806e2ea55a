"""Persons of the phantom: how widely traits differ, prevalences, posture of the spine, fractures."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from .phantom_parts import inside, persons


@pytest.fixture(scope="module")
def people() -> list[Any]:
    return persons(300)


@pytest.fixture(scope="module")
def injured() -> list[Any]:
    return persons(400, fractures=True)


def lateral_tilts(person: Any) -> Any:
    """Lateral tilt of each frame, degrees."""
    rows = [frame.axes[0] for frame in person.frames.values()]
    return np.array([np.degrees(np.arctan2(-row[2], row[0])) for row in rows])


def tilt(frame: Any) -> float:
    return float(np.degrees(np.arctan2(frame.axes[1][2], frame.axes[1][1])))


def test_traits_differ_as_widely_as_in_patients(people: list[Any]) -> None:
    for name, least in (("fat", 0.22), ("gas", 0.14), ("visceral", 0.12), ("cortex", 0.2)):
        values = np.array([getattr(person, name) for person in people])
        assert values.std() > least, name
    assert 0.25 < np.mean([person.contrast > 0 for person in people]) < 0.55
    men = np.mean([person.visceral for person in people if person.male])
    assert men > np.mean([person.visceral for person in people if not person.male]) + 0.1


def test_a_third_of_the_persons_has_little_gas_and_some_are_distended(people: list[Any]) -> None:
    gas = np.array([person.gas for person in people])
    assert 0.28 < (gas < 0.25).mean() < 0.4
    assert 0.04 < (gas < 0.02).mean() < 0.13
    assert 0.15 < (gas > 0.7).mean() < 0.35


def test_traits_are_drawn_independently(people: list[Any]) -> None:
    """Of one another and of the previous patient's: intervals over patients rest on it."""
    traits = np.array([[person.gas, person.fat, person.stool, person.age] for person in people]).T
    for one, other in product(range(4), repeat=2):
        if one < other:
            assert abs(np.corrcoef(traits[one], traits[other])[0, 1]) < 0.2
        assert abs(np.corrcoef(traits[one][1:], traits[other][:-1])[0, 1]) < 0.2
    assert [person.seed for person in people] == list(range(len(people)))


def test_prevalences_are_those_of_a_population(injured: list[Any]) -> None:
    share = {
        "six": np.mean([p.levels[-1] == "L6" for p in injured]),
        "sacralised": np.mean([p.sacralised for p in injured]),
        "broken": np.mean([bool(p.fractures) for p in injured if p.age > 50]),
    }
    assert 0.01 < share["six"] < 0.07
    assert 0.02 < share["sacralised"] < 0.11
    assert 0.05 < share["broken"] < 0.25


def test_spongy_bone_fades_with_age(people: list[Any]) -> None:
    ages, density = np.array([p.age for p in people]), np.array([p.trabecular_hu for p in people])
    assert -2.6 < np.polyfit(ages, density, 1)[0] < -1.3


def test_lordosis_is_that_of_supine_people(people: list[Any]) -> None:
    whole = [tilt(p.frames["sacrum"]) - tilt(p.frames["L1"]) for p in people if len(p.levels) == 7]
    assert 46 < np.mean(whole) < 56
    assert 8 < np.std(whole) < 14
    for above, below, mean, spread in (("L2", "L3", 5.9, 4.1), ("L3", "L4", 9.1, 4.2), ("L4", "L5", 12.7, 5.1)):
        parts = np.array([tilt(p.frames[below]) - tilt(p.frames[above]) for p in people if len(p.levels) == 7])
        assert abs(parts.mean() - mean) < 0.6 * spread
        assert (abs(parts - mean) < 2 * spread).mean() > 0.95


def test_the_distribution_of_lordosis_differs(people: list[Any]) -> None:
    low: list[float] = []
    for person in people:
        if len(person.levels) == 7:
            tilts = {name: tilt(person.frames[name]) for name in ("L1", "L4", "sacrum")}
            low.append((tilts["sacrum"] - tilts["L4"]) / (tilts["sacrum"] - tilts["L1"]))
    assert np.percentile(low, 95) - np.percentile(low, 5) > 0.15


def test_most_spines_are_straight_and_some_have_a_scoliosis(people: list[Any]) -> None:
    cobb = np.array([np.ptp(lateral_tilts(person)[:-1]) for person in people])
    assert (cobb < 8).mean() > 0.75
    assert 0.05 < (cobb > 10).mean() < 0.2
    assert cobb.max() < 35


def test_scoliotic_bodies_turn_with_their_curve() -> None:
    curve = inside("person.spine").Curve(20.0, 3.0, 2.0)
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
    slipped = {seed for seed, slip in slips if abs(slip) > 1.6}
    assert 0.02 < len(slipped) / len(people) < 0.16
    assert max(abs(slip) for _, slip in slips) < 8.0


def test_a_wedged_body_is_lower_in_front_and_tips_what_lies_above(injured: list[Any]) -> None:
    heights = inside("person.fractures").heights
    person = next(p for p in injured if any(f.deformity == "wedge" and f.loss > 0.3 for f in p.fractures.values()))
    level = next(lv for lv, f in person.fractures.items() if f.deformity == "wedge" and f.loss > 0.3)
    whole = inside("person.person").draw_person(person.seed, fractures=False)
    front, back = heights(person.vertebrae[level], person.fractures[level])
    assert front < 0.8 * heights(whole.vertebrae[level], None)[0]
    assert back > 0.9 * heights(whole.vertebrae[level], None)[1]
    if level != "T11":
        assert person.frames["T11"].axes[2][1] < whole.frames["T11"].axes[2][1]


def test_a_seed_gives_the_same_person_twice() -> None:
    one, two = (inside("person.person").draw_person(17, fractures=True) for _ in range(2))
    assert one.vertebrae == two.vertebrae
    for name, frame in one.frames.items():
        np.testing.assert_array_equal(frame.axes, two.frames[name].axes)
        np.testing.assert_array_equal(frame.origin, two.frames[name].origin)
