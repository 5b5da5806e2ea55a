"""Times of the projector's kernels: eight poses a call, dense and segmented. Run with ``pytest benchmarks``.

No time is asserted: compare runs of one machine, interleaved, by pytest-benchmark's own tables.
"""

from typing import Any, cast

import numpy as np
import pytest

from bench.cases.scene import scene_of
from bench.drr import AttenuationMap, project, project_siddon, project_with_jacobian
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose

POSES = 8
CENTRE = np.zeros(3)


def phantom(n: int, *, spine_only: bool) -> AttenuationMap:
    """A 256 mm cube: a noisy body with a bony column, or the column alone, cropped."""
    ramp = (np.arange(n) - (n - 1) / 2) * 256 / n
    x, y, _ = np.meshgrid(ramp, ramp, ramp, indexing="ij")
    column = (x / 22) ** 2 + ((y - 30) / 28) ** 2 < 1
    body = (x / 120) ** 2 + (y / 90) ** 2 < 1
    mu = np.where(column, 0.04, 0.0) if spine_only else np.where(column, 0.04, np.where(body, 0.02, 0.0))
    mu = mu * np.random.default_rng(0).uniform(0.8, 1.2, mu.shape)
    kept = np.flatnonzero(mu.any(axis=(1, 2))), np.flatnonzero(mu.any(axis=(0, 2)))
    low = np.array([kept[0][0], kept[1][0], 0])
    cropped = mu[kept[0][0] : kept[0][-1] + 1, kept[1][0] : kept[1][-1] + 1]
    origin = (low - (n - 1) / 2) * 256 / n
    return AttenuationMap(np.ascontiguousarray(cropped, dtype=np.float32), compose(np.eye(3) * 256 / n, origin))


SDD_MM = cast("float", scene_of("sopi-sim").camera.sdd_mm)


def camera(size: int) -> Camera:
    """A square detector of 204.8 mm."""
    return Camera.centred(sdd_mm=SDD_MM, height=size, width=size, spacing_mm=204.8 / size)


def poses() -> Matrix:
    """AP and lateral by turns, scattered by 10 degrees and 8 mm."""
    rng = np.random.default_rng(1)
    views = [StandardView.AP, StandardView.LATERAL] * (POSES // 2)
    frames = [PoseFrame(nominal_pose(view, CENTRE, 700.0), CENTRE) for view in views]
    return np.stack([frame.pose(np.concatenate(rng.normal(size=(2, 3)) * [[10], [8]])) for frame in frames])


@pytest.mark.parametrize("content", ["dense", "spine"])
@pytest.mark.parametrize(("n", "size"), [(128, 64), (128, 128), (128, 256), (256, 256)])
def test_joseph(benchmark: Any, n: int, size: int, content: str) -> None:
    """Line integrals by Joseph's method, default of ``project``."""
    attenuation = phantom(n, spine_only=content == "spine")
    images = benchmark(project, attenuation, poses(), camera(size), kernel="joseph")
    assert images.shape == (POSES, 1, size, size)


@pytest.mark.parametrize(("n", "size"), [(128, 128), (128, 256), (256, 256)])
def test_jacobian(benchmark: Any, n: int, size: int) -> None:
    """Image and six derivative images."""
    _, derivatives = benchmark(project_with_jacobian, phantom(n, spine_only=False), poses(), camera(size), CENTRE)
    assert derivatives.shape == (POSES, 6, size, size)


def test_siddon(benchmark: Any) -> None:
    """The exact oracle."""
    images = benchmark(project_siddon, phantom(128, spine_only=False), poses(), camera(128))
    assert images.shape == (POSES, 128, 128)
