"""What a method is handed over many cases of an image tells no more than one case does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import registry
from bench.cases.build import hidden_number
from bench.cases.real import RealDraw, draw_real_case, real_targets
from bench.contract import Acquisition, Problem
from bench.perturb import PoseDistribution, SamplingConstraints, generator, nominal_pose_generator
from bench.perturb.mtre_start import MtreStartDistribution
from bench.protocol import protocol_names, read_protocol

from .toy_case import make_case

CASE = make_case()
PROBLEM = replace(
    CASE.problem,
    truth_distribution=PoseDistribution("uniform", (10.0,) * 6),
    start_distribution=PoseDistribution("uniform", (10.0,) * 6, "truth"),
    search=np.full(6, 15.0),
)
IMAGES, STARTS = 30, 60


def draws_of(image: int) -> list[RealDraw]:
    """Every case of one real image."""
    target = real_targets([Acquisition("0001", PROBLEM.views, CASE.truth)], "each")[0]
    constraints = SamplingConstraints(
        PROBLEM.frame, PROBLEM.views[0].camera, np.eye(4), PROBLEM.volume.content_corners(), PROBLEM.search
    )
    distributions = PROBLEM.truth_distribution, PROBLEM.start_distribution
    assert distributions[0] is not None
    assert distributions[1] is not None
    return [
        draw_real_case(
            target,
            constraints,
            (distributions[0], distributions[1]),
            generator(1, "draw", image, case),
            nominal=nominal_pose_generator(1, "somebody", f"image {image}"),
        )
        for case in range(STARTS)
    ]


def problems_of(draws: Sequence[RealDraw]) -> list[Problem]:
    return [replace(PROBLEM, start=draw.start, nominal=draw.frame.nominal) for draw in draws]


def errors(method: Any, problems: Sequence[Problem]) -> NDArray[np.float64]:
    """Mean absolute error of the parameters, case by case, in one process."""
    prepared = method.prepare(PROBLEM.volume, PROBLEM.views)
    found = [method.register(problem, prepared).pose for problem in problems]
    frames = [problem.frame for problem in problems]
    return np.array(
        [
            np.abs(frame.parameters(pose) - frame.parameters(CASE.truth)).mean()
            for frame, pose in zip(frames, found, strict=True)
        ]
    )


def test_many_starts_on_a_real_image_tell_no_more_than_the_nominal_pose() -> None:
    prior, control = registry.build("methods", "prior", {}), registry.build("methods", "starts_alone", {})
    runs = [problems_of(draws_of(image)) for image in range(IMAGES)]
    last = np.array([errors(control, problems)[-1] for problems in runs])
    known = [replace(each[-1], start_distribution=PoseDistribution("uniform", (10.0,) * 6)) for each in runs]
    single = np.array([errors(prior, [problem])[0] for problem in known])
    assert np.median(last) > 0.9 * np.median(single)


def test_the_mean_of_many_starts_on_a_real_image_is_the_nominal_pose() -> None:
    for image in range(3):
        draws = draws_of(image)
        frame = draws[0].frame
        starts = np.array([frame.parameters(draw.start) for draw in draws])
        error = 10 / np.sqrt(3 * STARTS)
        assert np.abs(starts.mean(axis=0)).max() < 4 * error
        assert np.abs(starts.mean(axis=0) - frame.parameters(CASE.truth)).max() > 4 * error


def test_the_control_row_shows_starts_that_disclose_the_truth() -> None:
    random = np.random.default_rng(3)
    frame = PROBLEM.frame
    true = frame.parameters(CASE.truth)
    problems = [replace(PROBLEM, start=frame.pose(true + random.uniform(-10, 10, 6))) for _ in range(STARTS)]
    found = errors(registry.build("methods", "starts_alone", {}), problems)
    assert found[-1] < 0.25 * np.median(errors(registry.build("methods", "prior", {}), problems))


def test_on_images_of_one_case_each_it_answers_as_prior_does() -> None:
    random = np.random.default_rng(4)
    view = PROBLEM.views[0]
    prior, control = registry.build("methods", "prior", {}), registry.build("methods", "starts_alone", {})
    seen = control.prepare(PROBLEM.volume, PROBLEM.views)
    for _ in range(5):
        image = random.normal(size=(view.camera.height, view.camera.width)).astype(np.float32)
        start = PROBLEM.frame.pose(random.uniform(-10, 10, 6))
        problem = replace(PROBLEM, start=start, views=(replace(view, image=image),))
        np.testing.assert_array_equal(control.register(problem, seen).pose, prior.register(problem, None).pose)


@pytest.mark.parametrize("name", protocol_names())
def test_every_protocol_on_real_images_has_the_control_row(name: str) -> None:
    protocol = read_protocol(name, "full")
    if protocol.target.real:
        assert {"prior", "starts_alone"} <= {each.plugin for each in protocol.methods}


def test_the_number_of_a_case_does_not_tell_how_far_its_start_is() -> None:
    protocol = read_protocol("gold-standard", "full")
    starts = protocol.start.used
    assert isinstance(starts, MtreStartDistribution)
    bins = np.array(
        [
            [hidden_number(protocol, f"patient {patient}", index) % starts.bins for index in range(starts.bins * 4)]
            for patient in range(20)
        ]
    )
    assert all(np.bincount(each).tolist() == [4] * starts.bins for each in bins)
    assert len(set(bins[:, 0].tolist())) > 5
