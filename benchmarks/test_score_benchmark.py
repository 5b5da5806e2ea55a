"""Time of scoring: 200 cases of ten methods, 200 landmarks, a bound each. Run with ``pytest benchmarks``."""

from typing import Any

import numpy as np

from bench.cases.build import view_record
from bench.cases.hashes import truth_hash
from bench.cases.records import (
    EstimateRecord,
    ImageProvenance,
    ImageSource,
    LandmarkRecord,
    PatientRecord,
    ProblemRecord,
    TruthRecord,
    as_list,
)
from bench.cases.scene import scene_of
from bench.contract import Outcome, View
from bench.geometry import PoseFrame, nominal_pose
from bench.score.rows import score_rows

CASES, METHODS, LANDMARKS = 200, 10, 200
SCENE = scene_of("sopi-sim")
FRAME = PoseFrame(nominal_pose(SCENE.view, np.zeros(3), SCENE.depth_mm), np.zeros(3))
SEEN = ImageProvenance(source=ImageSource.RENDERED, moving_content="bone", target_content="bone", matched=True)


def test_scoring(benchmark: Any) -> None:
    """Errors, verdicts and costs of 2,000 registrations."""
    random = np.random.default_rng(0)
    points = random.normal(0, 40, (LANDMARKS, 3)).tolist()
    marks = [LandmarkRecord(name="surface", points=points)]
    patient = PatientRecord(patient_id="p", patient_hash="h", dataset="d", landmarks=marks)
    cases = [_case(number, random) for number in range(CASES)]
    truths = [truth for truth, _ in cases]
    problems = [_problem(*each) for each in cases]
    estimates = [_estimate(f"m{method}", truth, random) for method in range(METHODS) for truth in truths]
    assert len(benchmark(score_rows, [patient], problems, estimates, truths)) == CASES * METHODS


def test_scoring_of_one_case(benchmark: Any) -> None:
    """The same of a dozen answers to one case: what a small run or a test waits for."""
    random = np.random.default_rng(0)
    marks = [LandmarkRecord(name="surface", points=random.normal(0, 40, (LANDMARKS, 3)).tolist())]
    patient = PatientRecord(patient_id="p", patient_hash="h", dataset="d", landmarks=marks)
    truth, theta = _case(0, random)
    estimates = [_estimate(f"m{method}", truth, random) for method in range(12)]
    assert len(benchmark(score_rows, [patient], [_problem(truth, theta)], estimates, [truth])) == 12


def _case(number: int, random: np.random.Generator) -> tuple[TruthRecord, Any]:
    theta = random.normal(0, 5, 6)
    bound = np.diag(random.uniform(1e-4, 1e-2, 6))
    return TruthRecord(case_id=f"p/{number}", truth=as_list(FRAME.pose(theta)), bound=as_list(bound)), theta


def _problem(truth: TruthRecord, theta: Any) -> ProblemRecord:
    return ProblemRecord(
        case_id=truth.case_id,
        patient_id="p",
        patient_hash="h",
        images=SEEN,
        start_distribution="uniform",
        views=[view_record(View(SCENE.camera))],
        start=as_list(FRAME.pose(theta + 5)),
        nominal=as_list(FRAME.nominal),
        centre=FRAME.centre.tolist(),
        search=list(SCENE.search),
        seed=0,
        redraws=0,
        target_hash="t",
        landmarks_hash="l",
        truth_hash=truth_hash(truth),
        perturbation_hash="same",
    )


def _estimate(label: str, truth: TruthRecord, random: np.random.Generator) -> EstimateRecord:
    off = FRAME.parameters(np.array(truth.truth)) + random.normal(0, 2, 6)
    return EstimateRecord(
        label=label,
        case_id=truth.case_id,
        perturbation_hash="same",
        pose=as_list(FRAME.pose(off)),
        outcome=Outcome.CONVERGED,
        seconds=1.0,
        seconds_prepare=0.0,
        seconds_by_phase={},
        drr_evaluations=100,
    )
