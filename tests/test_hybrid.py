"""Windows' normal equations, contrast to a background, and the hybrid before a target that shows more than bone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.contract import Case, Estimate
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix
from bench.register import bin_view
from bench.register.contrast import contrast_map
from bench.register.least_squares import LeastSquares, LeastSquaresError, LeastSquaresLevel
from bench.register.search import Search, SearchError
from bench.register.windows import WindowResiduals
from bench.registry import build
from bench.volume import Volume

from .registration import SEARCH, TRUTH, build_case, cluster, pose_errors

NEAR = np.array([1.5, -1.2, 0.9, 3.0, -2.4, 9.0])


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


def in_tissue(volume: Volume, *, sides: bool = False) -> Case:
    """The target shows soft tissue too, thicker on one side."""
    case = build_case(volume, sides=sides)
    soft = np.where(volume.labels == 0, 40.0 + 2.0 * np.arange(36)[:, None, None], volume.hu).astype(np.float32)
    whole = AttenuationMap.from_volume(replace(volume, hu=soft, mask=None))
    views = tuple(
        replace(view, image=project(whole, (view.camera_from_rig @ case.truth)[None], view.camera)[0, 0].numpy())
        for view in case.problem.views
    )
    return replace(case, problem=replace(case.problem, views=views))


def windows_of(case: Case, **settings: int) -> WindowResiduals:
    problem = case.problem
    chosen: dict[str, Any] = {"window": 9, "stride": 2, **settings}
    attenuation, corners = AttenuationMap.from_volume(problem.volume), problem.volume.content_corners()
    views = [bin_view(view, 1) for view in problem.views]
    return WindowResiduals(
        views, [1] * len(views), attenuation=attenuation, corners=corners, frame=problem.frame, **chosen
    )


def answer(case: Case, method: Any) -> Estimate:
    found: Estimate = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views))
    return found


def with_images(case: Case, change: Any) -> Case:
    views = tuple(replace(view, image=change(view.image)) for view in case.problem.views)
    return replace(case, problem=replace(case.problem, views=views))


@pytest.mark.parametrize("sides", [False, True], ids=["one view", "two views"])
def test_the_gradient_is_the_costs(volume: Volume, sides: bool) -> None:
    residuals, step = windows_of(build_case(volume, sides=sides)), np.diag([0.2] * 3 + [0.4] * 3)
    middle = residuals((TRUTH + NEAR)[None])
    ahead, behind = residuals(TRUTH + NEAR + step), residuals(TRUTH + NEAR - step)
    differences = (ahead.cost - behind.cost) / (4 * np.diag(step))
    assert np.abs(middle.gradient[0] - differences).max() < 0.1 * np.abs(differences).max()
    assert np.linalg.eigvalsh(middle.hessian[0]).min() > 0


def test_the_cost_is_two_less_ncc_of_windows(volume: Volume) -> None:
    """One window that is the whole image: 2 (1 - NCC), as numpy has it."""
    case = build_case(volume)
    theta = TRUTH + NEAR
    image = project(
        AttenuationMap.from_volume(volume), case.problem.frame.pose(theta)[None], case.problem.views[0].camera
    )[0, 0].numpy()
    fixed = case.problem.views[0].image
    assert fixed is not None
    found = windows_of(case, window=64)(theta[None]).cost[0]
    assert found == pytest.approx(2 * (1 - np.corrcoef(image.ravel(), fixed.ravel())[0, 1]), rel=1e-3)


def test_slowly_changing_gain_hardly_matters(volume: Volume) -> None:
    """A gain that changes slowly across the target costs windows little, and the whole image a lot."""
    case = build_case(volume)
    ramp = np.linspace(0.1, 4, 64, dtype=np.float32)

    def shade(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return image * ramp

    shaded = with_images(case, shade)
    small = windows_of(shaded, window=5)(TRUTH[None]).cost[0]
    whole = windows_of(shaded, window=64)(TRUTH[None]).cost[0]
    assert small < 0.6 * whole


def test_pixels_that_are_not_valid_do_not_count(volume: Volume) -> None:
    case = build_case(volume)
    view = case.problem.views[0]
    assert view.image is not None
    spoilt, valid = view.image.copy(), np.ones(view.image.shape, dtype=np.bool_)
    spoilt[:, :12], valid[:, :12] = np.nan, False
    masked = replace(case, problem=replace(case.problem, views=(replace(view, image=spoilt, valid=valid),)))
    assert windows_of(masked)(TRUTH[None]).cost[0] < 1e-3
    assert np.isfinite(windows_of(masked)((TRUTH + NEAR)[None]).hessian).all()


def test_a_target_without_structure_has_no_value(volume: Volume) -> None:
    flat = with_images(build_case(volume), np.ones_like)
    assert windows_of(flat)(TRUTH[None]).cost[0] == np.inf
    found = answer(flat, LeastSquares(levels=(LeastSquaresLevel(size=64, iterations=3, window=5),)))
    assert np.isfinite(found.pose).all()
    assert found.covariance is None


def test_contrast_is_what_lies_beyond_the_background(volume: Volume) -> None:
    plain, beyond = contrast_map(volume, None), contrast_map(volume, 100.0)
    assert beyond.mu.max() == pytest.approx(float(plain.mu.max()) - 0.0206 * 1.1, rel=1e-4)
    assert beyond.mu.min() == 0
    np.testing.assert_array_equal(contrast_map(volume, 5000.0).mu, plain.mu)


@pytest.mark.parametrize("sides", [False, True], ids=["one view", "two views"])
def test_the_hybrid_finds_bone_in_tissue(volume: Volume, sides: bool) -> None:
    case = in_tissue(volume, sides=sides)
    found = answer(case, build("methods", "opt_hybrid", {"background_hu": 100.0}))
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 1
    assert translation_mm < 6, "64 pixels of 4 mm; nearly all of it is depth"
    assert set(found.seconds) == {"search", "level_64", "level_128"}
    again = answer(case, build("methods", "opt_hybrid", {"background_hu": 100.0}))
    assert np.array_equal(again.pose, found.pose)
    assert again.drr_evaluations == found.drr_evaluations


def test_candidates_differ_and_the_best_stands_first(volume: Volume) -> None:
    case = build_case(volume)
    search = Search(similarity="lncc", restarts=3, agreement=0.05)
    found = search.candidates(case.problem, search.prepare(volume, case.problem.views))
    steps: Matrix = np.abs(found.thetas[:, None] - found.thetas[None]).max(axis=2) / SEARCH.min()
    assert len(found.thetas) == 1 or steps[~np.eye(len(steps), dtype=np.bool_)].min() > 0.01
    assert np.abs(found.thetas[0] - TRUTH)[:3].max() < 3


def test_a_strong_prior_holds_the_search_at_the_nominal_pose(volume: Volume) -> None:
    case = build_case(volume)

    def distance(prior: float) -> float:
        search = Search(similarity="lncc", prior=prior, restarts=1)
        thetas = search.candidates(case.problem, search.prepare(volume, case.problem.views)).thetas
        return float(np.linalg.norm(thetas[0] / SEARCH))

    assert distance(100.0) < 0.1 < distance(0.0)


@pytest.mark.parametrize("wrong", [{"candidates": 0}, {"searches": 0}, {"prior": -1.0}, {"levels": ()}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((SearchError, LeastSquaresError)):
        build("methods", "opt_hybrid", wrong)


def test_wrong_windows_are_refused() -> None:
    with pytest.raises(LeastSquaresError, match="windows need 3 pixels"):
        LeastSquaresLevel(size=64, iterations=3, window=2)
