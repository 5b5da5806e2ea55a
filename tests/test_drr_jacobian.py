"""Derivative images of the projector against float64 differences of the fine-step reference, every freedom."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from bench.drr import AttenuationMap, ProjectionError, project, project_with_jacobian
from bench.drr.reference import project_reference
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose

CAMERA = Camera.centred(sdd_mm=1011.7, height=14, width=17, spacing_mm=11.0)
CENTRE = np.array([6.0, -11.0, 4.0])
DOF = ("omega_x", "omega_y", "omega_z", "v_x", "v_y", "v_z")
OBLIQUE = (8.0, -25.0, 20.0, 5.0, -4.0, 30.0)


@cache
def smooth_map() -> AttenuationMap:
    """Three Gaussians, wide against a voxel: where the trilinear field has kinks, they are small."""
    n, spacing = 88, 1.5
    ramp = (np.arange(n) - (n - 1) / 2) * spacing
    points = np.stack(np.meshgrid(ramp, ramp, ramp, indexing="ij"), axis=-1)
    mu = np.zeros((n, n, n))
    for centre, sigma, height in (((0, 0, 0), 15.0, 0.02), ((14, -9, 11), 10.0, 0.03), ((-12, 10, -16), 9.0, 0.04)):
        mu += height * np.exp(-((points - np.array(centre)) ** 2).sum(axis=-1) / (2 * sigma**2))
    affine = compose(np.eye(3) * spacing, CENTRE + 3 - spacing * (n - 1) / 2)
    return AttenuationMap(mu.astype(np.float32), affine)


def pose_of(view: StandardView, theta: Any) -> Matrix:
    return PoseFrame(nominal_pose(view, CENTRE, 700.0), CENTRE).pose(theta)


def moved(pose: Matrix, dof: int, amount: float) -> Matrix:
    """The pose after the volume moved by a twist about the centre, camera axes."""
    twist = np.zeros(6)
    twist[dof] = amount
    (x, y, z), centre = twist[:3], pose[:3, :3] @ CENTRE + pose[:3, 3]
    turn = np.asarray(expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])))
    moved_pose: Matrix = compose(turn, centre - turn @ centre + twist[3:]) @ pose
    return moved_pose


def relative_error(image: torch.Tensor, truth: torch.Tensor) -> float:
    return float(np.linalg.norm((image - truth).numpy()) / np.linalg.norm(truth.numpy()))


@pytest.mark.parametrize("view", [StandardView.AP, StandardView.LATERAL])
@pytest.mark.parametrize("theta", [(0.0,) * 6, OBLIQUE], ids=["straight", "oblique"])
def test_derivatives_match_differences(view: StandardView, theta: tuple[float, ...]) -> None:
    pose = pose_of(view, theta)
    _, derivatives = project_with_jacobian(smooth_map(), pose[None], CAMERA, CENTRE)
    for dof, name in enumerate(DOF):
        step = 0.004 if dof < 3 else 0.4
        pair = np.stack([moved(pose, dof, step), moved(pose, dof, -step)])
        ahead, behind = project_reference(smooth_map(), pair, CAMERA, step_voxels=0.33, dtype=torch.float64)[:, 0]
        truth = (ahead - behind) / (2 * step)
        error = relative_error(derivatives[0, dof], truth)
        assert error < 0.03, f"{name}: {error:.4f}"


def test_images_are_those_of_project() -> None:
    poses = np.stack([pose_of(StandardView.AP, OBLIQUE), pose_of(StandardView.LATERAL, OBLIQUE)])
    images, derivatives = project_with_jacobian(smooth_map(), poses, CAMERA, CENTRE)
    assert derivatives.shape == (2, 6, 14, 17)
    torch.testing.assert_close(images, project(smooth_map(), poses, CAMERA), rtol=0, atol=2e-6)


def test_first_order_prediction() -> None:
    """One step along all six at once: the prediction's error falls with the square of the step."""
    pose, twist = pose_of(StandardView.AP, OBLIQUE), np.array([0.01, -0.02, 0.015, 1.0, -1.5, 4.0])
    images, derivatives = project_with_jacobian(smooth_map(), pose[None], CAMERA, CENTRE)
    errors: list[float] = []
    for share in (1.0, 0.5):
        end = pose
        for dof in range(6):
            end = moved(end, dof, share * twist[dof])
        change = project(smooth_map(), end[None], CAMERA)[0, 0] - images[0, 0]
        predicted = torch.einsum("k,khw->hw", torch.tensor(share * twist, dtype=torch.float32), derivatives[0])
        errors.append(relative_error(predicted, change))
    assert errors[1] < 0.7 * errors[0] < 0.1


def test_a_bad_centre_is_refused() -> None:
    pose = pose_of(StandardView.AP, OBLIQUE)[None]
    for centre in ((0.0, 0.0), (0.0, np.nan, 0.0)):
        with pytest.raises(ProjectionError, match="centre"):
            project_with_jacobian(smooth_map(), pose, CAMERA, centre)
