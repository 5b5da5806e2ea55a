"""Every similarity plug-in keeps the contract of ``bench.similarity.Similarity``; a new file joins by being there."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import registry
from bench.contract import Case
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix
from bench.similarity import Similarity, SimilarityError

from .toy_case import make_case

NAMES = registry.names("similarities")
every_similarity = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.fixture(scope="module")
def fixed(case: Case) -> Tensor:
    """The target image, (1, 1, 64, 64) float64."""
    return torch.as_tensor(case.problem.views[0].image)[None, None].double()


@pytest.fixture(scope="module")
def moving(case: Case) -> Tensor:
    """Renderings at the true pose and at three wrong ones, (4, 1, 64, 64) float64."""
    frame = case.problem.frame
    offsets = ([0.0] * 6, [8, 0, 0, 0, 0, 0], [0, 0, 6, 0, 0, 0], [0, 0, 0, 8, 8, 0])
    return render(case, frame.pose(frame.parameters(case.truth) + torch.tensor(offsets).double().numpy()))


def render(case: Case, poses: Matrix) -> Tensor:
    return project(AttenuationMap.from_volume(case.problem.volume), poses, case.problem.views[0].camera).double()


def measure(name: str) -> Similarity:
    built: Similarity = registry.build("similarities", name, {})
    return built


@every_similarity
def test_it_says_whether_it_is_differentiable(name: str) -> None:
    declared = getattr(registry.load("similarities", name), "differentiable", None)
    assert isinstance(declared, bool), f"{name}: declare 'differentiable: ClassVar[bool] = True' (or False)"


@every_similarity
def test_the_true_pose_scores_higher_than_wrong_ones(name: str, fixed: Tensor, moving: Tensor) -> None:
    values = measure(name)(fixed, moving)
    assert values.shape == (4,)
    assert (values[0] > values[1:]).all(), f"larger must mean more alike; truth first: {values.numpy()}"


@every_similarity
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_have_the_type_of_the_images(name: str, dtype: torch.dtype, fixed: Tensor, moving: Tensor) -> None:
    values = measure(name)(fixed.to(dtype), moving.to(dtype))
    assert values.dtype is dtype
    torch.testing.assert_close(values, measure(name)(fixed, moving), rtol=2e-4, atol=2e-4, check_dtype=False)


@every_similarity
def test_a_batch_equals_its_images_one_by_one(name: str, fixed: Tensor, moving: Tensor) -> None:
    single = torch.cat([measure(name)(fixed, image[None]) for image in moving])
    torch.testing.assert_close(measure(name)(fixed, moving), single, rtol=1e-5, atol=1e-6)


@every_similarity
def test_images_are_not_changed(name: str, fixed: Tensor, moving: Tensor) -> None:
    before = fixed.clone(), moving.clone()
    measure(name)(fixed, moving)
    assert torch.equal(before[0], fixed)
    assert torch.equal(before[1], moving)


@every_similarity
def test_a_full_mask_equals_no_mask(name: str, fixed: Tensor, moving: Tensor) -> None:
    everything = torch.ones_like(fixed, dtype=torch.bool)
    torch.testing.assert_close(measure(name)(fixed, moving, everything), measure(name)(fixed, moving))


@every_similarity
def test_pixels_outside_the_mask_do_not_count(name: str, fixed: Tensor, moving: Tensor) -> None:
    valid = torch.ones_like(fixed, dtype=torch.bool)
    valid[..., 24:34, 20:30] = False
    values = measure(name)(fixed, moving, valid)
    for outside in (1e4, math.nan):
        hidden = measure(name)(fixed.where(valid, outside), moving.where(valid, outside), valid)
        torch.testing.assert_close(hidden, values)


@every_similarity
def test_an_empty_mask_is_refused(name: str, fixed: Tensor, moving: Tensor) -> None:
    with pytest.raises(SimilarityError, match="valid pixel"):
        measure(name)(fixed, moving, torch.zeros_like(fixed, dtype=torch.bool))


@every_similarity
def test_shapes_and_types_that_do_not_match_are_refused(name: str, fixed: Tensor, moving: Tensor) -> None:
    for wrong in (moving[..., :40], moving[:, 0]):
        with pytest.raises(SimilarityError):
            measure(name)(fixed, wrong)
    with pytest.raises(SimilarityError):
        measure(name)(moving[:2], moving)
    with pytest.raises(SimilarityError):
        measure(name)(fixed, moving, torch.ones(fixed.shape))


@every_similarity
@pytest.mark.parametrize("level", [0.0, 0.1, 7.3])
def test_constant_images_have_finite_values_and_derivatives(name: str, level: float, fixed: Tensor) -> None:
    flat = torch.full_like(fixed, level)
    for target, image in ((fixed, flat), (flat, fixed), (flat, flat)):
        image = image.clone().requires_grad_(measure(name).differentiable)
        value = measure(name)(target, image)
        assert value.isfinite().all()
        if measure(name).differentiable:
            (slope,) = torch.autograd.grad(value.sum(), [image])
            assert slope.isfinite().all()


@every_similarity
def test_declared_derivatives_are_those_of_finite_differences(name: str) -> None:
    if not measure(name).differentiable:
        pytest.skip("it declares no derivative")
    noise = torch.Generator().manual_seed(3)
    smooth = torch.nn.functional.avg_pool2d(torch.rand((3, 1, 16, 15), generator=noise).double(), 3, stride=1)
    target, images = smooth[:1], (smooth[:1] + smooth[1:]).requires_grad_()

    def values(image: Tensor) -> Tensor:
        return measure(name)(target, image)

    assert torch.autograd.gradcheck(values, images, eps=1e-7, atol=1e-5, fast_mode=True)


@every_similarity
def test_the_generic_search_takes_it(name: str, case: Case, fixed: Tensor) -> None:
    """``opt_similarity`` with two small levels ends nearer to the truth than it starts."""
    levels = [
        {"size": 32, "population": 16, "generations": 8, "sigma": 0.3},
        {"size": 64, "population": 8, "generations": 4, "sigma": 0.05},
    ]
    method = registry.build("methods", "opt_similarity", {"similarity": name, "levels": levels, "restarts": 1})
    problem = case.problem
    prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
    found = method.register(problem, prepared).pose
    start, end = measure(name)(fixed, render(case, np.stack([problem.start, found])))
    assert end > start
