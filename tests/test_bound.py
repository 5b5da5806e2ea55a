"""The Cramer-Rao bound against noise that was really drawn, and its way into scores and tables."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from bench.contract import Case, View
from bench.drr import AttenuationMap, project_with_jacobian
from bench.geometry import Matrix
from bench.metrics import LandmarkPair, PosePair, all_landmark_errors, all_pose_errors
from bench.registry import build
from bench.report.summary import (
    BOUND_LABEL,
    CASES_COLUMN,
    METHOD_COLUMN,
    bound_rows,
    mean_column,
    mean_std_column,
    median_column,
    no_pose_column,
)
from bench.report.tables import Table
from bench.score.bound import NormalEstimate, expected_errors, mean_length, of_twist
from bench.volume import Volume
from bench.xray.bound import pose_bound, pose_information

from .registration import SIDE, TRUTH, build_case, cluster

PHOTONS = 20_000.0


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


@pytest.fixture(scope="module")
def case(volume: Volume) -> Case:
    return build_case(volume)


def information(case: Case, **changes: object) -> Matrix:
    problem = case.problem
    views = tuple(replace(view, **changes) for view in problem.views)  # type: ignore[arg-type]
    attenuation = AttenuationMap.from_volume(problem.volume)
    return pose_information(attenuation, views, case.truth, problem.centre, photons=PHOTONS)


def test_information_is_the_counts_variance_of_the_score(case: Case) -> None:
    """Fisher's information is the covariance of the gradient of the Poisson log-likelihood at the truth."""
    problem, view = case.problem, case.problem.views[0]
    attenuation = AttenuationMap.from_volume(problem.volume)
    image, slopes = project_with_jacobian(attenuation, case.truth[None], view.camera, problem.centre)
    mean = PHOTONS * np.exp(-image.double().numpy().ravel())
    by_twist = slopes.double().numpy().reshape(6, -1) * np.array([np.deg2rad(1.0)] * 3 + [1.0] * 3)[:, None]
    counts = np.random.default_rng(4).poisson(mean, size=(3000, mean.size))
    scores = (mean - counts) @ by_twist.T
    sampled, stated = np.cov(scores.T), information(case)
    units = np.sqrt(np.diagonal(stated))
    np.testing.assert_allclose(sampled / np.outer(units, units), stated / np.outer(units, units), atol=0.1)


def test_a_second_view_tells_depth(volume: Volume, case: Case) -> None:
    one, two = pose_bound(information(case)), pose_bound(information(build_case(volume, sides=True)))
    assert one is not None
    assert two is not None
    assert two[5, 5] < one[5, 5] / 4
    turned = replace(case, problem=replace(case.problem, views=(View(case.problem.views[0].camera, SIDE),)))
    alone = pose_bound(information(turned))
    assert alone is not None
    assert np.argmax(np.diagonal(alone)[3:]) == 0, "the second camera looks along the rig's x"


def test_pixels_that_do_not_count_tell_nothing(case: Case) -> None:
    valid = np.ones((64, 64), dtype=np.bool_)
    np.testing.assert_allclose(information(case, valid=valid), information(case))
    valid[:, :32] = False
    lost = information(case) - information(case, valid=valid) - information(case, valid=~valid)
    np.testing.assert_allclose(lost, 0, atol=1e-9 * np.abs(information(case)).max())
    assert pose_bound(information(case, valid=np.zeros((64, 64), dtype=np.bool_))) is None


def test_least_squares_ends_near_the_bound(case: Case) -> None:
    """Quantum noise, many times: the spread of Opt-LM's answers, whose weights are not quite the noise's."""
    bound = pose_bound(information(case))
    assert bound is not None
    image = case.problem.views[0].image
    assert image is not None
    random, method = np.random.default_rng(3), build("methods", "opt_lm", {"starts": 1})
    near = case.problem.frame.pose(TRUTH + np.array([0.4, -0.3, 0.2, 1, -1, 2]))
    prepared = method.prepare(case.problem.volume, case.problem.views)
    errors: list[Matrix] = []
    for _ in range(30):
        counts = np.maximum(random.poisson(PHOTONS * np.exp(-image.astype(np.float64))), 0.5)
        view = replace(case.problem.views[0], image=(-np.log(counts / PHOTONS)).astype(np.float32))
        found = method.register(replace(case.problem, views=(view,), start=near), prepared)
        errors.append(case.problem.frame.parameters(found.pose) - TRUTH)
    moved = np.array(errors)
    theta = NormalEstimate(np.cov(moved.T), case.truth, case.problem.frame, np.zeros((1, 3)), np.eye(4))
    stated = of_twist([theta])[0].covariance
    ratio = np.sqrt(np.diagonal(stated) / np.diagonal(bound))
    assert ratio.min() > 0.6
    assert ratio.max() < 2.5


def test_mean_lengths_are_those_of_drawn_vectors() -> None:
    assert mean_length(np.eye(1)) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-6)
    assert mean_length(np.eye(3)) == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-6)
    assert mean_length(np.zeros((3, 3))) == pytest.approx(0, abs=1e-12)
    root = np.array([[3, 0, 0], [1, 0.2, 0], [0.1, 0.05, 0.01]])
    drawn = np.linalg.norm(np.random.default_rng(0).normal(size=(200_000, 3)) @ root.T, axis=1).mean()
    assert mean_length(root @ root.T) == pytest.approx(drawn, rel=0.01)


def test_expected_errors_are_the_metrics_of_drawn_answers(case: Case) -> None:
    frame, points, view = case.problem.frame, case.problem.volume.content_corners(), case.problem.views[0]
    covariance = np.diag(np.array([0.2, 0.1, 0.15, 0.3, 0.2, 1.0]) ** 2)
    (mean,) = expected_errors(of_twist([NormalEstimate(covariance, case.truth, frame, points, np.eye(4))]))
    thetas = np.random.default_rng(8).normal(TRUTH, np.sqrt(np.diagonal(covariance)), (1500, 6))
    poses = all_pose_errors([PosePair(pose, case.truth, frame, np.eye(4)) for pose in frame.pose(thetas)])
    landmarks = all_landmark_errors(
        [LandmarkPair(pose, case.truth, points, view.camera, np.eye(4)) for pose in frame.pose(thetas)]
    )
    for name, expected in asdict(mean).items():
        found = [getattr(each, name) for each in (landmarks if name == "mtre_mm" else poses)]
        assert expected == pytest.approx(np.mean(found), rel=0.06), name


def test_mean_errors_of_many_are_those_of_each(case: Case) -> None:
    frame, corners = case.problem.frame, case.problem.volume.content_corners()
    sizes = np.array([0.2, 0.1, 0.15, 0.3, 0.2, 1.0])
    normals = [
        NormalEstimate(np.diag((number * sizes) ** 2), case.truth, frame, corners[:count], np.eye(4))
        for number, count in enumerate((8, 3, 8, 1), start=1)
    ]
    together = [list(asdict(each).values()) for each in expected_errors(normals)]
    apart = [list(asdict(expected_errors([each])[0]).values()) for each in normals]
    np.testing.assert_allclose(together, apart, rtol=1e-12)
    assert expected_errors([]) == []


def test_the_bound_row_fills_the_columns_that_have_one() -> None:
    scores = pd.DataFrame(
        {
            "case_id": ["a", "b", "a", "b"],
            "label": ["x", "x", "y", "y"],
            "bound_translation_error_mm": [0.002, 0.004, 0.002, 0.004],
            "bound_mtre_mm": [1.0, 5.0, 1.0, 5.0],
        }
    )
    columns = (
        METHOD_COLUMN,
        CASES_COLUMN,
        no_pose_column(),
        mean_std_column("translation_error_mm", "mm", best=True),
        median_column("mtre_mm", "mTRE"),
        mean_column("seconds", "Time"),
    )
    (row,) = bound_rows(scores)
    table = Table(columns=columns, rows=(row,), caption="c")
    assert table.printed() == [[BOUND_LABEL, "2", "–", "0.003", "3.00", "–"]]
    assert not row.ranked
    assert bound_rows(scores.assign(bound_translation_error_mm=np.nan)) == ()
