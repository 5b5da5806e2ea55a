"""Projection of feature volumes: against the projector of data, plain autograd, and dot products with its transpose."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.func import functional_call

from bench.drr import AttenuationMap, ProjectionError, project_with_jacobian
from bench.drr.features import Geometry, project_features
from bench.drr.reference import integrate, pixel_directions
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose
from bench.geometry.pose_torch import pose_from_theta

Images: TypeAlias = Callable[[Tensor, Tensor], Tensor]

CENTRE = np.array([6.0, -11.0, 4.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
CAMERA = Camera.centred(sdd_mm=1011.7, height=7, width=9, spacing_mm=16.0)
SHAPE = (9, 11, 10)
AFFINE = compose(np.diag([8.0, 7.0, 9.0]), CENTRE - [33.0, 34.0, 41.0])
# The three use all three slicing axes.
THETAS = ((8.0, -25.0, 20.0, 5.0, -4.0, 30.0), (1.0, 75.0, 3.0, 4.0, 5.0, 6.0), (70.0, 2.0, 3.0, 4.0, 5.0, 6.0))


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape)).to(dtype)


def waves(channels: int) -> Tensor:
    """Fields of both signs that vanish at the border."""
    ramps = [torch.sin(torch.linspace(0, np.pi, n + 2, dtype=torch.float64))[1:-1] for n in SHAPE]
    bump = torch.einsum("i,j,k->ijk", *ramps).square()
    return torch.stack(
        [bump * torch.linspace(0.4 * c - 1, 1.5, SHAPE[2], dtype=torch.float64) for c in range(channels)]
    )


def leaf(count: int = 3) -> Tensor:
    return torch.tensor(THETAS[:count], dtype=torch.float64, requires_grad=True)


def images_of(volume: Tensor, theta: Tensor) -> Tensor:
    return project_features(volume, AFFINE, pose_from_theta(theta, FRAME), CAMERA)


def plain_images(volume: Tensor, theta: Tensor) -> Tensor:
    """The same by fine steps in plain torch, every operation in autograd's graph; volume (C, I, J, K)."""
    camera_from_index = pose_from_theta(theta, FRAME) @ torch.as_tensor(AFFINE)
    index_from_camera = torch.inverse(camera_from_index[:, :3, :3])
    sources = -(index_from_camera @ camera_from_index[:, :3, 3:])[..., 0]
    camera_from_pixel: Matrix = np.asarray(np.linalg.inv(CAMERA.K), dtype=np.float64)
    pixels, lengths = pixel_directions(CAMERA, camera_from_pixel, volume)
    rays = torch.einsum("bij,pj->bpi", index_from_camera, pixels @ torch.as_tensor(camera_from_pixel).T)
    padded = torch.nn.functional.pad(volume, (2,) * 6)
    images = [integrate(mu, s, d, 0.1) * lengths for s, d in zip(sources, rays, strict=True) for mu in padded]
    return torch.stack(images).reshape(len(theta), len(volume), CAMERA.height, CAMERA.width)


def relative_error(found: Tensor, truth: Tensor) -> float:
    return float(np.linalg.norm((found - truth).detach().numpy()) / np.linalg.norm(truth.detach().numpy()))


def geometry() -> Geometry:
    grid = AttenuationMap(np.zeros(SHAPE, dtype=np.float32), AFFINE)
    return Geometry.of(grid, pose_from_theta(leaf(), FRAME), CAMERA)


def test_images_and_derivatives_are_those_of_data() -> None:
    mu = noise(*SHAPE, dtype=torch.float32).abs()
    poses = pose_from_theta(leaf(), FRAME)
    images, derivatives = project_with_jacobian(
        AttenuationMap(mu.numpy(), AFFINE), poses.detach().numpy(), CAMERA, geometry().centre
    )
    both = geometry().render(mu[None])
    assert relative_error(both[:, 0, :1], images) < 1e-4
    assert relative_error(both[:, 0, 1:], derivatives) < 1e-3


@pytest.mark.parametrize("derivatives", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_backprojection_is_the_transpose(derivatives: bool, shared: bool) -> None:
    """<P V, w> = <V, P' w>: for the image alone and for the six derivative images alone."""
    volume, weights = noise(*((2,) if shared else (3, 2)), *SHAPE), noise(3, 2, 7, 7, 9, seed=1)
    if derivatives:
        weights[:, :, 0] = 0
    else:
        weights[:, :, 1:] = 0
    there = (geometry().render(volume) * weights).sum()
    back = (volume * geometry().backproject(weights, volume.shape)).sum()
    assert abs(there) > 1
    # Places along a ray are computed in the volume's type, so both directions see the same weights.
    torch.testing.assert_close(there, back, rtol=1e-12, atol=0)


def test_backprojection_is_the_transpose_in_float32() -> None:
    volume, weights = noise(2, *SHAPE, dtype=torch.float32), noise(3, 2, 7, 7, 9, dtype=torch.float32, seed=1)
    there = (geometry().render(volume).double() * weights).sum()
    back = (volume.double() * geometry().backproject(weights, volume.shape)).sum()
    torch.testing.assert_close(there, back, rtol=1e-4, atol=0)


def first(make: Images, volume: Tensor, theta: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad((make(volume, theta) * weights).sum(), (volume, theta))


def mixed(make: Images, volume: Tensor, theta: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """The second backward pass of training: a pose gradient's own gradient by volume and incoming gradient."""
    gradient = pose_gradient(make, theta, volume, weights)
    return torch.autograd.grad((gradient * noise(*gradient.shape, seed=5)).sum(), (volume, weights))


def pose_gradient(make: Images, theta: Tensor, volume: Tensor, weights: Tensor) -> Tensor:
    return torch.autograd.grad(make(volume, theta), theta, weights, create_graph=True)[0]


@pytest.mark.parametrize("derivative", [first, mixed])
def test_derivatives_agree_with_plain_autograd(derivative: Callable[..., tuple[Tensor, ...]]) -> None:
    weights = noise(3, 2, 7, 9).requires_grad_()
    found, truth = (derivative(make, waves(2).requires_grad_(), leaf(), weights) for make in (images_of, plain_images))
    # Joseph's samples are a voxel apart, those of the plain images a tenth: they agree along smooth changes.
    along = [(gradient[:, None] * waves(4)).sum(dim=(2, 3, 4)) for gradient in (found[0], truth[0])]
    assert relative_error(*along) < 0.03
    assert relative_error(found[1], truth[1]) < 0.05


def test_gradients_by_the_volume_pass_gradcheck() -> None:
    images = partial(flipped, leaf(1).detach())
    assert gradcheck(images, (noise(1, *SHAPE).requires_grad_(),), fast_mode=True)


def flipped(theta: Tensor, volume: Tensor) -> Tensor:
    return images_of(volume, theta)


def test_pose_gradients_pass_gradcheck_by_volume_and_incoming_gradient() -> None:
    inputs = noise(3, 1, *SHAPE).requires_grad_(), noise(3, 1, 7, 9, seed=1).requires_grad_()
    assert gradcheck(partial(pose_gradient, images_of, leaf()), inputs, fast_mode=True)


def test_the_volumes_gradient_passes_gradcheck_by_the_incoming_gradient() -> None:
    volume = noise(1, *SHAPE).requires_grad_()

    def gradient(weights: Tensor) -> Tensor:
        return torch.autograd.grad(images_of(volume, leaf().detach()), volume, weights, create_graph=True)[0]

    assert gradcheck(gradient, (noise(3, 1, 7, 9).requires_grad_(),), fast_mode=True)


def test_a_loss_of_pose_gradients_trains_the_network_that_made_the_volume() -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    network, theta = torch.nn.Conv3d(1, 3, 3, padding=1).double(), leaf()
    content = waves(1)[None]

    def loss(weight: Tensor) -> Tensor:
        # Smooth: differences across the kinks of a ReLU are no derivatives.
        volume = torch.nn.functional.softplus(functional_call(network, {"weight": weight}, (content,)))[0] + content[0]
        (gradient,) = torch.autograd.grad(images_of(volume, theta).square().sum(), theta, create_graph=True)
        return (gradient / 1e6 - 1).square().sum()

    kernel = noise(3, 1, 3, 3, 3).requires_grad_()
    torch.autograd.backward(loss(kernel), inputs=[kernel])
    assert theta.grad is None
    assert kernel.grad is not None
    for index in ((0, 0, 1, 1, 1), (2, 0, 0, 2, 1)):
        step = torch.zeros_like(kernel)
        # The loss is about 18 and its derivative 6e-6: a smaller step would drown in the loss's own rounding.
        step[index] = 1e-4
        change = (loss(kernel + step) - loss(kernel - step)).detach() / 2e-4
        torch.testing.assert_close(change, kernel.grad[index], rtol=1e-4, atol=0)
        assert change != 0


def test_autograd_passes_the_volume_by_while_only_the_pose_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a backprojection was computed")

    monkeypatch.setattr(Geometry, "backproject", refuse)
    theta = leaf()
    torch.autograd.grad(images_of(waves(1).requires_grad_(), theta).sum(), theta, create_graph=True)


def test_second_derivatives_by_the_pose_raise() -> None:
    theta, volume = leaf(), waves(1).requires_grad_()
    for by in (theta, volume):
        (gradient,) = torch.autograd.grad(images_of(volume, theta).square().sum(), by, create_graph=True)
        with pytest.raises(ProjectionError, match="second derivative"):
            torch.autograd.grad(gradient.square().sum(), theta)


def test_float32_features_keep_their_type() -> None:
    volume = waves(3).float().requires_grad_()
    images = images_of(volume, leaf())
    assert images.dtype == torch.float32
    (gradient,) = torch.autograd.grad(images.sum(), volume)
    assert gradient.dtype == torch.float32
    assert relative_error(images, images_of(waves(3), leaf()).float()) < 1e-4


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (torch.zeros(9, 11, 10), "shape"),
        (torch.zeros(2, 1, 9, 11, 10), "3 poses"),
        (torch.full((1, 9, 11, 10), torch.nan), "finite"),
        (torch.zeros(1, 9, 0, 10), "shape"),
    ],
)
def test_bad_features_are_refused(volume: Tensor, message: str) -> None:
    with pytest.raises(ProjectionError, match=message):
        images_of(volume, leaf())


def test_a_bad_affine_is_refused() -> None:
    with pytest.raises(ProjectionError, match="affine"):
        project_features(waves(1), np.zeros((4, 4)), pose_from_theta(leaf(), FRAME), CAMERA)
