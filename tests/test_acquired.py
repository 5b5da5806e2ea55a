"""Cases on real X-rays: their truth is the reference, starts lie about the nominal pose, and no method is given it."""

from dataclasses import replace

import numpy as np
import pytest

from bench.cases.real import AcquiredError, draw_real_case, real_targets, unreferenced
from bench.contract import Acquisition, View
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose, rotation_angle_deg
from bench.perturb import (
    DrawError,
    MtreStartDistribution,
    PoseDistribution,
    SamplingConstraints,
    nominal_frame,
    nominal_pose_generator,
)

CENTRE = np.array([10.0, -20.0, 30.0])
REFERENCE = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE).pose([3.0, -2.0, 5.0, 4.0, 1.0, -9.0])
CAMERA = Camera.centred(sdd_mm=1000.0, height=8, width=8, spacing_mm=10.0)
SECOND = PoseFrame(np.eye(4), np.zeros(3)).pose([0.0, 90.0, 0.0, 700.0, 0.0, 700.0])
TRUTH_LAW = PoseDistribution("normal", (6.0, 6.0, 6.0, 9.0, 9.0, 30.0))
START_LAW = PoseDistribution("uniform", (10.0,) * 6, "truth")


def acquisition(reference: np.ndarray | None = REFERENCE) -> Acquisition:
    image = np.zeros((8, 8), np.float32)
    views = (View(CAMERA, image=image), View(CAMERA, SECOND, image=image))
    return Acquisition("0002", views, reference, 2.0)


def stage() -> SamplingConstraints:
    frame = PoseFrame(np.eye(4), CENTRE)
    return SamplingConstraints(frame, CAMERA, np.eye(4), CENTRE[None], np.array([24.0] * 3 + [36.0, 36.0, 120.0]))


def test_each_view_alone_is_a_problem_of_its_own_camera() -> None:
    first, second = real_targets([acquisition()], "each")
    np.testing.assert_allclose(second.reference, SECOND @ REFERENCE)
    np.testing.assert_array_equal(second.views[0].camera_from_rig, np.eye(4))
    assert (first.name, second.name) == ("0002 view 1", "0002 view 2")
    assert (second.acquisition, second.view, second.uncertainty_mm) == ("0002", 2, 2.0)


def test_views_together_keep_their_rig_and_unreferenced_ones_are_left_out() -> None:
    (both,) = real_targets([acquisition(), acquisition(None)], "all")
    np.testing.assert_array_equal(both.reference, REFERENCE)
    np.testing.assert_array_equal(both.views[1].camera_from_rig, SECOND)
    assert unreferenced([acquisition(), replace(acquisition(None), id="0099")]) == ("0099",)


def test_xrays_that_all_lack_a_reference_are_refused() -> None:
    assert real_targets([], "each") == ()
    with pytest.raises(AcquiredError, match="reference"):
        real_targets([acquisition(None)], "each")


def test_the_nominal_frame_measures_the_reference_as_theta() -> None:
    theta = np.array([5.0, -7.0, 2.0, 8.0, -6.0, 40.0])
    frame = nominal_frame(REFERENCE, CENTRE, theta)
    np.testing.assert_allclose(frame.parameters(REFERENCE), theta, atol=1e-9)
    np.testing.assert_allclose(frame.pose(theta), REFERENCE, atol=1e-9)


def test_starts_lie_about_the_nominal_pose_which_is_not_the_reference() -> None:
    target = real_targets([acquisition()], "each")[0]
    random = np.random.default_rng(4)
    draws = [draw_real_case(target, stage(), (TRUTH_LAW, START_LAW), random) for _ in range(200)]
    starts = np.array([draw.frame.parameters(draw.start) for draw in draws])
    assert np.abs(starts).max() <= 10 + 1e-9
    np.testing.assert_allclose(starts.std(axis=0), 10 / np.sqrt(3), rtol=0.15)
    apart = np.array([draw.frame.parameters(REFERENCE) for draw in draws])
    np.testing.assert_allclose(apart.std(axis=0), TRUTH_LAW.width, rtol=0.2)
    assert (np.abs(apart) <= stage().search).all()


def test_starts_at_distances_from_the_reference_are_refused() -> None:
    target = real_targets([acquisition()], "each")[0]
    far = MtreStartDistribution((1.0,) * 6, (0.0, 10.0))
    with pytest.raises(AcquiredError, match="would disclose it"):
        draw_real_case(target, stage(), (TRUTH_LAW, far), np.random.default_rng(0))


def test_a_law_about_the_nominal_pose_knows_nothing_of_the_reference() -> None:
    target = real_targets([acquisition()], "each")[0]
    draw = draw_real_case(
        target, stage(), (TRUTH_LAW, PoseDistribution("uniform", (0.0,) * 6)), np.random.default_rng(1)
    )
    np.testing.assert_allclose(draw.start, draw.frame.nominal, atol=1e-9)
    assert rotation_angle_deg(draw.start, REFERENCE) > 0.5


def test_an_image_has_one_nominal_pose_in_all_of_its_cases() -> None:
    target = real_targets([acquisition()], "each")[0]
    draws = [
        draw_real_case(
            target,
            stage(),
            (TRUTH_LAW, START_LAW),
            np.random.default_rng(case),
            nominal=nominal_pose_generator(7, "somebody", image),
        )
        for case, image in ((0, "0002 view 1"), (1, "0002 view 1"), (1, "0002 view 2"))
    ]
    np.testing.assert_array_equal(draws[0].frame.nominal, draws[1].frame.nominal)
    assert rotation_angle_deg(draws[0].start, draws[1].start) > 0.1
    assert rotation_angle_deg(draws[0].frame.nominal, draws[2].frame.nominal) > 0.1


def test_a_law_outside_the_search_is_refused() -> None:
    target = real_targets([acquisition()], "each")[0]
    far = PoseDistribution("uniform", (1e4,) * 6)
    with pytest.raises(DrawError, match=r"target\.search"):
        draw_real_case(target, stage(), (far, START_LAW), np.random.default_rng(0))


def test_pixels_that_are_no_numbers_are_refused_unless_masked() -> None:
    image, valid = np.zeros((8, 8), np.float32), np.ones((8, 8), np.bool_)
    image[2, 3], image[4, 4] = np.nan, np.inf
    with pytest.raises(AcquiredError, match="got 2 pixels"):
        real_targets([Acquisition("0003", (View(CAMERA, image=image),), REFERENCE, 2.0)], "each")
    valid[2, 3] = valid[4, 4] = False
    masked = View(CAMERA, image=image, valid=valid)
    assert len(real_targets([Acquisition("0003", (masked,), REFERENCE, 2.0)], "all")) == 1
