"""Levenberg-Marquardt on derivative images: the pose, its stated covariance, views, masks, budgets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.contract import Case, Estimate, Outcome, View
from bench.drr import AttenuationMap
from bench.geometry import Matrix, PoseFrame
from bench.register import bin_view
from bench.register.least_squares import LeastSquares, LeastSquaresError, LeastSquaresLevel
from bench.register.residuals import ImageResiduals, twist_from_theta
from bench.registry import build
from bench.volume import Volume

from .registration import TRUTH, build_case, cluster, pose_errors

FINE = (LeastSquaresLevel(size=64, iterations=12, tolerance=1e-4),)
NEAR = np.array([0.5, -0.4, 0.3, 1.0, -0.8, 3.0])


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


@pytest.fixture(scope="module")
def case(volume: Volume) -> Case:
    return build_case(volume)


def answer(case: Case, method: Any) -> Estimate:
    assert method.skip(case.problem) is None
    views = [view.without_image() for view in case.problem.views]
    found: Estimate = method.register(case.problem, method.prepare(case.problem.volume, views))
    return found


def test_the_fast_preset_ends_binned(case: Case) -> None:
    found = answer(near(case), build("methods", "opt_lm", {"starts": 1}, "fast"))
    assert "level_128" in found.seconds
    assert max(pose_errors(case, found.pose)) < 0.1


def near(case: Case) -> Case:
    """The case with a start close by."""
    return replace(case, problem=replace(case.problem, start=case.problem.frame.pose(TRUTH + NEAR)))


def with_images(case: Case, change: Any) -> Case:
    views = tuple(change(view) for view in case.problem.views)
    return replace(case, problem=replace(case.problem, views=views))


def residuals_of(case: Case, **settings: Any) -> ImageResiduals:
    attenuation, problem = AttenuationMap.from_volume(case.problem.volume), case.problem
    views = [bin_view(view, 1) for view in problem.views]
    corners = problem.volume.content_corners()
    chosen: dict[str, Any] = {"blur": 0.0, "huber": None, **settings}
    return ImageResiduals(
        views, [1] * len(views), attenuation=attenuation, corners=corners, frame=problem.frame, **chosen
    )


@pytest.mark.parametrize("sides", [False, True], ids=["one view", "two views"])
def test_the_default_finds_the_pose(volume: Volume, sides: bool) -> None:
    case = build_case(volume, sides=sides)
    found = answer(case, build("methods", "opt_lm", {}))
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 0.05
    assert translation_mm < 0.3
    assert found.outcome is Outcome.CONVERGED
    assert found.trace is not None
    assert found.trace.drr_evaluations[-1] == found.drr_evaluations
    assert set(found.seconds) == {f"level_{level.size}" for level in LeastSquares().levels}


def test_the_twist_is_thetas(case: Case) -> None:
    """Moving theta moves the volume as the twist says, in a turned camera."""
    frame, side = case.problem.frame, build_case(cluster(), sides=True).problem.views[1].camera_from_rig
    change, points = twist_from_theta(TRUTH[None], side)[0], case.problem.volume.content_corners()

    def seen(theta: Matrix) -> Matrix:
        pose = side @ frame.pose(theta)
        return points @ pose[:3, :3].T + pose[:3, 3]

    centre = side @ frame.pose(TRUTH) @ [*frame.centre, 1.0]
    for column in range(6):
        step = np.eye(6)[column] * 1e-4
        moved = (seen(TRUTH + step) - seen(TRUTH - step)) / 2e-4
        omega, v = change[:3, column], change[3:, column]
        np.testing.assert_allclose(moved, np.cross(omega, seen(TRUTH) - centre[:3]) + v, atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"blur": 1.5}, {"huber": 1.0}], ids=["plain", "blurred", "huber"])
def test_the_gradient_is_the_costs(volume: Volume, settings: dict[str, Any]) -> None:
    """Half the cost's differences; the steps are long enough for the projector's own slopes to be smooth."""
    residuals, step = residuals_of(masked(build_case(volume, sides=True)), **settings), np.diag([0.2] * 3 + [0.4] * 3)
    middle = residuals((TRUTH + 3 * NEAR)[None])
    ahead, behind = residuals(TRUTH + 3 * NEAR + step), residuals(TRUTH + 3 * NEAR - step)
    differences = (ahead.cost - behind.cost) / (4 * np.diag(step))
    assert np.abs(middle.gradient[0] - differences).max() < 0.1 * np.abs(differences).max()
    np.testing.assert_allclose(middle.hessian[0], middle.hessian[0].T, rtol=1e-4, atol=1e-10)
    assert np.linalg.eigvalsh(middle.hessian[0]).min() > 0


def test_gain_and_offset_do_not_matter(case: Case) -> None:
    def brighter(view: View) -> View:
        assert view.image is not None
        return replace(view, image=np.float32(3) * view.image + np.float32(7))

    plain, bright = answer(case, LeastSquares()), answer(with_images(case, brighter), LeastSquares())
    np.testing.assert_allclose(bright.pose, plain.pose, atol=1e-2)


def masked(case: Case) -> Case:
    """A bright bar over the left of every image, marked as not valid, with NaN in it."""

    def spoil(view: View) -> View:
        assert view.image is not None
        image, valid = view.image.copy(), np.ones(view.image.shape, dtype=np.bool_)
        image[:, :18], valid[:, :18] = 50.0, False
        image[:, 3] = np.nan
        return replace(view, image=image, valid=valid)

    return with_images(case, spoil)


def test_what_is_not_valid_does_not_count(case: Case) -> None:
    found = answer(masked(case), LeastSquares())
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 0.1
    assert translation_mm < 1


def test_huber_bears_a_blot_better_than_least_squares(case: Case) -> None:
    def blotted(view: View) -> View:
        assert view.image is not None
        image = view.image.copy()
        image[24:30, 30:36] += image.max()
        return replace(view, image=image)

    spoilt = with_images(near(case), blotted)
    plain = pose_errors(case, answer(spoilt, LeastSquares(levels=FINE)).pose)
    robust = pose_errors(case, answer(spoilt, LeastSquares(levels=FINE, huber=1.5)).pose)
    assert robust[0] < 0.8 * plain[0]
    assert robust[1] < 0.9 * plain[1]


def test_the_covariance_is_the_spread_over_noise(case: Case) -> None:
    random, problem = np.random.default_rng(5), near(case).problem
    image = problem.views[0].image
    assert image is not None
    thetas: list[Matrix] = []
    stated: list[Matrix] = []
    for _ in range(24):
        noisy = (image + 0.05 * random.standard_normal(image.shape)).astype(np.float32)
        view = replace(problem.views[0], image=noisy)
        found = answer(Case(replace(problem, views=(view,)), case.truth), LeastSquares(levels=FINE))
        assert found.covariance is not None
        assert np.linalg.eigvalsh(found.covariance).min() > 0
        np.testing.assert_allclose(found.covariance, found.covariance.T, rtol=1e-9)
        thetas.append(problem.frame.parameters(found.pose))
        stated.append(found.covariance)
    ratio = np.std(thetas, axis=0) / np.sqrt(np.diagonal(np.mean(stated, axis=0)))
    assert ratio.min() > 0.5
    assert ratio.max() < 2


def test_the_same_problem_has_the_same_answer(case: Case) -> None:
    first, second = (answer(case, LeastSquares(starts=5)) for _ in range(2))
    assert np.array_equal(first.pose, second.pose)
    assert first.drr_evaluations == second.drr_evaluations


def test_more_starts_find_what_one_does_not(volume: Volume) -> None:
    """From the far corner of the search box one start is lost."""
    case = build_case(volume)
    far = replace(case, problem=replace(case.problem, start=case.problem.frame.pose(-np.sign(TRUTH) * 19)))
    level = (LeastSquaresLevel(size=32, iterations=15), *FINE)
    alone = pose_errors(case, answer(far, LeastSquares(levels=level, starts=1)).pose)
    several = pose_errors(case, answer(far, LeastSquares(levels=level, starts=8)).pose)
    assert alone[0] > 3
    assert several[0] < 0.1


def test_images_are_counted_and_limited(volume: Volume) -> None:
    case = build_case(volume, sides=True)
    stopped = answer(case, LeastSquares(max_drrs=7))
    assert stopped.outcome is Outcome.BUDGET
    assert stopped.drr_evaluations <= 7
    one_step = LeastSquares(levels=(LeastSquaresLevel(size=32, iterations=1),), starts=3)
    assert answer(case, one_step).drr_evaluations == 2 * 2 * 3


def test_a_volume_out_of_view_diverges(case: Case) -> None:
    aside = case.problem.nominal.copy()
    aside[0, 3] += 5000
    lost = replace(case.problem, nominal=aside, start=aside)
    found = answer(replace(case, problem=lost), LeastSquares())
    assert found.outcome is Outcome.DIVERGED
    assert found.covariance is None
    assert np.isfinite(found.pose).all()


def test_the_answer_stays_in_the_search_box(case: Case) -> None:
    narrow = replace(case.problem, search=np.array([3, 3, 3, 5, 5, 5.0]))
    found = answer(replace(case, problem=narrow), LeastSquares())
    assert (np.abs(narrow.frame.parameters(found.pose)) <= narrow.search + 1e-9).all()


def test_a_start_at_the_source_is_no_value(case: Case) -> None:
    residuals = residuals_of(case)
    equations = residuals(np.stack([TRUTH, np.array([0, 0, 0, 0, 0, -690.0])]))
    assert np.isfinite(equations.cost).tolist() == [True, False]


def test_binned_targets_are_rendered_as_means(volume: Volume) -> None:
    """At the truth, a target binned four times leaves less than one compared with rays through pixel centres."""
    case = build_case(volume)
    problem = case.problem
    view = bin_view(problem.views[0], 4)
    attenuation, corners = AttenuationMap.from_volume(volume), volume.content_corners()

    def cost(factor: int) -> float:
        frame = PoseFrame(problem.nominal, problem.centre)
        residuals = ImageResiduals(
            [view], [factor], attenuation=attenuation, corners=corners, frame=frame, blur=0.0, huber=None
        )
        return float(residuals(TRUTH[None]).cost[0])

    assert cost(4) < 0.7 * cost(1)


@pytest.mark.parametrize(
    "wrong", [{"levels": ()}, {"starts": 0}, {"damping": 0.0}, {"huber": 0.0}], ids=lambda wrong: next(iter(wrong))
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LeastSquaresError, match="least squares needs"):
        LeastSquares(**wrong)


def test_a_wrong_level_is_refused() -> None:
    with pytest.raises(LeastSquaresError, match="coarsening 1 or 2"):
        LeastSquaresLevel(size=64, iterations=5, coarsening=3)


def test_a_view_without_image_is_skipped(case: Case) -> None:
    bare = replace(case.problem, views=(case.problem.views[0].without_image(),))
    assert LeastSquares().skip(bare) == "a view has no image"
