"""Many registrations in step: the bits of each alone, one projector call for all, one's error its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.contract import Estimate, Problem
from bench.drr import project
from bench.drr.rays import ProjectionError
from bench.geometry import Camera
from bench.register import together
from bench.registry import build

from .registration import TRUTH, build_case, cluster

SEARCH: dict[str, Any] = {
    "levels": [
        {"size": 16, "population": 6, "generations": 3, "sigma": 0.2},
        {"size": 32, "population": 5, "generations": 2, "sigma": 0.05},
    ],
    "restarts": 2,
}
LEVELS: dict[str, Any] = {"levels": [{"size": 32, "iterations": 3}, {"size": 64, "iterations": 3}], "starts": 3}
HYBRID: dict[str, Any] = {
    "search": {"size": 32, "population": 6, "generations": 3},
    "levels": [{"size": 64, "iterations": 2, "window": 9}],
}


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    volume, step = cluster(), np.array([1.0, -2.0, 1.5, 3.0, 2.0, -4.0])
    cases = [build_case(volume, truth=TRUTH + number * step, sides=True, seed=number) for number in range(3)]
    return [replace(case.problem, case_id=str(number)) for number, case in enumerate(cases)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("opt_lm", LEVELS), ("opt_gc", SEARCH), ("opt_ngi", SEARCH), ("opt_hybrid", HYBRID)],
)
def test_the_same_bits_as_alone(problems: list[Problem], name: str, settings: dict[str, Any]) -> None:
    method = build("methods", name, settings)
    prepared = method.prepare(problems[0].volume, [view.without_image() for view in problems[0].views])
    alone = [method.register(problem, prepared) for problem in problems]
    found = method.register_many(problems, prepared)
    for first, second in zip(alone, found, strict=True):
        assert first.pose.tobytes() == second.pose.tobytes()
        assert (first.outcome, first.drr_evaluations) == (second.outcome, second.drr_evaluations)
        assert (first.covariance is None) == (second.covariance is None)
        if first.covariance is not None and second.covariance is not None:
            assert first.covariance.tobytes() == second.covariance.tobytes()
    assert len({each.pose.tobytes() for each in found}) == len(problems)


def test_a_level_is_one_call_of_the_projector_for_all(problems: list[Problem], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(attenuation: Any, poses: Any, camera: Camera) -> Any:
        sizes.append(len(poses))
        return project(attenuation, poses, camera)

    method = build("methods", "opt_gc", {"levels": SEARCH["levels"][:1], "restarts": 1})
    prepared = method.prepare(problems[0].volume, [view.without_image() for view in problems[0].views])
    monkeypatch.setattr(together, "project", counted)
    method.register_many(problems, prepared)
    generations, views = SEARCH["levels"][0]["generations"], len(problems[0].views)
    assert sizes == [3 * SEARCH["levels"][0]["population"]] * (generations * views)


def test_an_error_ends_its_own_registration_only(problems: list[Problem]) -> None:
    method = build("methods", "opt_lm", LEVELS)
    prepared = method.prepare(problems[0].volume, [view.without_image() for view in problems[0].views])
    camera, ended = problems[0].views[0].camera, list[str]()

    def fails() -> Estimate:
        together.images(prepared.attenuation[1], np.full((1, 4, 4), np.nan), camera)
        raise AssertionError("a pose of NaN was projected")

    def ends() -> Estimate:
        together.images(prepared.attenuation[1], problems[0].start[None], camera)
        found: Estimate = method.register(problems[0], prepared)
        ended.append("here")
        return found

    with pytest.raises(ProjectionError, match="pose 0 of 1"):
        together.in_step([fails, ends])
    assert ended == ["here"]
