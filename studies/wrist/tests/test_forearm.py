"""Invented surroundings of a radius: round it, not in it; the same for the same seed."""

import numpy as np
import pytest
import torch

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, StandardView, nominal_pose
from studies.wrist.forearm import Forearms, continued, surroundings

CAMERA = Camera.centred(sdd_mm=1500.0, height=48, width=48, spacing_mm=4.0)


@pytest.fixture(scope="module")
def radius() -> AttenuationMap:
    i, j, k = np.indices((24, 20, 40))
    size = np.where(k < 10, 9.0, 5.0)
    mu = np.where(((i - 11.5) ** 2 + (j - 9.5) ** 2) < size**2, 0.05, 0.0).astype(np.float32)
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    return AttenuationMap(np.ascontiguousarray(mu), affine)


def test_surroundings_leave_the_radius_free_and_differ_by_seed(radius: AttenuationMap) -> None:
    first, second = (surroundings(radius, np.random.default_rng(seed)) for seed in (1, 2))
    again = surroundings(radius, np.random.default_rng(1))
    np.testing.assert_array_equal(first.mu, again.mu)
    assert np.abs(first.mu - second.mu).max() > 0.01
    middle = np.linalg.inv(first.affine) @ (radius.affine @ [11.5, 9.5, 20.0, 1.0])
    i, j, k = np.round(middle[:3]).astype(int)
    assert first.mu[i, j, k] == 0
    assert first.mu.max() > 0.01


def test_the_shaft_goes_on_where_the_ct_ends(radius: AttenuationMap) -> None:
    shaft = continued(radius)
    held = np.argwhere(shaft.mu > 0.01) @ shaft.affine[:3, :3].T + shaft.affine[:3, 3]
    assert held[:, 2].min() > 39 * 2.0  # beyond the narrow end, which is the elbow's
    np.testing.assert_allclose(held[:, :2].mean(axis=0), [11.5 * 1.5, 9.5 * 1.5], atol=0.8)


def test_xrays_are_the_radius_alone_for_the_share_that_is_without(radius: AttenuationMap) -> None:
    centre = (radius.affine @ [11.5, 9.5, 19.5, 1.0])[:3]
    poses = np.repeat(nominal_pose(StandardView.AP, centre, 1000.0)[None], 2, axis=0)
    images = project(radius, poses, CAMERA)
    plain = Forearms(count=2, bone=(1.0, 1.0), blur_px=(1e-3, 1e-3), grain=(0.0, 0.0), without=1.0)
    alone = plain.xrays(images, radius, poses, CAMERA, np.random.default_rng(0))
    torch.testing.assert_close(alone, images)
    mixed = Forearms(count=2, without=0.0).xrays(images, radius, poses, CAMERA, np.random.default_rng(0))
    assert mixed.shape == images.shape
    assert float((mixed > 0.02).float().mean()) > 1.5 * float((images > 0.02).float().mean())
    same = Forearms(count=2, without=0.0).xrays(images, radius, poses, CAMERA, np.random.default_rng(0))
    torch.testing.assert_close(mixed, same)
