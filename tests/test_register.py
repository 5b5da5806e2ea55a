from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.contract import Case, Estimate, Outcome, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, compose
from bench.register import Level, PyramidError, Search, SearchError, bin_view, coarsened
from bench.register.pyramid import evened
from bench.registry import UnknownNameError
from bench.volume import Volume

from .registration import CAMERA, SEARCH, SIDE, build_case, cluster, pose_errors

LEVELS = (
    Level(size=32, population=16, generations=20, x_tolerance=0.01),
    Level(size=64, population=14, generations=40, sigma=0.03),
)


@pytest.fixture(scope="module")
def volume() -> Volume:
    return cluster()


@pytest.fixture(scope="module")
def case(volume: Volume) -> Case:
    return build_case(volume)


def answer(search: Search, case: Case) -> Estimate:
    views = [view.without_image() for view in case.problem.views]
    return search.register(case.problem, search.prepare(case.problem.volume, views))


def test_an_image_is_binned_by_means_of_blocks_and_the_camera_with_it() -> None:
    image = np.arange(4 * 5, dtype=np.float32).reshape(4, 5)
    level = bin_view(View(Camera(CAMERA.K, 4, 5, 1000.0), image=image), 2)
    np.testing.assert_allclose(level.fixed[0, 0], [[3, 5], [13, 15]])
    assert (level.camera.height, level.camera.width, level.valid) == (2, 2, None)


def test_blocks_with_an_invalid_pixel_do_not_count() -> None:
    image = np.ones((4, 4), dtype=np.float32)
    image[0, 0] = np.nan
    valid = np.ones((4, 4), dtype=np.bool_)
    valid[3, 3] = False
    level = bin_view(View(Camera(CAMERA.K, 4, 4, 1000.0), image=image, valid=valid), 2)
    assert level.valid is not None
    assert np.array_equal(level.valid[0, 0].numpy(), [[False, True], [True, False]])
    assert torch.isfinite(level.fixed).all()


@pytest.mark.parametrize(("image", "message"), [(None, "without"), (np.full((4, 4), np.nan, np.float32), "no block")])
def test_a_view_that_shows_nothing_is_refused(image: np.ndarray | None, message: str) -> None:
    with pytest.raises(PyramidError, match=message):
        bin_view(View(Camera(CAMERA.K, 4, 4, 1000.0), image=image), 2)


def test_a_coarser_volume_gives_nearly_the_same_image(case: Case) -> None:
    fine = AttenuationMap.from_volume(case.problem.volume)
    coarse = coarsened(fine, 2)
    assert coarse.mu.sum() * 8 == pytest.approx(fine.mu.sum(), rel=1e-4)
    first, second = (project(which, case.truth[None], CAMERA.binned(4)) for which in (fine, coarse))
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] > 0.98


def test_thick_slices_are_evened_within_and_even_voxels_stay(case: Case) -> None:
    even = AttenuationMap.from_volume(case.problem.volume)
    assert evened(even, 100.0) is even
    affine = even.affine @ np.diag([0.2, 0.45, 1, 1])
    thick = AttenuationMap(even.mu, affine)
    assert np.allclose(evened(thick, 100.0).spacing_mm, [3.2, 3.6, 4.0])
    assert np.allclose(evened(thick, 2.0).spacing_mm, [1.6, 1.8, 4.0])
    assert evened(thick, 2.0) is evened(thick, 2.0)
    first, second = (project(which, case.truth[None], CAMERA.binned(4)) for which in (thick, evened(thick, 100.0)))
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] > 0.97


def test_finds_the_pose(case: Case) -> None:
    found = answer(Search(similarity="gc", levels=LEVELS), case)
    rotation_deg, translation_mm = pose_errors(case, found.pose)
    assert rotation_deg < 0.5
    assert translation_mm < 1
    assert found.outcome is Outcome.CONVERGED
    assert set(found.seconds) == {"search", "refine"}


def test_two_views_find_the_depth_and_count_their_images(volume: Volume) -> None:
    case = build_case(volume, sides=True)
    found = answer(Search(similarity="gc", levels=LEVELS, restarts=1), case)
    assert max(pose_errors(case, found.pose)) < 0.3
    assert found.trace is not None
    assert found.drr_evaluations == found.trace.drr_evaluations[-1]
    assert found.drr_evaluations % 2 == 0


def test_the_two_views_of_this_rig_see_the_volume_at_the_same_distance(volume: Volume) -> None:
    frame = build_case(volume).problem.frame
    np.testing.assert_allclose(SIDE[:3, :3] @ frame.centre_in_rig + SIDE[:3, 3], [0, 0, 700], atol=1e-9)


@pytest.mark.parametrize(("optimiser", "restarts"), [("cmaes", 3), ("powell", 1)])
@pytest.mark.parametrize("limit", [1, 37, 500])
def test_a_budget_of_images_is_met_exactly(case: Case, optimiser: str, restarts: int, limit: int) -> None:
    levels = tuple(replace(level, x_tolerance=1e-9, f_tolerance=0.0) for level in LEVELS)
    settings = {"similarity": "ncc", "levels": levels, "optimiser": optimiser, "max_drrs": limit, "restarts": restarts}
    found = answer(Search(**settings), case)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert found.drr_evaluations == limit
    assert found.outcome is Outcome.BUDGET


def test_two_views_share_a_budget_of_images(volume: Volume) -> None:
    search = Search(similarity="ncc", levels=LEVELS, max_drrs=101)
    assert answer(search, build_case(volume, sides=True)).drr_evaluations == 100


def test_a_budget_of_seconds_ends_the_search_with_a_pose(case: Case) -> None:
    found = answer(Search(similarity="gc", levels=LEVELS, max_seconds=1e-3), case)
    assert found.outcome is Outcome.SECONDS
    assert found.drr_evaluations > 0


def test_equal_seeds_give_equal_answers_and_others_do_not(case: Case) -> None:
    search = Search(similarity="gc", levels=LEVELS[:1], max_drrs=200)
    other = replace(case, problem=replace(case.problem, seed=99))
    first, again, different = (answer(search, which) for which in (case, case, other))
    assert np.array_equal(first.pose, again.pose)
    assert first.trace is not None
    assert again.trace is not None
    assert first.trace.best_value == again.trace.best_value
    assert not np.array_equal(first.pose, different.pose)


def test_the_answer_stays_within_the_search_even_where_truth_and_start_do_not(volume: Volume) -> None:
    case = build_case(volume)
    tight = replace(case.problem, search=np.array([2, 2, 2, 3, 3, 5.0]))
    found = answer(Search(similarity="gc", levels=LEVELS, restarts=1), replace(case, problem=tight))
    assert (np.abs(tight.frame.parameters(found.pose)) <= tight.search + 1e-9).all()


def test_a_frozen_parameter_stays_at_nominal(case: Case) -> None:
    frozen = replace(case.problem, search=SEARCH * np.array([1, 1, 1, 1, 1, 0]))
    found = answer(Search(similarity="gc", levels=LEVELS, restarts=1), replace(case, problem=frozen))
    assert frozen.frame.parameters(found.pose)[5] == pytest.approx(0, abs=1e-9)


def test_masked_pixels_do_not_mislead(case: Case) -> None:
    view = case.problem.views[0]
    assert view.image is not None
    valid = np.ones(view.image.shape, dtype=np.bool_)
    valid[:, :12] = False
    spoiled = replace(view, image=np.where(valid, view.image, np.float32(50)), valid=valid)
    masked = replace(case, problem=replace(case.problem, views=(spoiled,)))
    found = answer(Search(similarity="gc", levels=LEVELS), masked)
    assert max(pose_errors(case, found.pose)) < 1


def test_the_start_is_used_by_the_first_search_alone(case: Case) -> None:
    search = Search(similarity="gc", levels=(Level(size=32, population=4, generations=1),), restarts=1, max_drrs=1)
    assert np.allclose(answer(search, case).pose, case.problem.start)


def test_an_empty_image_is_a_divergence_or_a_pose_but_no_crash(case: Case) -> None:
    blank = replace(case.problem.views[0], image=np.zeros((64, 64), dtype=np.float32))
    found = answer(
        Search(similarity="gc", levels=LEVELS, restarts=1), replace(case, problem=replace(case.problem, views=(blank,)))
    )
    assert found.outcome in (Outcome.CONVERGED, Outcome.DIVERGED)
    assert np.isfinite(found.pose).all()


def test_a_volume_beside_the_detector_has_left_the_view(case: Case) -> None:
    aside = replace(case.problem, start=case.problem.start, search=np.zeros(6))
    away = replace(aside, nominal=compose(np.eye(3), [5000, 0, 0]) @ aside.nominal)
    found = answer(Search(similarity="gc", levels=LEVELS, restarts=1), replace(case, problem=away))
    assert found.outcome is Outcome.LEFT_VIEW


def test_a_volume_that_can_only_be_at_the_source_diverges(case: Case) -> None:
    near = replace(case.problem, search=np.zeros(6), nominal=compose(np.eye(3), [0, 0, -700]) @ case.problem.nominal)
    assert answer(Search(similarity="gc", levels=LEVELS), replace(case, problem=near)).outcome is Outcome.DIVERGED


def test_wrong_settings_are_refused(case: Case) -> None:
    with pytest.raises(SearchError, match="at least one level"):
        Search(similarity="gc", levels=())
    with pytest.raises(UnknownNameError, match="did you mean 'ncc'"):
        answer(Search(similarity="nccc"), case)


def test_a_problem_without_an_image_is_skipped(case: Case) -> None:
    bare = replace(case.problem, views=(case.problem.views[0].without_image(),))
    assert Search(similarity="gc").skip(bare) == "a view has no image"
    assert Search(similarity="gc").skip(case.problem) is None
