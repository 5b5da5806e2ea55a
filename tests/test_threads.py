"""What does not depend on how many threads the machine has, to the last bit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import torch

from bench import registry
from bench.contract import Problem, View
from bench.drr import project_features
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose
from bench.learn.descent import Descent
from bench.learn.pose_gradient import PoseChart
from bench.volume import Volume

_numba: Any = numba
MAX = min(2, int(_numba.config.NUMBA_NUM_THREADS))


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads(), _numba.get_num_threads()
    yield
    torch.set_num_threads(before[0])
    _numba.set_num_threads(before[1])


def asked() -> Problem:
    """A lump of bone with a hole, and an X-ray of noise: what is found does not matter."""
    random = np.random.default_rng(5)
    hu = np.full((40, 32, 36), -1000, dtype=np.float32)
    hu[8:32, 6:26, 5:30] = random.uniform(100, 1500, (24, 20, 25))
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    volume = Volume(hu, affine).with_mask(hu > 0)
    centre = volume.content_centre()
    camera = Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre)
    view = View(camera, image=random.uniform(0, 3, (256, 256)).astype(np.float32))
    return Problem(
        case_id="x", patient_id="x", patient_hash="0", volume=volume, views=(view,), start=frame.nominal,
        nominal=frame.nominal, centre=centre, search=np.full(6, 20.0), seed=1,
    )  # fmt: skip


def test_deep_reg_answers_alike_on_one_thread_and_on_two() -> None:
    """Torch splits the sums of its convolutions by threads, unless it is told not to."""
    problem, poses = asked(), list[bytes]()
    method = registry.build("methods", "deep_reg", {"descent": Descent(iterations=6, freeze=False)})
    for of_torch, of_numba in ((1, 1), (2, 1), (1, MAX), (2, MAX)):
        torch.set_num_threads(of_torch)
        _numba.set_num_threads(of_numba)
        prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
        poses.append(np.ascontiguousarray(method.register(problem, prepared).pose).tobytes())
        assert torch.get_num_threads() == of_torch
    assert len(set(poses)) == 1


ANSWER = """
from bench import registry
from bench.learn.descent import Descent
from tests.test_threads import asked
method = registry.build("methods", "deep_reg", {"descent": Descent(iterations=6, freeze=False)})
problem = asked()
prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
print(method.register(problem, prepared).pose.tobytes().hex())
"""


def test_two_runs_of_deep_reg_agree_to_the_bit() -> None:
    """In processes of their own, as two runs are, on machines with one core and with two."""
    found = [
        subprocess.run(
            [sys.executable, "-c", ANSWER],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "2")
    ]
    assert len(set(found)) == 1


@pytest.mark.skipif(MAX < 2, reason="NUMBA_NUM_THREADS is 1: there is no second thread")
def test_projected_features_and_their_gradients_are_the_same_bits_on_two_threads() -> None:
    def bits() -> list[bytes]:
        generator = torch.Generator().manual_seed(1)
        volume = torch.rand(3, 30, 30, 30, generator=generator, requires_grad=True)
        camera = Camera.centred(sdd_mm=1011.7, height=48, width=48, spacing_mm=4.0)
        affine = np.diag([4.0, 4.0, 4.0, 1.0])
        affine[:3, 3] = -58
        pose = nominal_pose(StandardView.AP, np.zeros(3), 700.0)
        chart = PoseChart(np.stack([pose, pose]), np.zeros(3))
        vector = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
        image = project_features(volume, affine, chart.pose(vector), camera)
        (slopes,) = torch.autograd.grad(image.square().sum(), [vector], create_graph=True)
        (by_volume,) = torch.autograd.grad(slopes.square().sum(), [volume])
        return [each.detach().numpy().tobytes() for each in (image, slopes, by_volume)]

    torch.set_num_threads(1)
    found: list[list[bytes]] = []
    for count in (1, 2):
        _numba.set_num_threads(count)
        found.append(bits())
    assert found[0] == found[1]
