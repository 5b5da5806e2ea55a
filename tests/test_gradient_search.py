"""Similarities climbed along their exact pose gradients."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contract import Case, Estimate, Outcome
from bench.register.gradient import GradientLevel, GradientSearch
from bench.register.search import SearchError
from bench.registry import UnknownNameError, build
from bench.volume import Volume

from .registration import TRUTH, build_case, cluster, pose_errors

NEAR = np.array([1.5, -1.2, 0.9, 3.0, -2.4, 9.0])


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


def near(case: Case) -> Case:
    return replace(case, problem=replace(case.problem, start=case.problem.frame.pose(TRUTH + NEAR)))


def answer(case: Case, method: Any) -> Estimate:
    found: Estimate = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views))
    return found


@pytest.mark.parametrize("name", ["lncc", "ncc", "gc", "ngi", "go", "gd", "mi", "nccl"])
def test_lbfgs_climbs_every_similarity(volume: Volume, name: str) -> None:
    case = near(build_case(volume))
    level = GradientLevel(size=64, iterations=40)
    found = answer(case, GradientSearch(similarity=name, levels=(level,), starts=1))
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 0.7
    assert translation_mm < 2


def test_adam_climbs_too_and_counts_its_images(volume: Volume) -> None:
    case = build_case(volume, sides=True)
    level = GradientLevel(size=64, iterations=60, rate=0.05)
    found = answer(case, GradientSearch(optimiser="adam", similarity="ncc", levels=(level,), starts=3))
    assert found.drr_evaluations == 2 * 3 * 60
    before = pose_errors(case, case.problem.start)
    after = pose_errors(case, found.pose)
    assert after[0] < before[0] / 10
    assert after[1] < before[1] / 10


@pytest.mark.parametrize("preset", [None, "adam"])
def test_the_plugin_finds_the_pose_and_repeats_itself(volume: Volume, preset: str | None) -> None:
    case = build_case(volume)
    method = build("methods", "opt_gradient", {"similarity": "gc", "starts": 4}, preset)
    first, second = (answer(case, method) for _ in range(2))
    assert pose_errors(case, first.pose)[0] < 0.3
    assert pose_errors(case, first.pose)[1] < 2
    assert np.array_equal(first.pose, second.pose)


def test_a_volume_out_of_view_has_a_pose_all_the_same(volume: Volume) -> None:
    case = build_case(volume)
    aside = case.problem.nominal.copy()
    aside[0, 3] += 5000
    lost = replace(case, problem=replace(case.problem, nominal=aside, start=aside))
    found = answer(lost, GradientSearch(levels=(GradientLevel(size=32, iterations=3),), starts=2))
    assert np.isfinite(found.pose).all()


def test_a_pose_at_the_source_is_left_behind(volume: Volume) -> None:
    case = build_case(volume)
    wide = replace(case.problem, search=np.array([20, 20, 20, 30, 30, 800.0]))
    start = case.problem.frame.pose([0, 0, 0, 0, 0, -690.0])
    found = answer(replace(case, problem=replace(wide, start=start)), GradientSearch(starts=2))
    assert np.isfinite(found.pose).all()
    assert found.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_a_search_that_never_leaves_the_source_says_so(volume: Volume, optimiser: Any) -> None:
    case = build_case(volume)
    behind = case.problem.frame.pose([0, 0, 0, 0, 0, -900.0])
    lost = replace(case.problem, start=behind, nominal=behind, search=np.full(6, 1.0))
    level = GradientLevel(size=32, iterations=3)
    found = answer(replace(case, problem=lost), GradientSearch(optimiser=optimiser, levels=(level,), starts=2))
    assert found.outcome is Outcome.DIVERGED


@pytest.mark.parametrize("wrong", [{"levels": ()}, {"starts": 0}, {"optimiser": "sgd"}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SearchError, match="a gradient search needs"):
        GradientSearch(**wrong)


def test_an_unknown_similarity_and_a_wrong_level_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        GradientSearch(similarity="nc")
    with pytest.raises(SearchError, match="rate > 0"):
        GradientLevel(size=64, iterations=5, rate=0)


def test_a_similarity_without_derivatives_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.similarities

    text = """
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class Rank:
    differentiable: ClassVar[bool] = False

plugin = Rank
"""
    (tmp_path / "rank_of_pixels.py").write_text(text)
    monkeypatch.setattr(bench.similarities, "__path__", [*bench.similarities.__path__, str(tmp_path)])
    with pytest.raises(SearchError, match="'rank_of_pixels' does not declare to be one: choose another one"):
        build("methods", "opt_gradient", {"similarity": "rank_of_pixels"})
    assert build("methods", "opt_similarity", {"similarity": "rank_of_pixels"}).similarity == "rank_of_pixels"
