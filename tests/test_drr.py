"""The projector: its kernels against one another, closed forms, golden pixels, orientations and bad input."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.drr import AttenuationError, AttenuationMap, ProjectionError, project, project_siddon
from bench.drr.reference import project_reference
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose
from bench.volume import Volume

DEPTH_MM = 700.0
SMALL = Camera.centred(sdd_mm=1011.7, height=24, width=30, spacing_mm=204.8 / 30)
GOLDEN = Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)
VIEWS = list(StandardView)


def centred_affine(shape: tuple[int, ...], spacing: Any, centre: Any = (0.0, 0.0, 0.0)) -> Matrix:
    linear = np.diag(np.broadcast_to(np.asarray(spacing, dtype=np.float64), 3))
    return compose(linear, np.asarray(centre) - linear @ ((np.array(shape) - 1) / 2))


def world_grid(shape: tuple[int, ...], affine: Matrix) -> NDArray[np.float64]:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    points: NDArray[np.float64] = index @ affine[:3, :3].T + affine[:3, 3]
    return points


def blobs(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """A smooth, lopsided field about the world's origin, per mm; negligible beyond 60 mm."""
    total = np.zeros(points.shape[:-1])
    for centre, sigma, height in (((0, 0, 0), 16.0, 0.02), ((14, -9, 11), 8.0, 0.03), ((-12, 10, -16), 7.0, 0.04)):
        total += height * np.exp(-((points - np.array(centre)) ** 2).sum(axis=-1) / (2 * sigma**2))
    return total.astype(np.float32)


def smooth_map(n: int = 64) -> AttenuationMap:
    affine = centred_affine((n, n, n), 128 / n)
    return AttenuationMap(blobs(world_grid((n, n, n), affine)), affine)


def poses(*thetas: Any, view: StandardView = StandardView.AP, centre: Any = (0.0, 0.0, 0.0)) -> Matrix:
    frame = PoseFrame(nominal_pose(view, centre, DEPTH_MM), np.asarray(centre, dtype=np.float64))
    return frame.pose(np.array(thetas, dtype=np.float64))


def relative_error(image: Any, truth: Any) -> float:
    image, truth = np.asarray(image, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


def pixel_rays(camera: Camera) -> NDArray[np.float64]:
    """Unit directions (H, W, 3) in the camera."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.K).T
    unit: NDArray[np.float64] = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    return unit


OBLIQUE = [(0, 0, 0, 0, 0, 0), (8, -12, 20, 5, -4, 30), (3, 44, -7, 0, 9, -40), (-40, 30, 10, 2, 3, 10)]
# Joseph's own error: bilinear in the slice against trilinear along the ray; it grows towards 45 degrees.
JOSEPH_ERROR = [3e-4, 3e-4, 1.6e-3, 1.6e-3]


@pytest.mark.parametrize("view", VIEWS)
def test_joseph_agrees_with_the_fine_reference(view: StandardView) -> None:
    attenuation, batch = smooth_map(), poses(*OBLIQUE, view=view)
    fine = project_reference(attenuation, batch, SMALL, step_voxels=0.2, dtype=torch.float64)
    for image, truth, bound in zip(
        project(attenuation, batch, SMALL, kernel="joseph"), fine, JOSEPH_ERROR, strict=True
    ):
        assert relative_error(image, truth) < bound


def test_reference_converges_with_its_step() -> None:
    attenuation, batch = smooth_map(32), poses(OBLIQUE[1])
    fine = project_reference(attenuation, batch, SMALL, step_voxels=0.1, dtype=torch.float64)
    coarse, finer = (
        relative_error(project_reference(attenuation, batch, SMALL, step_voxels=step, dtype=torch.float64), fine)
        for step in (1.0, 0.3)
    )
    assert finer < coarse / 4
    assert relative_error(project(attenuation, batch, SMALL, kernel="reference"), fine) < 2e-4


def test_siddon_of_a_box_is_exact() -> None:
    shape, size = (4, 7, 5), np.array([3.0, 2.0, 6.0])
    mu = np.full(shape, 0.03, dtype=np.float32)
    pose = poses((11, -23, 5, 3, -2, 15))
    image = project_siddon(AttenuationMap(mu, centred_affine(shape, size)), pose, SMALL)[0]
    source, rays = -pose[0, :3, :3].T @ pose[0, :3, 3], pixel_rays(SMALL) @ pose[0, :3, :3]
    half = np.array(shape) * size / 2
    first, last = (-half - source) / rays, (half - source) / rays
    chord = np.minimum(first, last).max(axis=-1), np.maximum(first, last).min(axis=-1)
    np.testing.assert_allclose(image, float(mu[0, 0, 0]) * np.maximum(chord[1] - chord[0], 0), atol=1e-12)
    assert (image > 0).any()
    assert (image == 0).any()


def ellipsoid_chords(radii: NDArray[np.float64], pose: Matrix) -> NDArray[np.float64]:
    """Chord lengths (H, W), mm, of the rays of SMALL through an ellipsoid about the world's origin."""
    source, rays = -pose[:3, :3].T @ pose[:3, 3] / radii, pixel_rays(SMALL) @ pose[:3, :3] / radii
    a, b, c = (rays**2).sum(axis=-1), rays @ source, source @ source - 1
    chords: NDArray[np.float64] = 2 * np.sqrt(np.maximum(b**2 - a * c, 0)) / a
    return chords


KERNELS: dict[str, Callable[[AttenuationMap, Matrix], Any]] = {
    "joseph": lambda attenuation, pose: project(attenuation, pose, SMALL, kernel="joseph")[0, 0],
    "reference": lambda attenuation, pose: project(attenuation, pose, SMALL, kernel="reference")[0, 0],
    "siddon": lambda attenuation, pose: project_siddon(attenuation, pose, SMALL)[0],
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("view", VIEWS)
def test_chords_of_an_ellipsoid(kernel: str, view: StandardView) -> None:
    radii, n, parts = np.array([40.0, 25.0, 55.0]), 60, 3
    fine = (n * parts,) * 3
    inside = np.linalg.norm(world_grid(fine, centred_affine(fine, 2.0 / parts)) / radii, axis=-1) < 1
    filled = inside.reshape(n, parts, n, parts, n, parts).mean(axis=(1, 3, 5))
    mu, affine = (0.02 * filled).astype(np.float32), centred_affine((n, n, n), 2.0)
    pose = poses((15, -20, 10, 4, 3, 20), view=view)
    image = KERNELS[kernel](AttenuationMap(mu, affine), pose)
    truth = 0.02 * ellipsoid_chords(radii, pose[0])
    # Near the outline a chord changes by its whole length within a voxel.
    inner = truth > 0.5 * truth.max()
    assert relative_error(np.asarray(image)[inner], truth[inner]) < 0.01
    assert relative_error(image, truth) < 0.03


def ball(offset: Any) -> tuple[AttenuationMap, NDArray[np.float64]]:
    """A small smooth ball at c + offset, and c."""
    centre, shape = np.array([21.0, -13.0, 8.0]), (9, 9, 9)
    affine = centred_affine(shape, 1.0, centre + np.asarray(offset))
    distance = np.linalg.norm(world_grid(shape, affine) - centre - np.asarray(offset), axis=-1)
    return AttenuationMap(np.maximum(0, 3 - distance).astype(np.float32), affine), centre


@pytest.mark.parametrize(
    ("offset", "theta", "pixel"),
    [
        ((10, 0, 0), (0, 0, 0, 0, 0, 0), (145.6032, 127.5)),
        ((0, 0, 10), (0, 0, 0, 0, 0, 0), (127.5, 109.3968)),
        ((30, 20, 50), (10, 20, -5, 3, -4, 25), (186.5637, 27.3254)),
    ],
)
@pytest.mark.parametrize("kernel", ["joseph", "reference"])
def test_golden_pixels(kernel: str, offset: Any, theta: Any, pixel: tuple[float, float]) -> None:
    attenuation, centre = ball(offset)
    image = project(attenuation, poses(theta, centre=centre), GOLDEN, kernel=kernel)[0, 0].numpy().astype(np.float64)
    v, u = np.mgrid[: GOLDEN.height, : GOLDEN.width]
    centroid = (u * image).sum() / image.sum(), (v * image).sum() / image.sum()
    assert centroid == pytest.approx(pixel, abs=0.02)


@pytest.mark.parametrize(
    ("view", "right"),
    [(StandardView.AP, (40, 0, 0)), (StandardView.PA, (-40, 0, 0)), (StandardView.LATERAL, (0, 40, 0))],
)
def test_orientation_of_standard_views(view: StandardView, right: Any) -> None:
    """Head up everywhere; right in the image is the patient's left (AP), right (PA), back (lateral)."""
    for offset, side in ((right, "right"), ((0, 0, 40), "up")):
        attenuation, centre = ball(offset)
        image = project(attenuation, poses((0, 0, 0, 0, 0, 0), view=view, centre=centre), GOLDEN)[0, 0]
        half = image[:, 140:] if side == "right" else image[:116]
        assert half.count_nonzero() == image.count_nonzero() > 0


def test_magnification_grows_towards_the_source() -> None:
    """In AP the source is anterior: what lies in front (-y) casts the larger shadow."""
    areas = [
        (project(m, poses((0,) * 6, centre=c), GOLDEN) > 0).sum() for m, c in (ball((0, -90, 0)), ball((0, 90, 0)))
    ]
    assert areas[0] > 1.2 * areas[1]


def test_thick_slices() -> None:
    shape = (140, 130, 16)
    affine = centred_affine(shape, (0.3, 0.3, 5.0))
    attenuation = AttenuationMap(blobs(world_grid(shape, affine)), affine)
    for view in VIEWS:
        batch = poses(*OBLIQUE[1:3], view=view)
        fine = project_reference(attenuation, batch, SMALL, step_voxels=0.3, dtype=torch.float64)
        assert relative_error(project(attenuation, batch, SMALL), fine) < 1e-3


def test_sheared_grid() -> None:
    """A gantry tilt: slices shifted against one another. The image is that of an upright grid."""
    shape, affine = (64, 64, 64), centred_affine((64, 64, 64), 2.0)
    affine[:3, 2] += affine[:3, :3] @ [0.1, 0.3, 0]
    affine[:3, 3] = -affine[:3, :3] @ [31.5, 31.5, 31.5]
    tilted = AttenuationMap(blobs(world_grid(shape, affine)), affine)
    batch = poses(*OBLIQUE)
    fine = project_reference(tilted, batch, SMALL, step_voxels=0.2, dtype=torch.float64)
    assert relative_error(project(tilted, batch, SMALL), fine) < 1.6e-3
    assert relative_error(project(tilted, batch, SMALL), project(smooth_map(), batch, SMALL)) < 5e-3


def test_any_orientation_of_the_array_gives_the_same_image() -> None:
    upright, batch = smooth_map(40), poses(*OBLIQUE)
    expected, exact = project(upright, batch, SMALL), project_siddon(upright, batch, SMALL)
    for axes, flips in (((1, 2, 0), ()), ((2, 0, 1), (0,)), ((0, 2, 1), (1, 2)), ((2, 1, 0), (0, 1, 2))):
        reorder = np.eye(4)[:, [*axes, 3]]
        for axis in flips:
            reorder[:, 3] += reorder[:, axis] * (upright.shape[axes[axis]] - 1)
            reorder[:, axis] *= -1
        mu = np.ascontiguousarray(np.flip(np.transpose(upright.mu, axes), flips))
        turned = AttenuationMap(mu, upright.affine @ reorder)
        assert relative_error(project(turned, batch, SMALL), expected) < 1e-5
        np.testing.assert_allclose(project_siddon(turned, batch, SMALL), exact, atol=1e-9)


def test_batch_equals_one_by_one() -> None:
    attenuation, batch = smooth_map(32), poses(*OBLIQUE)
    together = project(attenuation, batch, SMALL)
    assert together.shape == (4, 1, 24, 30)
    assert together.dtype == torch.float32
    assert torch.equal(together, torch.cat([project(attenuation, pose[None], SMALL) for pose in batch]))
    assert project(attenuation, batch[:0], SMALL).shape == (0, 1, 24, 30)


def test_line_integrals_do_not_depend_on_the_voxel_size() -> None:
    coarse, batch = smooth_map(32), poses(*OBLIQUE)
    halved = np.ascontiguousarray(coarse.mu.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    fine = AttenuationMap(halved, centred_affine((64, 64, 64), 2.0))
    np.testing.assert_allclose(project_siddon(fine, batch, SMALL), project_siddon(coarse, batch, SMALL), atol=1e-6)
    assert relative_error(project(smooth_map(64), batch, SMALL), project(smooth_map(128), batch, SMALL)) < 5e-3


@pytest.mark.parametrize(("height", "width"), [(1, 30), (24, 1), (1, 1)])
def test_slim_detectors(height: int, width: int) -> None:
    attenuation, batch = smooth_map(32), poses(*OBLIQUE)
    camera = Camera.centred(sdd_mm=1011.7, height=height, width=width, spacing_mm=3.0)
    fine = project_reference(attenuation, batch, camera, step_voxels=0.2, dtype=torch.float64)
    assert relative_error(project(attenuation, batch, camera), fine) < 6e-3
    assert project_siddon(attenuation, batch, camera).shape == (4, height, width)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_single_slice_has_its_thickness(axis: int) -> None:
    shape = tuple(1 if other == axis else 41 for other in range(3))
    spacing = [5.0 if other == axis else 2.0 for other in range(3)]
    attenuation = AttenuationMap(np.full(shape, 0.02, dtype=np.float32), centred_affine(shape, spacing))
    across = {0: StandardView.LATERAL, 1: StandardView.AP}.get(axis, StandardView.AP)
    theta = (90, 0, 0, 0, 0, 0) if axis == 2 else (0,) * 6
    camera = Camera.centred(sdd_mm=1011.7, height=5, width=5, spacing_mm=1.0)
    for image in (
        project(attenuation, poses(theta, view=across), camera)[0, 0],
        project_siddon(attenuation, poses(theta, view=across), camera)[0],
    ):
        np.testing.assert_allclose(image, 0.1, rtol=1e-4)
    edge_on = poses((0, 90, 0, 0, 0, 0) if axis != 2 else (0,) * 6, view=across)
    assert torch.isfinite(project(attenuation, edge_on, camera)).all()


def test_map_of_a_volume_is_masked_and_cropped() -> None:
    rng = np.random.default_rng(0)
    hu = rng.uniform(-200, 900, (30, 28, 26)).astype(np.float32)
    mask = np.zeros(hu.shape, dtype=np.bool_)
    mask[6:20, 3:25, 10:17] = True
    volume = Volume(hu, centred_affine(hu.shape, (3.0, 2.5, 4.0)), mask=mask)
    cropped, whole = AttenuationMap.from_volume(volume), AttenuationMap(volume.mu(), volume.affine)
    assert cropped.shape == (14, 22, 7)
    batch = poses(*OBLIQUE)
    assert relative_error(project(cropped, batch, SMALL), project(whole, batch, SMALL)) < 1e-5
    np.testing.assert_allclose(project_siddon(cropped, batch, SMALL), project_siddon(whole, batch, SMALL), atol=1e-9)


def test_an_empty_volume_casts_no_shadow() -> None:
    air = Volume(np.full((5, 6, 7), -1000, dtype=np.float32), np.eye(4))
    assert project(AttenuationMap.from_volume(air), poses((0,) * 6), SMALL).count_nonzero() == 0


def test_a_volume_behind_or_beside_the_rays_is_not_seen() -> None:
    attenuation = smooth_map(32)
    behind, beside = poses((0, 0, 0, 0, 0, -1400)), poses((0, 0, 0, 900, 0, 0))
    for pose in (behind, beside):
        assert project(attenuation, pose, SMALL).count_nonzero() == 0
        assert project(attenuation, pose, SMALL, kernel="reference").count_nonzero() == 0
        assert not project_siddon(attenuation, pose, SMALL).any()


def test_pickle_keeps_the_image() -> None:
    attenuation, pose = smooth_map(32), poses(OBLIQUE[1])
    image = project(attenuation, pose, SMALL)
    bare = pickle.dumps(attenuation)
    assert len(bare) < 2 * attenuation.mu.nbytes
    assert torch.equal(project(pickle.loads(bare), pose, SMALL), image)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01])
def test_bad_attenuation_is_refused(value: float) -> None:
    mu = np.full((4, 4, 4), 0.02, dtype=np.float32)
    mu[1, 2, 3] = value
    with pytest.raises(AttenuationError, match="mu must"):
        AttenuationMap(mu, np.eye(4))


def test_nan_in_a_volume_is_refused() -> None:
    hu = np.zeros((4, 4, 4), dtype=np.float32)
    hu[0, 0, 0] = np.nan
    with pytest.raises(AttenuationError, match="NaN"):
        AttenuationMap.from_volume(Volume(hu, np.eye(4)))


def test_bad_grids_are_refused() -> None:
    good = np.zeros((4, 4, 4), dtype=np.float32)
    with pytest.raises(AttenuationError, match="affine"):
        AttenuationMap(good, np.diag([1.0, 0.0, 1.0, 1.0]))
    with pytest.raises(AttenuationError, match="axes"):
        AttenuationMap(good[0], np.eye(4))
    with pytest.raises(AttenuationError, match="C-contiguous"):
        AttenuationMap(good.astype(np.float64), np.eye(4))  # pyright: ignore[reportArgumentType]


SHEAR = np.array([[1.0, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 700], [0, 0, 0, 1]])


@pytest.mark.parametrize("kernel", ["joseph", "reference"])
@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.eye(4), "shape"),
        (np.full((1, 4, 4), np.nan), "pose 0 of 1"),
        (np.stack([nominal_pose(StandardView.AP, (0, 0, 0), DEPTH_MM), SHEAR]), "pose 1 of 2"),
        (nominal_pose(StandardView.AP, (0, 0, 0), 10.0)[None], "inside the volume's box"),
    ],
)
def test_bad_poses_are_refused(batch: Matrix, message: str, kernel: str) -> None:
    with pytest.raises(ProjectionError, match=message):
        project(smooth_map(16), batch, SMALL, kernel=kernel)
    with pytest.raises(ProjectionError, match=message):
        project_siddon(smooth_map(16), batch, SMALL)


def test_an_unknown_kernel_is_named() -> None:
    with pytest.raises(ProjectionError, match="joseph"):
        project(smooth_map(16), poses((0,) * 6), SMALL, kernel="jospeh")


def test_a_very_wide_cone_is_right() -> None:
    attenuation = smooth_map(32)
    camera = Camera.centred(sdd_mm=100.0, height=24, width=24, spacing_mm=40.0)
    pose = nominal_pose(StandardView.AP, (0, 0, 0), 75.0)[None]
    fine = project_reference(attenuation, pose, camera, step_voxels=0.2, dtype=torch.float64)
    assert relative_error(project(attenuation, pose, camera), fine) < 5e-3


def test_imports_without_the_heavy_libraries() -> None:
    blocked = ("SimpleITK", "pydantic", "tyro", "cmaes", "mahotas", "plotly", "pandas")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import bench.drr"
    subprocess.run([sys.executable, "-c", code], check=True)
