from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.contract import Case, Estimate, Outcome
from bench.registry import SettingsError, UnknownNameError, build, card, load, presets
from bench.volume import Volume

from .registration import START, TRUTH, build_case, cluster, pose_errors

SEARCHES = ("opt_ncc", "opt_ngi", "opt_gc", "opt_go")
SMALL = {
    "restarts": 2,
    "levels": [
        {"size": 32, "population": 20, "generations": 20, "x_tolerance": 0.01},
        {"size": 64, "population": 14, "generations": 40, "sigma": 0.03},
    ],
}
ROUGH = {"restarts": 1, "levels": [{"size": 32, "population": 12, "generations": 12}]}


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


@pytest.fixture(scope="module")
def case(volume: Volume) -> Case:
    return build_case(volume)


def answer(case: Case, name: str, settings: dict[str, Any] | None = None, preset: str | None = None) -> Estimate:
    method = build("methods", name, settings or {}, preset)
    assert method.skip(case.problem) is None
    views = [view.without_image() for view in case.problem.views]
    found: Estimate = method.register(case.problem, method.prepare(case.problem.volume, views))
    return found


@pytest.mark.parametrize("name", SEARCHES)
def test_every_similarity_finds_the_pose(case: Case, name: str) -> None:
    found = answer(case, name, SMALL)
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 1
    assert translation_mm < 3
    assert found.outcome is Outcome.CONVERGED


def test_plain_ncc_is_a_setting(case: Case) -> None:
    assert load("methods", "opt_ncc")().similarity == "nccl"
    assert max(pose_errors(case, answer(case, "opt_ncc", {**SMALL, "similarity": "ncc"}).pose)) < 3


@pytest.mark.parametrize("name", SEARCHES)
def test_the_papers_settings_run_and_improve_on_the_start(case: Case, name: str) -> None:
    near = replace(case.problem, start=case.problem.frame.pose(TRUTH + 0.15 * (START - TRUTH)))
    found = answer(replace(case, problem=near), name, preset="paper")
    before, after = pose_errors(case, near.start), pose_errors(case, found.pose)
    assert after[0] < before[0]
    assert after[1] < before[1]


def test_the_papers_ncc_is_powells_and_keeps_within_its_images(case: Case) -> None:
    paper = presets("opt_ncc")["paper"]
    assert paper["optimiser"] == "powell"
    found = answer(case, "opt_ncc", {"max_drrs": 77}, preset="paper")
    assert found.drr_evaluations == 77


def test_initial_and_nominal_answer_without_an_image(case: Case) -> None:
    for name, pose in (("initial", case.problem.start), ("nominal", case.problem.nominal)):
        blind = replace(case.problem, views=tuple(view.without_image() for view in case.problem.views))
        found = answer(replace(case, problem=blind), name)
        assert np.array_equal(found.pose, pose)
        assert found.drr_evaluations == 0
        assert card("methods", name).uses_start is (name == "initial")


def test_a_chain_refines_what_came_before_and_adds_up(case: Case) -> None:
    fine = {"restarts": 1, "levels": [{"size": 64, "population": 14, "generations": 40, "sigma": 0.05}]}
    stages = [{"plugin": "opt_ncc", "settings": ROUGH}, {"plugin": "opt_gc", "settings": fine}]
    rough, found = answer(case, "opt_ncc", ROUGH), answer(case, "chain", {"stages": stages})
    assert pose_errors(case, found.pose)[0] < pose_errors(case, rough.pose)[0]
    assert set(found.seconds) == {"1_opt_ncc_search", "2_opt_gc_search"}
    assert found.drr_evaluations > rough.drr_evaluations
    assert found.outcome is Outcome.CONVERGED


def test_a_chain_of_one_answers_as_its_stage_does(case: Case) -> None:
    alone = answer(case, "opt_gc", ROUGH)
    chained = answer(case, "chain", {"stages": [{"plugin": "opt_gc", "settings": ROUGH}]})
    assert np.array_equal(alone.pose, chained.pose)
    assert alone.drr_evaluations == chained.drr_evaluations


def test_a_chain_times_stages_that_keep_no_time(case: Case) -> None:
    found = answer(case, "chain", {"stages": [{"plugin": "initial"}, {"plugin": "nominal"}]})
    assert np.array_equal(found.pose, case.problem.nominal)
    assert set(found.seconds) == {"1_initial_all", "2_nominal_all"}


def test_a_stage_that_diverges_hands_on_its_own_start(case: Case) -> None:
    aside = case.problem.nominal.copy()
    aside[0, 3] += 5000
    lost = replace(case.problem, nominal=aside, search=np.zeros(6))
    found = answer(replace(case, problem=lost), "chain", {"stages": [{"plugin": "opt_gc", "settings": ROUGH}]})
    assert found.outcome is Outcome.LEFT_VIEW
    assert np.array_equal(found.pose, lost.start)


def test_wrong_stages_are_refused_before_anything_runs() -> None:
    with pytest.raises(SettingsError, match="at least one stage"):
        build("methods", "chain", {"stages": []})
    with pytest.raises(UnknownNameError, match="did you mean 'opt_gc'"):
        build("methods", "chain", {"stages": [{"plugin": "opt_gcc"}]})
    with pytest.raises(UnknownNameError, match="did you mean 'restarts'"):
        build("methods", "chain", {"stages": [{"plugin": "opt_gc", "settings": {"restart": 2}}]})


def test_a_chain_skips_what_a_stage_cannot_take(case: Case) -> None:
    chain = build("methods", "chain", {"stages": [{"plugin": "initial"}, {"plugin": "opt_gc"}]})
    bare = replace(case.problem, views=(case.problem.views[0].without_image(),))
    assert chain.skip(bare) == "a view has no image"
    assert chain.skip(case.problem) is None
