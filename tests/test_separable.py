"""The separable projector against the fine reference, Joseph's method and finite differences."""

from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from bench.drr import AttenuationMap, ProjectionError, project, project_with_jacobian
from bench.drr.joseph import project_joseph
from bench.drr.rays import trace_rays
from bench.drr.separable import project_separable, slicing_axes
from bench.drr.shear_warp import resample_row
from bench.geometry import Camera, Matrix
from bench.geometry.pose import PoseFrame, StandardView, nominal_pose

FRAME = PoseFrame(nominal_pose(StandardView.AP, np.zeros(3), 700.0), np.zeros(3))
LATERAL = PoseFrame(nominal_pose(StandardView.LATERAL, np.zeros(3), 700.0), np.zeros(3))


def spine(shape: tuple[int, int, int], spacing: tuple[float, float, float], *, sigma: float = 1.0) -> AttenuationMap:
    """A soft body with a row of dense, textured blobs; `sigma` voxels of smoothing."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    mu = 0.02 * ((x / 0.8) ** 2 + (y / 0.6) ** 2 + z**8 < 1)
    for level in range(-3, 4):
        mu = mu + 0.02 * ((x / 0.18) ** 2 + ((y - 0.2) / 0.15) ** 2 + ((z - 0.28 * level) / 0.11) ** 2 < 1)
    texture = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=shape), 1.5)
    smooth = ndimage.gaussian_filter(mu * (1 + 0.3 * texture), sigma)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(shape) - 1) / 2
    return AttenuationMap(np.ascontiguousarray(smooth, dtype=np.float32), affine)


def camera(edge: int) -> Camera:
    return Camera.centred(sdd_mm=1011.7, height=edge, width=edge, spacing_mm=204.8 / edge)


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 20, 5), (0, 46, -5), (30, 10, 3)])
@pytest.mark.parametrize("frame", [FRAME, LATERAL], ids=["ap", "lateral"])
def test_close_to_the_fine_reference(angles: tuple[int, int, int], frame: PoseFrame) -> None:
    volume = spine((96, 96, 96), (2.5, 2.5, 2.5))
    pose = frame.pose([[*angles, 4.0, -6.0, 12.0]])
    fine = project(volume, pose, camera(64), kernel="reference").numpy()
    found = project(volume, pose, camera(64), kernel="separable").numpy()
    assert relative(found, fine) < 1.5e-3


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((40, 61, 300), (4.0, 3.0, 0.8)),
        ((300, 40, 50), (0.7, 5.0, 4.0)),
        ((64, 64, 30), (0.8, 0.8, 5.0)),
        ((5, 4, 3), (9.0, 9.0, 9.0)),
    ],
)
@pytest.mark.parametrize("angle", [0, 44])
def test_any_size_and_angle(shape: tuple[int, int, int], spacing: tuple[float, float, float], angle: int) -> None:
    volume = spine(shape, spacing)
    poses = FRAME.pose(
        np.array([[angle, 0, 10, 0, 0, 0], [0, angle, 0, 5, 5, 50], [angle / 2, -angle, 0, -30, 20, -50]])
    )
    found, wanted = project_separable(volume, poses, camera(96)), project_joseph(volume, poses, camera(96))
    assert np.isfinite(found).all()
    # A handful of voxels is all kinks, which the cubic warp rounds off.
    assert relative(found, wanted) < (8e-3 if min(shape) > 20 else 0.03)


def test_a_population_of_many_axes_is_rendered_as_each_alone() -> None:
    volume = spine((48, 48, 48), (4.0, 4.0, 4.0))
    poses = np.concatenate([FRAME.pose([[0, angle, 0, 0, 0, 0]]) for angle in (0, 44, 46, 90, 180)])
    axes = slicing_axes(trace_rays(volume, poses, camera(48)), camera(48), volume.shape)
    assert len(np.unique(axes)) > 1
    together = project_separable(volume, poses, camera(48))
    for index, pose in enumerate(poses):
        np.testing.assert_allclose(together[index], project_separable(volume, pose[None], camera(48))[0], atol=1e-5)


def test_empty_space_costs_nothing_of_the_image() -> None:
    dense = spine((64, 64, 64), (3.0, 3.0, 3.0))
    bone = np.where(dense.mu > 0.025, dense.mu, np.float32(0))
    spans = AttenuationMap(bone, dense.affine).packed(1).spans
    assert (spans[..., 0] == spans[..., 1]).mean() > 0.5
    pose = FRAME.pose([[3, 8, -4, 2, 3, 4]])
    # A faint floor leaves no empty row; on 16 bits it is far below one per cent.
    floor = np.float32(2 * bone.max() / 65535)
    full = project_separable(AttenuationMap(bone + floor, dense.affine), pose, camera(64))
    only_floor = project_separable(AttenuationMap(np.full_like(bone, floor), dense.affine), pose, camera(64))
    sparse = project_separable(AttenuationMap(bone, dense.affine), pose, camera(64))
    np.testing.assert_allclose(full - only_floor, sparse, atol=3e-3 * sparse.max())


def test_a_cone_too_oblique_is_left_to_joseph() -> None:
    volume = spine((32, 32, 32), (4.0, 4.0, 4.0))
    wide = Camera.centred(sdd_mm=300.0, height=40, width=40, spacing_mm=40.0)
    pose = PoseFrame(nominal_pose(StandardView.AP, np.zeros(3), 200.0), np.zeros(3)).pose([[0, 0, 0, 0, 0, 0]])
    assert slicing_axes(trace_rays(volume, pose, wide), wide, volume.shape).tolist() == [-1]
    np.testing.assert_array_equal(project_separable(volume, pose, wide), project_joseph(volume, pose, wide))


def _differences(volume: AttenuationMap, pose: Matrix, step: tuple[float, ...]) -> np.ndarray:
    """Central differences of the fine reference by the six twists about the world's origin."""
    centre = pose[0, :3, 3]
    images: list[np.ndarray] = []
    for index, sign in product(range(6), (1, -1)):
        moved = np.eye(4)
        if index < 3:
            angle = sign * step[index]
            others = [axis for axis in range(3) if axis != index]
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            moved[np.ix_(others, others)] = turn if index != 1 else turn.T
            moved[:3, 3] = centre - moved[:3, :3] @ centre
        else:
            moved[index - 3, 3] = sign * step[index]
        images.append(project(volume, (moved @ pose[0])[None], camera(48), kernel="reference").numpy()[0, 0])
    pairs = np.array(images).reshape(6, 2, 48, 48)
    return np.asarray((pairs[:, 0] - pairs[:, 1]) / (2 * np.array(step)[:, None, None]))


@pytest.mark.parametrize("frame", [FRAME, LATERAL], ids=["ap", "lateral"])
# Straight views are the worst case: the kinks of linear interpolation stand in line in all slices.
@pytest.mark.parametrize(("angles", "most"), [((0, 0, 0), 0.18), ((10, 30, 5), 0.02)])
def test_derivatives_of_a_smooth_volume(frame: PoseFrame, angles: tuple[int, int, int], most: float) -> None:
    volume = spine((64, 64, 64), (3.5, 3.5, 3.5), sigma=2.5)
    pose = frame.pose([[*angles, 3.0, -5.0, 10.0]])
    _, found = project_with_jacobian(volume, pose, camera(48), np.zeros(3), kernel="separable")
    wanted = _differences(volume, pose, (2e-3, 2e-3, 2e-3, 0.3, 0.3, 0.3))
    for index in range(6):
        assert relative(found[0, index].numpy(), wanted[index]) < most, index


def test_only_kernels_with_derivatives_give_them() -> None:
    volume = spine((8, 8, 8), (9.0, 9.0, 9.0))
    with pytest.raises(ProjectionError, match="reference"):
        project_with_jacobian(volume, FRAME.pose([[0.0] * 6]), camera(8), np.zeros(3), kernel="reference")


@pytest.mark.parametrize("span", [(500, 600), (20, 30), (0, 3), (2, 200)])
def test_content_beyond_the_plane_is_an_empty_range_within_it(span: tuple[int, int]) -> None:
    """What lies beyond is blended over this range: one outside of the arrays was written to the memory behind them."""
    out = np.zeros(10, dtype=np.float32)
    words = np.zeros(1000, dtype=np.uint32)
    low, high = resample_row(words, np.uint64(0), 4.0, 1.0, np.array(span, dtype=np.int32), out)
    assert 0 <= low <= high <= out.size
