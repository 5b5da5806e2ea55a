"""Gradient correlation within the silhouette, and views cut to what the content can reach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from bench.contract import Problem, View
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose
from bench.register.focus import focused
from bench.similarity import SimilarityError, similarity
from bench.volume import Volume


def bone(row: int, column: int, gain: float = 1.0) -> torch.Tensor:
    """A disc with a hole on a dark image, (1, 1, 48, 48)."""
    rows, columns = np.indices((48, 48))
    distance = np.hypot(rows - row, columns - column)
    image = gain * ndimage.gaussian_filter(((distance < 7) & (distance > 2)).astype(float), 1)
    return torch.tensor(np.where(image > 1e-3 * gain, image, 0))[None, None]


def neighbour() -> torch.Tensor:
    """A much denser bar beside the disc."""
    image = np.zeros((48, 48))
    image[:, 43:48] = 10
    return torch.tensor(ndimage.gaussian_filter(image, 1))[None, None]


def test_equal_images_score_one_whatever_gain_and_offset() -> None:
    found = similarity("sgc")(3 * bone(20, 20) + 5, torch.cat([bone(20, 20), bone(20, 20, 7.0)]))
    np.testing.assert_allclose(found, 1.0, atol=1e-9)


def test_definition_on_a_known_region() -> None:
    fixed, moving = neighbour() + bone(20, 20), bone(21, 22)
    near = ndimage.maximum_filter((moving[0, 0] > 0.02 * moving.max()).numpy(), size=7)[1:-1, 1:-1]
    found = similarity("sgc", margin=3)(fixed, moving).item()
    scores = list[float]()
    for axis in (0, 1):
        first, second = (ndimage.sobel(image[0, 0].numpy(), axis=axis)[1:-1, 1:-1][near] for image in (fixed, moving))
        scores.append(float(np.corrcoef(first, second)[0, 1]))
    assert found == pytest.approx(sum(scores) / 2, abs=1e-9)


def test_a_denser_neighbour_outside_the_silhouette_changes_nothing() -> None:
    fixed, moving = bone(20, 20), torch.cat([bone(20, 20), bone(22, 19)])
    np.testing.assert_allclose(similarity("sgc")(fixed + neighbour(), moving), similarity("sgc")(fixed, moving))
    assert similarity("gc")(fixed + neighbour(), moving)[0] < 0.6


def test_masked_pixels_may_hold_anything() -> None:
    fixed, moving = bone(20, 20), torch.cat([bone(20, 21), bone(24, 20)])
    valid = torch.ones_like(fixed, dtype=torch.bool)
    valid[..., :16, :] = False
    expected = similarity("sgc")(fixed, moving, valid)
    spoilt, moved = (torch.where(valid, image, torch.nan) for image in (fixed, moving))
    assert torch.equal(similarity("sgc")(spoilt, moved, valid), expected)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_images_score_zero(value: float) -> None:
    flat = torch.full((1, 1, 48, 48), value, dtype=torch.float64)
    assert similarity("sgc")(bone(20, 20), flat).item() == 0
    assert similarity("sgc")(flat, bone(20, 20)).item() == 0


def test_derivative() -> None:
    fixed, moving = neighbour() + bone(20, 20), bone(21, 22)
    direction = bone(23, 20)

    def along(step: torch.Tensor) -> torch.Tensor:
        return similarity("sgc", threshold=0.0)(fixed, moving + step * direction * (moving > 0)).sum()

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(along(step), step)[0].item()
    assert slope == pytest.approx(((along(step + 1e-5) - along(step - 1e-5)) / 2e-5).item(), rel=1e-5)


@pytest.mark.parametrize("settings", [{"margin": -1}, {"threshold": 1.0}])
def test_impossible_settings(settings: dict[str, float]) -> None:
    with pytest.raises(SimilarityError, match="margin >= 0"):
        similarity("sgc", **settings)


def _problem() -> Problem:
    hu = np.full((12, 10, 14), 500, np.float32)
    volume = Volume(hu, np.diag([2.0, 2.0, 2.0, 1.0]))
    camera = Camera.centred(sdd_mm=1000.0, height=160, width=200, spacing_mm=1.0)
    centre = volume.content_centre()
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre)
    start = frame.pose([2, 1, 0, 4, -3, 5])
    image = project(AttenuationMap.from_volume(volume), start[None], camera)[0, 0].numpy()
    valid = np.ones(image.shape, bool)
    return Problem(
        case_id="x",
        patient_id="x",
        patient_hash="x",
        volume=volume,
        views=(View(camera, image=image, valid=valid),),
        start=start,
        nominal=frame.nominal,
        centre=centre,
        search=np.array([5.0, 5, 5, 8, 8, 20]),
        seed=1,
    )


def test_a_focused_view_is_a_part_of_the_same_image() -> None:
    problem = _problem()
    view = focused(problem, problem.volume.content_corners()).views[0]
    assert view.image is not None
    assert view.valid is not None
    assert view.image.shape == view.valid.shape == (view.camera.height, view.camera.width)
    assert view.image.size < 0.5 * 160 * 200
    again = project(AttenuationMap.from_volume(problem.volume), problem.start[None], view.camera)[0, 0].numpy()
    np.testing.assert_allclose(view.image, again, atol=1e-5)
    whole = problem.views[0].image
    assert whole is not None
    assert view.image.sum() == pytest.approx(float(whole.sum()), rel=1e-5)


def test_a_view_out_of_reach_is_left_whole() -> None:
    problem = _problem()
    K = problem.views[0].camera.K.copy()
    K[0, 2] = 5000
    away = replace(problem.views[0], camera=Camera(K, 160, 200, 1000.0))
    assert focused(replace(problem, views=(away,)), problem.volume.content_corners()).views[0] is away


def test_trials_that_cannot_be_run_are_refused() -> None:
    from bench.registry import build

    for settings in ({"trials": 0}, {"confirmations": 9}, {"fine": ()}, {"tie": 1.0}):
        with pytest.raises(FluorobenchError, match="trials need coarse and fine levels"):
            build("methods", "opt_sgc", settings)


@pytest.mark.parametrize(
    ("values", "met"),
    [([-np.inf, -np.inf], 0), ([0.5, -np.inf], 1), ([0.5, 0.49, 0.3], 2), ([-0.5, -0.51, -0.9], 2)],
)
def test_trials_that_diverged_confirm_nothing(values: list[float], met: int) -> None:
    from bench.registry import module

    assert module("methods", "opt_sgc")._met(values, 0.03) == met
