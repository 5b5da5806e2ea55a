"""Confidence that methods state: what it is computed from, how it travels, and whether it was justified."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from bench.cases.records import EstimateRecord
from bench.contract import Estimate, FinishedRun, Outcome
from bench.register.confidence import Calibration, Feature, Fitted, calibration, stated
from bench.registry import build
from bench.run.reply import Answered, Cost, Failed, answered
from reports.reliability import Reliability, Stated
from reports.reliability import stated as stated_of

from .toy_case import make_case

KNOWN = Calibration(
    intercept=0.0,
    highest=0.99,
    features={"log_cost_64": Feature(mean=-2.0, deviation=0.5, weight=-1.0)},
    factors=(2.0, 1.0, 1.0, 1.0, 1.0, 3.0),
    made_of="a test",
)
COST = Cost(seconds=1.0, processor_seconds=1.0, rendered=1, threads=1)


def test_confidence_is_logistic_in_the_features_and_never_one() -> None:
    assert KNOWN.probability({"log_cost_64": -2.0}) == 0.5
    assert KNOWN.probability({"log_cost_64": -1.5}) == pytest.approx(1 / (1 + np.e))
    assert KNOWN.probability({"log_cost_64": -20.0}) == 0.99
    assert KNOWN.probability({"log_cost_64": np.inf}) == 0.0
    assert KNOWN.probability({"log_cost_64": -np.inf}) == 0.0


def test_deviations_are_multiplied_by_their_factors() -> None:
    inverse = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    inverse[0, 5] = inverse[5, 0] = 0.5
    found = KNOWN.covariance(inverse)
    np.testing.assert_allclose(np.diagonal(found), [4, 2, 3, 4, 5, 54])
    assert found[0, 5] == found[5, 0] == 3.0


@pytest.mark.parametrize("name", ["opt_whole_ct", "opt_hybrid"])
def test_a_better_fit_is_more_confident(name: str) -> None:
    """Of the shipped calibrations."""
    known = calibration(name)
    assert min(known.factors) > 0
    found = [
        known.probability({each: one.mean + shift * one.deviation for each, one in known.features.items()})
        for shift in (-2.0, 2.0)
    ]
    assert found[0] > 0.9
    assert found[1] < 0.5


@pytest.mark.parametrize(("plugin", "setting"), [("opt_whole_ct", {"starts": 2}), ("opt_hybrid", {"searches": 1})])
def test_other_settings_than_the_calibrated_ones_state_nothing(plugin: str, setting: dict[str, Any]) -> None:
    problem = make_case().problem
    for settings, states in (({}, True), (setting, False)):
        method = build("methods", plugin, settings)
        answer: Estimate = method.register(problem, method.prepare(problem.volume, problem.views))
        assert (answer.confidence is not None) is states


def test_a_poor_fit_gives_no_covariance_but_a_confidence() -> None:
    lost = Fitted(Estimate(np.eye(4), Outcome.DIVERGED), {"log_cost_64": np.inf}, None)
    features = dict.fromkeys(calibration("opt_whole_ct").features, np.inf)
    answer = stated(replace(lost, features=features), "opt_whole_ct")
    assert (answer.confidence, answer.covariance) == (0.0, None)


@pytest.mark.parametrize("confidence", [-0.1, 1.5, float("nan"), "sure"])
def test_what_is_no_probability_makes_the_row_invalid(confidence: object) -> None:
    given = answered(COST, pose=np.eye(4), outcome=Outcome.CONVERGED, confidence=confidence)
    assert isinstance(given, Failed)
    assert "confidence" in (given.reason or "")


def test_a_probability_reaches_the_row_and_is_sealed() -> None:
    given = answered(COST, pose=np.eye(4), outcome=Outcome.CONVERGED, confidence=0.25)
    assert isinstance(given, Answered)
    assert given.confidence == 0.25
    record = EstimateRecord(
        label="A",
        case_id="p/0",
        perturbation_hash="0",
        pose=None,
        outcome=Outcome.INVALID,
        seconds=1.0,
        seconds_prepare=0.0,
        seconds_by_phase={},
        drr_evaluations=0,
        confidence=0.25,
    ).sealed()
    assert record.intact
    assert not record.model_copy(update={"confidence": 0.5}).intact


@dataclass(frozen=True)
class FakeRun:
    """What the report reads of a run."""

    folder: Path
    scores: pd.DataFrame
    labels: tuple[str, ...]
    description: str = "A run"


def scores(confidence: list[float], failure: list[str]) -> pd.DataFrame:
    patients = [f"p{n}" for n in range(len(confidence))]
    return pd.DataFrame({"confidence": confidence, "failure": failure, "patient_id": patients})


def test_depth_alone_is_the_right_basin_and_absent_confidences_do_not_count() -> None:
    found = stated_of(scores([0.9, 0.8, np.nan, 0.2], ["success", "depth_only", "no_pose", "wrong_basin"]))
    assert found is not None
    assert found.right.tolist() == [True, True, False]
    assert stated_of(scores([np.nan], ["success"])) is None


def test_the_calibration_error_is_that_of_a_known_mixture() -> None:
    confidence = np.repeat([0.85, 0.97], [100, 300])
    right = np.concatenate([np.arange(100) < 65, np.arange(300) < 291])
    found = Stated(confidence, right, np.array([f"p{n}" for n in range(400)]))
    assert found.calibration_error == pytest.approx(0.25 * 0.2)
    assert [each.confidence.size for each in found.bins] == [100, 300]


def test_the_table_has_every_method_that_states_a_confidence_and_no_other(tmp_path: Path) -> None:
    rows = [
        scores([0.97] * 7 + [0.4], ["success"] * 6 + ["wrong_basin"] * 2).assign(label="A"),
        scores([0.6] * 8, ["success"] * 8).assign(label="B"),
        scores([np.nan] * 8, ["success"] * 8).assign(label="C"),
    ]
    table = pd.concat(rows, ignore_index=True).assign(outcome="converged", error=None, case_id="0")
    run = cast("FinishedRun", FakeRun(tmp_path, table, ("A", "B", "C")))
    written = Reliability().write(run)
    assert {each.name for each in written} >= {"reliability.csv", "reliability.tex", "reliability.png"}
    with (tmp_path / "tables" / "reliability.csv").open() as file:
        a, b = csv.DictReader(file)
    assert (a["method"], b["method"]) == ("A", "B")
    assert float(a["sure_wrong"]) == pytest.approx(100 / 7)
    assert float(a["sure_wrong_low"]) < 100 / 7 < float(a["sure_wrong_high"])
    assert b["sure_wrong"] == ""
    assert float(b["error"]) == pytest.approx(0.4)


def test_what_is_as_often_right_as_it_states_has_hardly_any_error() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(size=20000)
    found = Stated(confidence, random.uniform(size=20000) < confidence, np.array(["p"] * 20000))
    assert found.calibration_error < 0.02
