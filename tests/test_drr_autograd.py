"""The projector as a differentiable function: first derivatives, the second ones that training needs, and the error."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from bench.drr import AttenuationMap, ProjectionError, project
from bench.drr.autograd import gradient_of_pose, project_differentiable
from bench.geometry import Camera, PoseFrame, StandardView, compose, nominal_pose
from bench.geometry.pose_torch import ParametersError, pose_from_theta

CENTRE = np.array([6.0, -11.0, 4.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
LATERAL = PoseFrame(nominal_pose(StandardView.LATERAL, CENTRE, 700.0), CENTRE)
TINY = Camera.centred(sdd_mm=1011.7, height=5, width=6, spacing_mm=25.0)
SMALL = Camera.centred(sdd_mm=1011.7, height=20, width=24, spacing_mm=7.0)
THETAS = ((8.0, -25.0, 20.0, 5.0, -4.0, 30.0), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))


@cache
def smooth_map(n: int) -> AttenuationMap:
    ramp = (np.arange(n) - (n - 1) / 2) * 96 / n
    points = np.stack(np.meshgrid(ramp, ramp, ramp, indexing="ij"), axis=-1)
    mu = np.zeros((n, n, n))
    for centre, sigma, height in (((0, 0, 0), 11.0, 0.02), ((9, -7, 8), 8.0, 0.03)):
        mu += height * np.exp(-((points - np.array(centre)) ** 2).sum(axis=-1) / (2 * sigma**2))
    spacing = 96 / n
    return AttenuationMap(mu.astype(np.float32), compose(np.eye(3) * spacing, CENTRE + 3 - spacing * (n - 1) / 2))


def leaf(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(THETAS, dtype=dtype, requires_grad=True)


def tiny_images(theta: Tensor) -> Tensor:
    return project_differentiable(smooth_map(12), pose_from_theta(theta, FRAME), TINY, kernel="reference")


def relative_error(found: Tensor, truth: Tensor) -> float:
    return float(np.linalg.norm((found - truth).detach().numpy()) / np.linalg.norm(truth.detach().numpy()))


def pose_gradient(theta: Tensor, weights: Tensor) -> Tensor:
    return torch.autograd.grad(tiny_images(theta), theta, weights, create_graph=True)[0]


def noise(*shape: int) -> Tensor:
    return torch.as_tensor(np.random.default_rng(0).normal(size=shape))


def random_weights() -> Tensor:
    return noise(2, 1, 5, 6).requires_grad_()


@pytest.mark.parametrize("frame", [FRAME, LATERAL])
def test_theta_becomes_the_same_pose_as_in_numpy(frame: PoseFrame) -> None:
    theta = np.random.default_rng(0).normal(scale=40, size=(20, 6))
    poses = pose_from_theta(torch.tensor(theta), frame)
    np.testing.assert_allclose(poses.numpy(), frame.pose(theta), atol=1e-11)
    assert pose_from_theta(torch.tensor(theta, dtype=torch.float32), frame).dtype == torch.float64


def test_theta_of_another_shape_is_refused() -> None:
    with pytest.raises(ParametersError, match=r"\(B, 6\)"):
        pose_from_theta(torch.zeros(6), FRAME)


def test_theta_to_pose_is_differentiable_twice() -> None:
    assert gradgradcheck(partial(pose_from_theta, frame=FRAME), (leaf(),))


def test_reference_passes_gradcheck() -> None:
    assert gradcheck(tiny_images, (leaf(),), eps=1e-5, atol=1e-6)


def test_reference_passes_gradcheck_of_its_gradient_by_the_incoming_gradient() -> None:
    theta = leaf()
    assert gradcheck(partial(pose_gradient, theta), (random_weights(),))


@pytest.mark.parametrize("frame", [FRAME, LATERAL])
def test_compiled_gradients_agree_with_the_reference(frame: PoseFrame) -> None:
    weights = noise(2, 1, 20, 24)
    gradients: dict[str, Tensor] = {}
    for kernel in ("joseph", "reference"):
        theta = leaf()
        images = project_differentiable(smooth_map(64), pose_from_theta(theta, frame), SMALL, kernel=kernel)
        (gradients[kernel],) = torch.autograd.grad((images * weights).sum(), theta)
    assert relative_error(gradients["joseph"], gradients["reference"]) < 0.03


def test_images_are_those_of_project() -> None:
    poses = pose_from_theta(leaf(), FRAME)
    expected = project(smooth_map(64), poses.detach().numpy(), SMALL)
    attached = project_differentiable(smooth_map(64), poses, SMALL)
    torch.testing.assert_close(attached.detach(), expected, rtol=0, atol=2e-6)
    assert attached.requires_grad
    assert torch.equal(project_differentiable(smooth_map(64), poses.detach(), SMALL), expected)
    with torch.no_grad():
        assert torch.equal(project_differentiable(smooth_map(64), poses, SMALL), expected)


def encoder() -> torch.nn.Module:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Softplus(), torch.nn.Conv2d(2, 1, 3)).double()
    for parameter in network.parameters():
        parameter.data = 0.3 * noise(*parameter.shape)
    return network


def gradient_loss(theta: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
    """SOPI's second loss: how far the pose gradient of a loss between encoded images is from a wanted one."""
    loss = encode(tiny_images(theta)).square().sum()
    (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
    return (gradient - 0.1).square().sum()


def test_double_backward_reaches_the_network_as_differences_do() -> None:
    theta, network = leaf(), encoder()
    parameters = dict(network.named_parameters())
    torch.autograd.backward(gradient_loss(theta, network), inputs=list(parameters.values()))
    assert theta.grad is None
    kernel = parameters["0.weight"].detach()
    by_kernel = parameters["0.weight"].grad
    assert by_kernel is not None

    def moved_loss(index: tuple[int, ...], step: float) -> float:
        moved = kernel.clone()
        moved[index] += step
        loss = gradient_loss(theta, lambda images: functional_call(network, {"0.weight": moved}, (images,)))
        return float(loss.detach())

    for index in ((0, 0, 1, 1), (1, 0, 0, 2)):
        change = (moved_loss(index, 1e-5) - moved_loss(index, -1e-5)) / 2e-5
        assert change == pytest.approx(float(by_kernel[index]), rel=1e-5)
        assert change != 0


def test_gradients_of_the_fast_kernel_train_too() -> None:
    theta, network = leaf(), torch.nn.Conv2d(1, 1, 3)
    images = project_differentiable(smooth_map(64), pose_from_theta(theta, FRAME), SMALL, kernel="joseph")
    (gradient,) = torch.autograd.grad(network(images).square().mean(), theta, create_graph=True)
    (by_weight,) = torch.autograd.grad(gradient.square().sum(), [network.weight])
    assert by_weight.isfinite().all()
    assert by_weight.count_nonzero() == 9


def test_a_second_derivative_by_the_pose_raises() -> None:
    theta = leaf()
    with pytest.raises(ProjectionError, match="inputs=parameters"):
        torch.autograd.backward(gradient_loss(theta, encoder()))
    gradient = pose_gradient(theta, random_weights())
    with pytest.raises(ProjectionError, match="second derivative"):
        torch.autograd.grad(gradient.sum(), theta)


def test_the_matrix_gradient_is_right_along_rigid_motions_about_any_centre() -> None:
    poses = torch.tensor(FRAME.pose(np.array(THETAS)))
    twist = torch.tensor([0.3, -0.2, 0.5, 4.0, -3.0, 2.0], dtype=torch.float64)
    by_twist = noise(2, 6)
    turn = torch.tensor([[0, -0.5, -0.2], [0.5, 0, -0.3], [0.2, 0.3, 0]], dtype=torch.float64)
    for centre in (CENTRE, CENTRE + 40):
        in_camera = poses[:, :3, :3] @ torch.tensor(centre) + poses[:, :3, 3]
        motion = torch.zeros(2, 4, 4, dtype=torch.float64)
        motion[:, :3, :3] = turn @ poses[:, :3, :3]
        motion[:, :3, 3] = (poses[:, :3, 3] - in_camera) @ turn.T + twist[3:]
        change = (gradient_of_pose(by_twist, poses, centre) * motion).sum(dim=(1, 2))
        torch.testing.assert_close(change, by_twist @ twist)
