"""The image-free guess is the best one that there is without an image, and knows nothing but the laws."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from bench import registry
from bench.contract import PoseDistribution
from bench.perturb import posterior_mean
from bench.protocol import read_protocol

from .toy_case import make_case

SIGMA, WIDTH = (6.0, 6.0, 6.0, 9.0, 4.5, 30.0), (10.0, 20.0, 10.0, 30.0, 30.0, 30.0)
TRUTH = PoseDistribution("normal", SIGMA, "nominal")
SEARCH = tuple(4 * width for width in SIGMA)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("number", [0, 4, 5])
def test_no_multiple_of_the_start_does_better(kind: Literal["normal", "uniform"], number: int) -> None:
    """The posterior mean has the least mean square error of all guesses from the start; linear ones are some."""
    random = np.random.default_rng(number)
    truth = random.normal(size=400) * SIGMA[number]
    truth = truth[np.abs(truth) <= SEARCH[number]]
    moved = random.normal(size=truth.size) if kind == "normal" else random.uniform(-1, 1, truth.size)
    start = truth + moved * WIDTH[number]
    law = PoseDistribution(kind, WIDTH, "truth")
    found = np.array([posterior_mean([(TRUTH, 0.0), (law, each)], number, SEARCH[number]) for each in start])
    error = float(((found - truth) ** 2).mean())
    linear = [float(((share * start - truth) ** 2).mean()) for share in np.linspace(0, 1, 21)]
    assert error <= 1.02 * min(linear)
    assert error < min(linear[0], linear[-1])


def mean_of(truth: PoseDistribution, about_truth: PoseDistribution, start: float, search: float) -> float:
    return posterior_mean([(truth, 0.0), (about_truth, start)], 0, search)


def test_closed_forms() -> None:
    near = PoseDistribution("normal", (3.0,) * 6, "truth")
    assert mean_of(TRUTH, near, 5.0, 1e3) == pytest.approx(5 * 36 / (36 + 9))
    box, wide = PoseDistribution("uniform", (4.0,) * 6, "nominal"), PoseDistribution("uniform", (3.0,) * 6, "truth")
    assert mean_of(box, wide, 5.0, 1e3) == pytest.approx((2 + 4) / 2)
    assert mean_of(TRUTH, PoseDistribution("uniform", (0.0,) * 6, "truth"), 7.0, 24.0) == pytest.approx(7)
    assert mean_of(TRUTH, wide, 200.0, 24.0) == pytest.approx((197 + 24) / 2)


def test_a_start_about_the_nominal_pose_tells_nothing() -> None:
    pair = PoseDistribution("normal", SIGMA, "nominal")
    problem = replace(make_case().problem, truth_distribution=TRUTH, start_distribution=pair)
    found = registry.build("methods", "prior", {}).register(problem, None).pose
    np.testing.assert_allclose(found, problem.nominal, atol=1e-9)


def test_it_asks_for_the_distributions_and_sees_no_image() -> None:
    problem, method = make_case().problem, registry.build("methods", "prior", {})
    assert "does not state the distributions" in method.skip(problem)
    stated = replace(problem, truth_distribution=TRUTH, start_distribution=PoseDistribution("uniform", WIDTH, "truth"))
    assert method.skip(stated) is None
    blind = replace(stated, views=tuple(view.without_image() for view in stated.views))
    np.testing.assert_array_equal(method.register(stated, None).pose, method.register(blind, None).pose)


@pytest.mark.parametrize("name", ["sopi-sim", "sopi-xray", "sopi-ablation", "mismatch", "gold-standard", "wrist"])
def test_it_has_a_row_where_starts_tell_something(name: str) -> None:
    assert "prior" in {method.plugin for method in read_protocol(name, "quick").methods}
