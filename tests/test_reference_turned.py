"""A reference that a spin about the longest axis beats, or that lies at the bounds, is left or refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Case, Problem
from bench.geometry import Matrix, PoseFrame, rotation_angle_deg
from bench.single import reference
from bench.single.depth import depth_half_width
from bench.single.opinion import Answer
from bench.single.reference import find_reference
from bench.single.turned import turned

from .registration import build_case, cluster

NEAR = np.array([10.0, 10.0, 10.0, 15.0, 15.0, 30.0])


@pytest.fixture(scope="module")
def case() -> Case:
    return build_case(cluster(), sides=True)


def spun(case: Case, degrees: int) -> Matrix:
    return next(pose for words, pose in turned(case.problem.volume, case.truth) if words.startswith(f"{degrees} "))


def nearby(problem: Problem, basins: Sequence[Matrix], pose: Matrix) -> Matrix:
    """A search ends in the nearest basin, within its bounds."""
    found = min(basins, key=lambda each: rotation_angle_deg(each, pose))
    return problem.frame.pose(np.clip(problem.frame.parameters(found), -problem.search, problem.search))


def simulate(monkeypatch: pytest.MonkeyPatch, basins: Sequence[Matrix], values: Sequence[float]) -> None:
    """Searches end in the nearest of several basins; values fall with the angle to it."""

    def value(pose: Matrix) -> float:
        angles = [rotation_angle_deg(each, pose) for each in basins]
        return values[int(np.argmin(angles))] - 0.01 * min(angles)

    def near(problem: Problem, _: str, pose: Matrix) -> Answer:
        wide = replace(problem, nominal=pose, search=np.array([15.0, 15, 15, 10, 10, 30]))
        return Answer(nearby(wide, basins, pose), value(pose))

    def search(problem: Problem, _: str) -> Answer:
        found = nearby(problem, basins, problem.start)
        return Answer(found, value(found))

    def weighed(_problem: Problem, _name: str, poses: Sequence[Matrix]) -> Matrix:
        return np.array([value(each) for each in poses])

    monkeypatch.setattr(reference, "searched", search)
    monkeypatch.setattr(reference, "searched_near", near)
    monkeypatch.setattr(reference, "weighed", weighed)


def about(case: Case, pose: Matrix) -> Problem:
    return replace(case.problem, start=pose, nominal=pose, search=NEAR)


def test_a_pose_31_degrees_off_is_left_for_the_better_spin(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both similarities and all starts meet 30 degrees off, within the bounds: this was certified."""
    wrong = spun(case, 30)
    simulate(monkeypatch, [wrong, case.truth], [0.5, 0.6])
    found = find_reference(about(case, wrong), starts=3)
    assert rotation_angle_deg(found.first.pose, case.truth) < 1e-6
    assert found.confirmed


def test_a_spin_that_fits_as_well_is_not_confirmed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch, [case.truth, spun(case, 180)], [0.6, 0.595])
    found = find_reference(about(case, case.truth), starts=3)
    assert not found.confirmed
    assert found.doubts == ("a pose turned by 180 degrees fits as well",)
    assert found.uncertainty["rotation_deg"] == pytest.approx(180)


def test_a_spin_that_fits_clearly_worse_is_no_rival(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch, [case.truth, spun(case, 180)], [0.6, 0.5])
    assert find_reference(about(case, case.truth), starts=3).confirmed


def test_an_answer_at_the_bounds_is_searched_about_and_confirmed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth lies 1.4 search half-widths from the start: one round more reaches it."""
    start = PoseFrame(case.truth, case.problem.centre).pose([0, 0, 0, 21, 0, 0])
    simulate(monkeypatch, [case.truth], [0.6])
    found = find_reference(about(case, start), starts=3)
    np.testing.assert_allclose(found.first.pose, case.truth, atol=1e-6)
    assert found.confirmed


def test_an_answer_that_stays_at_the_bounds_is_not_confirmed(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = PoseFrame(case.truth, case.problem.centre).pose([0, 0, 0, 150, 0, 0])
    simulate(monkeypatch, [case.truth], [0.6])
    found = find_reference(about(case, start), starts=3, journal=tmp_path / "starts.jsonl")
    assert not found.confirmed
    assert any("tx_mm by sgc lie at the bounds" in each for each in found.doubts)


def test_the_uncertainty_of_one_view_covers_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    case = build_case(cluster())
    simulate(monkeypatch, [case.truth], [0.6])
    found = find_reference(about(case, case.truth), starts=3)
    half = depth_half_width(case.problem, case.truth)
    assert found.uncertainty["mtre_depth_mm"] == pytest.approx(half)
    assert found.uncertainty["mtre_mm"] >= half > 3
