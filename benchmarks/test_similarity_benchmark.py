"""Times of the similarities on a population, and of one registration. Run with ``pytest benchmarks``.

No time is asserted: compare runs of one machine by pytest-benchmark's own tables.
"""

from typing import Any

import numpy as np
import pytest
import torch

from bench import registry
from bench.cases.scene import scene_of
from bench.contract import Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import PoseFrame, StandardView, nominal_pose
from bench.similarity import similarity
from bench.volume import Volume

POPULATION = 20


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("name", registry.names("similarities"))
def test_similarity(benchmark: Any, name: str, size: int) -> None:
    """One population of renderings against one target."""
    noise = torch.Generator().manual_seed(0)
    images = torch.rand((POPULATION + 1, 1, size, size), generator=noise)
    values = benchmark(similarity(name), images[:1], images[1:])
    assert values.shape == (POPULATION,)


def spine_problem() -> Problem:
    """Seven ellipsoids in a row, seen from the front, 4 degrees and 5 mm from the nominal pose."""
    ramp = np.arange(64) - 31.5
    x, y, z = np.meshgrid(ramp, ramp, ramp, indexing="ij")
    levels = (8 * np.abs((z + 4) / 8 - np.round((z + 4) / 8)) / 3) ** 2
    hu = np.where((x / 9) ** 2 + (y / 7) ** 2 + levels < 1, 400.0 + 40 * np.sin(x * y * z), -1000.0).astype(np.float32)
    affine = np.diag([2.5, 2.5, 2.5, 1.0])
    affine[:3, 3] = -2.5 * 31.5
    volume = Volume(hu, affine, mask=(hu > 0).astype(np.uint8))
    centre = np.zeros(3)
    camera = scene_of("sopi-sim").camera
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre)
    truth = frame.pose([4.0, -4.0, 4.0, 5.0, -5.0, 5.0])
    image = project(AttenuationMap.from_volume(volume), truth[None], camera)[0, 0].numpy()
    search = np.array([24.0, 24.0, 24.0, 36.0, 18.0, 120.0])
    nominal = frame.pose(np.zeros(6))
    return Problem(
        "case", "ellipsoids", "none", volume, (View(camera, image=image),), nominal, nominal, centre, search, 1
    )


@pytest.mark.parametrize("name", ["opt_gc", "opt_lm", "opt_hybrid"])
def test_registration(benchmark: Any, name: str) -> None:
    """One registration, the volume prepared."""
    method, problem = registry.load("methods", name)(), spine_problem()
    prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
    estimate = benchmark.pedantic(method.register, (problem, prepared), rounds=3, warmup_rounds=1)
    assert estimate.pose.shape == (4, 4)
