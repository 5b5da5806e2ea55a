"""The geodesic gradient, the loss on directions, and the descent that follows a learnt distance."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.contract import Outcome
from bench.drr import AttenuationMap, ProjectionError, project, project_differentiable
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, nominal_pose, rotation_angle_deg
from bench.learn import WeightsError
from bench.learn.descent import Descent, Distance, descend
from bench.learn.distance import LearntDistance, scaled, small
from bench.learn.pose_gradient import PoseChart, direction_losses, lengths

CENTRE = np.array([6.0, -11.0, 4.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
CAMERA = Camera.centred(sdd_mm=1011.7, height=32, width=32, spacing_mm=5.0)
RANDOM = np.random.default_rng(4)
BASE, WANTED = (FRAME.pose(RANDOM.normal(size=(3, 6)) * 7) for _ in range(2))
VECTOR = RANDOM.normal(size=(3, 6)) * [0.2, 0.2, 0.2, 5, 5, 5]


def squared_distance(chart: PoseChart, vector: Matrix) -> Matrix:
    here = chart.pose(torch.as_tensor(vector)).numpy()
    left = PoseChart(here, chart.centre, chart.depth_scale).vector(WANTED)
    return np.asarray((left**2).sum(axis=1))


@pytest.mark.parametrize("vector", [VECTOR, np.zeros((3, 6))], ids=["away", "at the base"])
@pytest.mark.parametrize("depth_scale", [1.0, 4.0])
def test_geodesic_gradient_is_that_of_the_squared_distance(vector: Matrix, depth_scale: float) -> None:
    chart = PoseChart(BASE, CENTRE, depth_scale)
    found, step = chart.geodesic_gradient(vector, WANTED), 1e-5
    for axis in range(6):
        beside = np.zeros((3, 6))
        beside[:, axis] = step
        slope = (squared_distance(chart, vector + beside) - squared_distance(chart, vector - beside)) / (2 * step)
        np.testing.assert_allclose(found[:, axis], slope, atol=1e-6)


def test_vector_undoes_pose() -> None:
    chart = PoseChart(BASE, CENTRE, 4.0)
    np.testing.assert_allclose(chart.vector(chart.pose(torch.as_tensor(VECTOR)).numpy()), VECTOR, atol=1e-12)
    np.testing.assert_allclose(chart.pose(torch.zeros(3, 6)).numpy(), BASE, atol=1e-12)


def test_direction_losses_ignore_lengths_and_reach_four() -> None:
    wanted = torch.as_tensor(VECTOR)
    same, opposite = direction_losses(3 * wanted, wanted), direction_losses(-wanted, wanted)
    torch.testing.assert_close(torch.stack(same), torch.zeros(2, 3, dtype=torch.float64), atol=1e-8, rtol=0)
    torch.testing.assert_close(torch.stack(opposite), torch.full((2, 3), 4.0, dtype=torch.float64))


def blobs() -> AttenuationMap:
    grid = np.indices((24, 24, 24)).astype(np.float32)
    mu = np.zeros((24, 24, 24), dtype=np.float32)
    random = np.random.default_rng(0)
    for _ in range(9):
        centre = random.uniform(5, 19, 3)[:, None, None, None]
        mu += 0.03 * np.exp(-((grid - centre) ** 2).sum(0) / 6).astype(np.float32)
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = CENTRE - 57.5
    return AttenuationMap(mu, affine)


def squares(truth: Matrix) -> tuple[AttenuationMap, Tensor]:
    volume = blobs()
    return volume, project(volume, truth[None], CAMERA)


def way_per_gradient(distance: Distance, start: Matrix, truth: Matrix) -> Matrix:
    """What training measures, at one pose."""
    chart = PoseChart(start[None], CENTRE, 4.0)
    vector = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(distance(chart.pose(vector)), [vector])
    way = torch.as_tensor(chart.vector(truth[None]))
    return (lengths(way) / lengths(slope))[0].numpy()


@pytest.mark.parametrize("freeze", [True, False])
def test_descends_on_plain_images_to_the_truth(freeze: bool) -> None:
    """Sign and scale of everything but the network."""
    truth, start = FRAME.pose([2.0, -3, 4, 3, -2, 8]), FRAME.pose([4.0, -1, 2, 0, 1, 2])
    volume, fixed = squares(truth)

    def distance(poses: Tensor) -> Tensor:
        return (project_differentiable(volume, poses, CAMERA) - fixed).square().mean()

    chart = PoseChart(start[None], CENTRE, 4.0)
    gain = way_per_gradient(distance, start, truth)
    found = descend(distance, chart, gain, Descent(freeze=freeze, iterations=120, joint=80))
    assert rotation_angle_deg(start, truth) > 3
    assert rotation_angle_deg(found.pose, truth) < 1.0
    shift = (found.pose - truth)[:3, :3] @ CENTRE + (found.pose - truth)[:3, 3]
    assert np.hypot(shift[0], shift[1]) < 0.5
    assert (found.frozen is not None) == freeze
    assert found.distances[0] > 10 * min(found.distances)


def test_a_frozen_rotation_stays() -> None:
    truth, start = FRAME.pose([2.0, -3, 4, 3, -2, 8]), FRAME.pose(np.zeros(6))
    volume, fixed = squares(truth)
    seen = list[Matrix]()

    def distance(poses: Tensor) -> Tensor:
        seen.append(poses.detach().numpy()[0].copy())
        return (project_differentiable(volume, poses, CAMERA) - fixed).square().mean()

    settings = Descent(joint=5, iterations=12, ended=1e-9)
    gain = way_per_gradient(distance, start, truth)
    seen.clear()
    found = descend(distance, PoseChart(start[None], CENTRE, 4.0), gain, settings)
    assert found.frozen == 5
    turned = [rotation_angle_deg(pose, seen[6]) for pose in seen[6:]]
    assert max(turned) < 1e-6 < rotation_angle_deg(seen[0], seen[4])
    assert found.outcome is Outcome.BUDGET


def test_a_descent_that_loses_the_volume_says_diverged_and_keeps_its_best() -> None:
    calls = [0]

    def distance(poses: Tensor) -> Tensor:
        calls[0] += 1
        if calls[0] == 4:
            raise ProjectionError("the source is inside the volume")
        return 5.0 - calls[0] + 0 * poses.sum()

    found = descend(distance, PoseChart(BASE[:1], CENTRE), np.ones(2), Descent())
    assert found.outcome is Outcome.DIVERGED
    assert found.distances == (4.0, 3.0, 2.0)


def test_a_limit_in_seconds_says_so() -> None:
    found = descend(lambda poses: poses.sum(), PoseChart(BASE[:1], CENTRE), np.ones(2), Descent(seconds=1e-9))
    assert found.outcome is Outcome.SECONDS
    assert len(found.distances) == 1


def test_bad_descents_and_images_are_refused() -> None:
    with pytest.raises(WeightsError, match="momentum"):
        Descent(momentum=1.0)
    with pytest.raises(WeightsError, match="empty"):
        scaled(torch.zeros(1, 1, 4, 4))
    with pytest.raises(WeightsError, match="multiple of 32"):
        small(torch.ones(1, 1, 48, 48), 32)


def test_a_calibrated_step_is_the_mean_way_per_gradient() -> None:
    network = LearntDistance(nn.Conv2d(1, 1, 1), None)
    for slope, way in ((2.0, 1.0), (0.5, 1.0)):
        network.calibrate(torch.full((3, 2), slope), torch.full((3, 2), way))
    np.testing.assert_allclose(network.gains(), [1.0, 1.0], rtol=1e-5)
    assert sum(each.numel() for each in network.parameters()) == 2
