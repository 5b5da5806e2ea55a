"""A bone that moves within a body that does not: the CT split in two, and the bone's pose before the body's rendering.

Bone takes the place of soft tissue. What moves is its attenuation beyond that of the tissue round it; what stays is the
CT with that tissue in the bone's place. The line integrals of both add up to those of the CT.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bench.contract import Problem
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix, rotation_angle_deg, transform_points
from bench.register.least_squares import LeastSquares, LeastSquaresLevel
from bench.register.pyramid import LevelView, evened
from bench.register.residuals import Pixels
from bench.register.search import Prepared
from bench.volume import FloatGrid, Volume

# Reach of the tissue that fills the bone's place, and what counts as soft there.
_NEAR_MM = 10.0
_SOFT_HU = 150.0
_ON_GRID = 1e-3
# Standard deviation of a bone's depth before a body that it has left, on validation phantoms.
_DEPTH_MM = 1.7


@dataclass(frozen=True, slots=True, eq=False)
class BoneAndBody:
    """A CT in two parts, whose attenuations add up to the CT's.

    Attributes:
        bone: Of the moving content, beyond that of the tissue round it; ready for least squares.
        body: The rest.
    """

    bone: Prepared
    body: AttenuationMap


_REFINING = LeastSquares(
    levels=(
        LeastSquaresLevel(size=64, iterations=8, window=9, tolerance=0.002),
        LeastSquaresLevel(size=128, iterations=8, window=5, tolerance=0.0005),
    )
)


def split(shown: Volume, moving: Volume, voxel_mm: float) -> BoneAndBody | None:
    """The CT in two parts; None where the moving content has no mask or does not lie on the CT's grid.

    Args:
        shown: The CT, masked to what the X-ray shows.
        moving: The part of it whose mask marks the bone.
        voxel_mm: Voxels are merged up to this edge.
    """
    place = np.linalg.inv(shown.affine) @ moving.affine
    low = np.rint(place[:3, 3]).astype(int)
    fits = (low >= 0).all() and (low + moving.shape <= np.array(shown.shape)).all()
    if moving.mask is None or not fits or np.abs(place - np.eye(4) - _shift(low)).max() > _ON_GRID:
        return None
    mu = shown.mu()
    part = tuple(slice(first, first + size) for first, size in zip(low, moving.shape, strict=True))
    beyond = np.where(moving.mask, np.maximum(mu[part] - _tissue(mu[part], moving), np.float32(0)), np.float32(0))
    mu[part] -= beyond
    bone = evened(AttenuationMap(np.ascontiguousarray(beyond, dtype=np.float32), moving.affine), voxel_mm)
    body = evened(AttenuationMap(np.ascontiguousarray(np.maximum(mu, 0)), shown.affine), voxel_mm)
    return BoneAndBody(Prepared({1: bone}, moving.content_corners()), body)


@dataclass(frozen=True, slots=True, eq=False)
class BonePose:
    """Where the bone lies before the body.

    Attributes:
        pose: rig_from_world of the bone, 4x4, mm; the body's where the bone has not moved.
        gain: By which share coarse windows cost less where fine ones fit best than where the bone lies in the CT.
        rendered: Images.
    """

    pose: Matrix
    gain: float
    rendered: int


def bone_pose(problem: Problem, parts: BoneAndBody, body_pose: Matrix, least_gain: float) -> BonePose:
    """The bone's pose, sought from the body's, before the body rendered there.

    In one view the depth of bone before a body is uncertain (``_DEPTH_MM``), and the body's differs from it by as much
    as the bone has moved, which the five other parameters tell, degrees counted as mm: the answer's is a weighted mean.

    Args:
        problem: With images.
        parts: The CT in two parts.
        body_pose: rig_from_world of the body, 4x4, mm.
        least_gain: What a gain must exceed for the bone to be held to have moved.
    """

    def background(view: LevelView) -> Pixels:
        pose = (view.camera_from_rig @ body_pose)[None]
        return np.asarray(project(parts.body, pose, view.camera).numpy()[0], dtype=np.float32)

    theta = problem.frame.parameters
    found = _REFINING.refine(problem, parts.bone, theta(body_pose)[None], background=background)
    # Of coarse windows at the optimum of fine ones: at their own optimum their noise, too, would be a gain.
    both = np.stack([theta(body_pose), theta(found.pose)])
    costs = _REFINING.costs(problem, parts.bone, both, background=background)
    gain, rendered = float(costs[0] / costs[1] - 1), found.drr_evaluations + 5 * len(problem.views)
    if not gain > least_gain:
        return BonePose(body_pose, gain, rendered)
    pose = found.pose if len(problem.views) > 1 else _between_depths(problem, found.pose, body_pose)
    return BonePose(pose, gain, rendered)


def _between_depths(problem: Problem, bone: Matrix, body: Matrix) -> Matrix:
    """The bone's pose, its centre moved along its ray to a depth between both."""
    camera_from_rig = problem.views[0].camera_from_rig
    seen, other = (transform_points(camera_from_rig @ pose, problem.centre) for pose in (bone, body))
    turned = rotation_angle_deg(bone, body)
    motion = float(turned**2 + ((seen - other)[:2] ** 2).sum()) / 5
    share = _DEPTH_MM**2 / (_DEPTH_MM**2 + motion)
    moved = np.eye(4)
    moved[:3, 3] = seen * share * (other[2] / seen[2] - 1)
    return np.asarray(np.linalg.inv(camera_from_rig) @ moved @ camera_from_rig @ bone, dtype=np.float64)


def _shift(low: np.ndarray[tuple[int], np.dtype[np.int_]]) -> Matrix:
    moved: Matrix = np.zeros((4, 4))
    moved[:3, 3] = low
    return moved


def _tissue(mu: FloatGrid, moving: Volume) -> FloatGrid:
    """Attenuation of soft tissue near every voxel: a mean by distance over what is neither bone nor at its rim."""
    assert moving.mask is not None
    dense = mu >= moving.attenuation(np.full(1, _SOFT_HU, dtype=np.float32))
    soft = np.where(ndimage.binary_dilation(moving.mask) | dense, np.float32(0), np.float32(1))
    reach = _NEAR_MM / moving.spacing_mm
    near = ndimage.gaussian_filter(soft, reach)
    mean = ndimage.gaussian_filter(mu * soft, reach) / np.maximum(near, np.float32(1e-3))
    return np.asarray(mean, dtype=np.float32)
