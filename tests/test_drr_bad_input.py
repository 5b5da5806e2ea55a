"""Hard input to every kernel of the projector: a right answer or one clear error, never a crash or silent garbage."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.drr import AttenuationMap, ProjectionError, project, project_siddon, project_with_jacobian
from bench.drr.autograd import project_differentiable
from bench.drr.cuda import project_cuda
from bench.drr.features import project_features
from bench.drr.reference import project_reference
from bench.drr.reference_jacobian import project_reference_with_jacobian
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose

ORIGIN, CPU = np.zeros(3), torch.device("cpu")
FRAME = PoseFrame(nominal_pose(StandardView.AP, ORIGIN, 700.0), ORIGIN)
CAMERA = Camera.centred(sdd_mm=1011.7, height=15, width=18, spacing_mm=9.0)
POSES = FRAME.pose([(8, -12, 20, 5, -4, 30), (3, 80, -7, 0, 9, -40)])
Project = Callable[[AttenuationMap, Matrix, Camera], Any]


def with_autograd(attenuation: AttenuationMap, poses: Matrix, camera: Camera) -> Tensor:
    leaf = torch.tensor(poses, requires_grad=True)
    images = project_differentiable(attenuation, leaf, camera)
    (gradient,) = torch.autograd.grad(images.sum(), leaf)
    assert gradient.isfinite().all()
    return images.detach()


def with_features(attenuation: AttenuationMap, poses: Matrix, camera: Camera) -> Tensor:
    """Two channels and all gradients; the second channel is the first, doubled."""
    volume = torch.as_tensor(attenuation.mu)[None] * torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    leaf = torch.tensor(poses, requires_grad=True)
    images = project_features(volume.requires_grad_(), attenuation.affine, leaf, camera)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(images.sum(), (volume, leaf)))
    torch.testing.assert_close(images[:, 1], 2 * images[:, 0])
    return images[:, :1].detach()


def with_jacobian(kernel: str) -> Project:
    def call(attenuation: AttenuationMap, poses: Matrix, camera: Camera) -> Tensor:
        images, derivatives = project_with_jacobian(attenuation, poses, camera, ORIGIN, kernel=kernel)
        assert derivatives.shape == (len(poses), 6, camera.height, camera.width)
        assert derivatives.isfinite().all()
        return images

    return call


def with_kernel(kernel: str) -> Project:
    return partial(project, kernel=kernel)


def with_plain_jacobian(attenuation: AttenuationMap, poses: Matrix, camera: Camera) -> Tensor:
    images, derivatives = project_reference_with_jacobian(attenuation, poses, camera, ORIGIN)
    assert derivatives.shape == (len(poses), 6, camera.height, camera.width)
    assert derivatives.isfinite().all()
    return images


TRILINEAR: dict[str, Project] = {
    "joseph": with_kernel("joseph"),
    "separable": with_kernel("separable"),
    "reference": with_kernel("reference"),
    "joseph, derivatives": with_jacobian("joseph"),
    "separable, derivatives": with_jacobian("separable"),
    "reference, derivatives": with_plain_jacobian,
    "autograd": with_autograd,
    "features": with_features,
}
EVERY: dict[str, Project] = TRILINEAR | {
    "siddon": project_siddon,
    # What it refuses, it refuses before the GPU; its images are tested by Triton's interpreter.
    "cuda": partial(project_cuda, device=CPU),
}
# The separable mode's own error is larger; it is bounded in its own tests.
BOUNDS = {"separable": 0.04, "separable, derivatives": 0.04}


def blobs(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> AttenuationMap:
    linear = np.diag(spacing)
    affine = compose(linear, -linear @ ((np.array(shape) - 1) / 2))
    points = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1) @ linear + affine[:3, 3]
    mu = 0.02 * np.exp(-(points**2).sum(axis=-1) / 300) + 0.03 * np.exp(
        -((points - [6, -4, 5]) ** 2).sum(axis=-1) / 200
    )
    return AttenuationMap(mu.astype(np.float32), affine)


CUBE = blobs((32, 32, 32), (3.0, 3.0, 3.0))


def error_against_the_fine_reference(
    kernel: Project, attenuation: AttenuationMap, poses: Matrix, camera: Camera
) -> float:
    truth = project_reference(attenuation, poses, camera, step_voxels=0.1, dtype=torch.float64).numpy()
    image = np.asarray(kernel(attenuation, poses, camera))
    assert image.shape == truth.shape
    assert truth.any()
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize("kernel", TRILINEAR)
@pytest.mark.parametrize(("height", "width"), [(1, 18), (15, 1), (1, 1)])
def test_slim_detectors_are_right(kernel: str, height: int, width: int) -> None:
    camera = Camera.centred(sdd_mm=1011.7, height=height, width=width, spacing_mm=5.0)
    assert error_against_the_fine_reference(TRILINEAR[kernel], CUBE, POSES, camera) < BOUNDS.get(kernel, 0.01)


@pytest.mark.parametrize("kernel", TRILINEAR)
def test_thick_slices_are_right(kernel: str) -> None:
    attenuation = blobs((140, 130, 12), (0.3, 0.3, 5.0))
    assert error_against_the_fine_reference(TRILINEAR[kernel], attenuation, POSES, CAMERA) < BOUNDS.get(kernel, 0.01)


@pytest.mark.parametrize("kernel", TRILINEAR)
def test_a_single_slice_across_the_rays_is_right(kernel: str) -> None:
    attenuation = blobs((41, 1, 37), (2.0, 5.0, 2.0))
    straight = FRAME.pose([(0.0,) * 6, (3.0, 4.0, 10.0, 5.0, -4.0, 30.0)])
    assert error_against_the_fine_reference(TRILINEAR[kernel], attenuation, straight, CAMERA) < BOUNDS.get(kernel, 0.01)


@pytest.mark.parametrize("kernel", TRILINEAR)
@pytest.mark.parametrize("shape", [(41, 1, 37), (1, 1, 37), (1, 1, 1)])
def test_thin_volumes_from_any_side_give_finite_images(kernel: str, shape: tuple[int, int, int]) -> None:
    edge_on = FRAME.pose([(0, 0, 0, 0, 0, 0), (0, 90, 0, 0, 0, 0), (90, 0, 0, 0, 0, 0), (0, 0, 45, 0, 0, 0)])
    images = np.asarray(TRILINEAR[kernel](blobs(shape, (2.0, 5.0, 2.0)), edge_on, CAMERA))
    assert np.isfinite(images).all()
    # The separable mode's cubic warp swings below zero where the volume is thinner than a pixel.
    assert kernel.startswith("separable") or images.min() >= -1e-6
    assert np.abs(images).max() < 10


@pytest.mark.parametrize("kernel", EVERY)
@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (nominal_pose(StandardView.AP, ORIGIN, 10.0)[None], "pose 0 of 1 puts the X-ray source inside"),
        (np.stack([POSES[0], nominal_pose(StandardView.LATERAL, ORIGIN, 0.0)]), "pose 1 of 2 puts the X-ray source"),
        (np.full((1, 4, 4), np.nan), "pose 0 of 1 must be a finite rigid transform"),
        (np.where(np.eye(4) == 1, np.inf, POSES), "pose 0 of 2"),
        (2 * POSES, "pose 0 of 2"),
    ],
)
def test_impossible_poses_are_refused(kernel: str, poses: Matrix, message: str) -> None:
    with pytest.raises(ProjectionError, match=message) as error:
        EVERY[kernel](CUBE, poses, CAMERA)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kernel", TRILINEAR)
def test_a_source_just_outside_the_box_is_right(kernel: str) -> None:
    close = nominal_pose(StandardView.AP, ORIGIN, 60.0)[None]
    assert error_against_the_fine_reference(TRILINEAR[kernel], CUBE, close, CAMERA) < BOUNDS.get(kernel, 0.01)


@pytest.mark.parametrize("kernel", TRILINEAR)
def test_no_poses_make_no_images(kernel: str) -> None:
    assert tuple(TRILINEAR[kernel](CUBE, POSES[:0], CAMERA).shape) == (0, 1, CAMERA.height, CAMERA.width)
