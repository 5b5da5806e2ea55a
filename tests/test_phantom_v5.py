"""Version 5 of the procedural patients as a whole: who is drawn, and that it is what one gets unasked."""

from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import Split


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


def people_of(version: int) -> list[Any]:
    draw = inside(f"v{version}.person").draw_person
    return [draw(seed, fractures=False) for seed in range(200)]


def test_version_five_is_what_one_gets_unasked() -> None:
    assert registry.load("datasets", "phantom")().patient_ids(Split.TEST)[0] == "phantom-v5-200000"


@pytest.mark.parametrize("version", [3, 4])
def test_nobody_is_an_earlier_versions_person_of_the_seed(version: int) -> None:
    """What was chosen looking at an earlier version's test patients has not met version 5's."""
    now, before = people_of(5), people_of(version)
    ages = np.corrcoef([person.age for person in now], [person.age for person in before])[0, 1]
    assert abs(ages) < 0.2
    assert all(person.seed == seed for seed, person in enumerate(now))


def test_people_are_drawn_independently() -> None:
    """Neither does one trait tell another, nor a patient the next one: intervals over patients rest on it."""
    people = people_of(5)
    traits = np.array([[person.gas, person.fat, person.stool, person.age] for person in people]).T
    for one, other in product(range(4), repeat=2):
        if one < other:
            assert abs(np.corrcoef(traits[one], traits[other])[0, 1]) < 0.2
        assert abs(np.corrcoef(traits[one][1:], traits[other][:-1])[0, 1]) < 0.2


def test_the_net_in_the_fat_has_no_row_along_the_body() -> None:
    """Rows of its lattice along the beam add up to a grid in an AP view."""
    for seed in range(50):
        axes = inside("v5.net").axes_of(seed)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.abs(axes).max() < np.cos(np.radians(25.0))
