"""Calibration by fiducials: the camera and its pose from 3D points and the pixels they are seen at.

Unknown intrinsics: the direct linear transform over minimal sets of six points (Hartley and Zisserman, 2nd edition,
algorithm 7.1, with normalisation), the set that most points agree with (RANSAC), and a refinement of focal lengths,
principal point and pose by least squares over those points. Known intrinsics: OpenCV's RANSAC and SQPnP, then the pose
alone is refined. Pixels have no skew; distortion must have been removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial.transform import Rotation

from bench.geometry.camera import Camera
from bench.geometry.converters.projection import decompose, upper_times_rotation
from bench.geometry.converters.view import ConversionError
from bench.geometry.opencv import in_a_plane, pose_candidates, robust_pose
from bench.geometry.rigid import Matrix, compose, transform_points

MIN_POINTS = 6
"""Point pairs that determine camera and pose."""

MIN_POINTS_KNOWN_CAMERA = 4
"""Point pairs that determine the pose of a known camera without ambiguity."""

Chosen: TypeAlias = NDArray[np.bool_]

_TRIALS = 600
_ROUNDS = 3
_FOCAL = 6
_LINE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Resection:
    """A calibration and how well it fits.

    Attributes:
        camera: Intrinsics.
        camera_from_world: 4x4, mm; "world" is that of the points.
        residuals_px: (n,) distances between measured and projected pixels, all points.
        inliers: (n,) bool: the points that the calibration rests on.
        focal_sd: Standard deviation of the focal length by the inliers' residuals, as a share of it; 0 where K was
            stated. Fiducials that span little depth leave it open.
    """

    camera: Camera
    camera_from_world: Matrix
    residuals_px: Matrix
    inliers: Chosen
    focal_sd: float

    @property
    def rms_px(self) -> float:
        """Root mean square residual of the inliers, pixels."""
        return float(np.sqrt(np.mean(self.residuals_px[self.inliers] ** 2)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fiducials:
    """Points and their pixels.

    Attributes:
        points: (n, 3), mm.
        pixels: (n, 2), (column, row).
        height: Rows of the image.
        width: Columns.
        sdd_mm: Source to detector, where it is known.
        K: Intrinsics (3x3, pixels), where they are known.
    """

    points: Matrix
    pixels: Matrix
    height: int
    width: int
    sdd_mm: float | None = None
    K: Matrix | None = None

    def __post_init__(self) -> None:
        count = len(self.points)
        if self.points.shape != (count, 3) or self.pixels.shape != (count, 2):
            raise ConversionError(
                "every fiducial needs a point (x, y, z) and a pixel (column, row); got shapes "
                f"{self.points.shape} and {self.pixels.shape}"
            )
        if not (np.isfinite(self.points).all() and np.isfinite(self.pixels).all()):
            raise ConversionError("fiducials must be finite numbers; got NaN or infinity")
        needed, what = (
            (MIN_POINTS, "a camera and its pose")
            if self.K is None
            else (MIN_POINTS_KNOWN_CAMERA, "the pose of a known camera")
        )
        if count < needed:
            raise ConversionError(f"{what} needs at least {needed} fiducials; got {count}: add some")
        _require_spread(self.points, known_camera=self.K is not None)


def resect(fiducials: Fiducials, *, threshold_px: float = 3.0) -> Resection:
    """Camera and pose of a set of fiducials.

    Args:
        fiducials: Wrong ones are left out as long as more than half agree.
        threshold_px: Reprojection error up to which a fiducial counts as right.

    Raises:
        ConversionError: Fewer than half of the fiducials, or too few, agree with one camera; or they are seen from
            behind the source, as in a mirrored image.
    """
    if not threshold_px > 0:
        raise ConversionError(f"threshold_px must be positive; got {threshold_px}")
    camera, pose, inliers = _linear(fiducials, threshold_px) if fiducials.K is None else _known(fiducials, threshold_px)
    for _ in range(_ROUNDS):
        camera, pose, _ = _refined(fiducials, camera, pose, inliers)
        again = np.asarray(_residuals(fiducials, camera, pose) <= threshold_px)
        if np.array_equal(again, inliers) or not _enough(fiducials, again):
            break
        inliers = again
    camera, pose, focal_sd = _refined(fiducials, camera, pose, inliers)
    depths = transform_points(pose, fiducials.points[inliers])[:, 2]
    if not (depths > 0).all():
        raise ConversionError(_behind(int((depths <= 0).sum()), len(depths)))
    return Resection(camera, pose, _residuals(fiducials, camera, pose), inliers, focal_sd)


def _linear(fiducials: Fiducials, threshold_px: float) -> tuple[Camera, Matrix, Chosen]:
    best, most, least = np.full(len(fiducials.points), np.inf), 0, np.inf
    for chosen in _samples(len(fiducials.points), MIN_POINTS):
        trial = _direct_linear_transform(fiducials.points[chosen], fiducials.pixels[chosen])
        errors = _matrix_errors(trial, fiducials)
        count, total = int((errors <= threshold_px).sum()), float(np.minimum(errors, threshold_px).sum())
        if (count, -total) > (most, -least):
            best, most, least = errors, count, total
    inliers = np.asarray(best <= threshold_px)
    _require_agreement(fiducials, inliers, threshold_px)
    P = _direct_linear_transform(fiducials.points[inliers], fiducials.pixels[inliers])
    K, rotation, translation = _camera_parts(P)
    pose = compose(rotation, translation)
    depths = transform_points(pose, fiducials.points[inliers])[:, 2]
    if (depths <= 0).any():
        raise ConversionError(_behind(int((depths <= 0).sum()), len(depths)))
    return Camera(K, fiducials.height, fiducials.width, fiducials.sdd_mm), pose, inliers


def _known(fiducials: Fiducials, threshold_px: float) -> tuple[Camera, Matrix, Chosen]:
    camera = Camera(np.asarray(fiducials.K), fiducials.height, fiducials.width, fiducials.sdd_mm)
    inliers = np.zeros(len(fiducials.points), dtype=bool)
    inliers[robust_pose(fiducials.points, fiducials.pixels, camera, threshold_px=threshold_px)] = True
    _require_agreement(fiducials, inliers, threshold_px)
    candidates = pose_candidates(fiducials.points[inliers], fiducials.pixels[inliers], camera)
    refined = [_refined(fiducials, camera, each, inliers)[1] for each in candidates]
    before = [pose for pose in refined if (transform_points(pose, fiducials.points[inliers])[:, 2] > 0).all()]
    if not before:
        raise ConversionError(_behind(int(inliers.sum()), int(inliers.sum())))
    return camera, min(before, key=lambda pose: float(_residuals(fiducials, camera, pose)[inliers].sum())), inliers


def _enough(fiducials: Fiducials, inliers: Chosen) -> bool:
    needed = MIN_POINTS if fiducials.K is None else MIN_POINTS_KNOWN_CAMERA
    return int(inliers.sum()) >= max(needed, (len(inliers) + 1) // 2)


def _require_agreement(fiducials: Fiducials, inliers: Chosen, threshold_px: float) -> None:
    if not _enough(fiducials, inliers):
        raise ConversionError(
            f"only {int(inliers.sum())} of {len(inliers)} fiducials agree with one camera within {threshold_px:g} "
            "pixels; expected at least half of them: check the order of points and pixels, whether the image is "
            "mirrored, and threshold_px"
        )
    _require_spread(fiducials.points[inliers], known_camera=fiducials.K is not None)


def _require_spread(points: Matrix, *, known_camera: bool) -> None:
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[1] <= _LINE * spread[0]:
        raise ConversionError("the fiducials lie on one line, which determines no pose; add points off the line")
    if not known_camera and in_a_plane(points):
        raise ConversionError(
            "the fiducials lie in one plane, from which one image determines no camera; add points off the plane, "
            "or state K"
        )


def _behind(count: int, total: int) -> str:
    return (
        f"{count} of {total} fiducials lie behind the source of the camera that fits them: the pixels are those of a "
        'mirrored image; state image = "stored" together with flip, or give pixels of the image as seen from the source'
    )


def _samples(count: int, size: int) -> Iterator[list[int]]:
    """All subsets where they are few, else random ones from a fixed seed."""
    if comb(count, size) <= _TRIALS:
        yield from (list(each) for each in combinations(range(count), size))
        return
    random = np.random.default_rng(0)
    for _ in range(_TRIALS):
        yield random.choice(count, size, replace=False).tolist()


def _direct_linear_transform(points: Matrix, pixels: Matrix) -> Matrix:
    """P (3x4) of six or more pairs, with both sets centred and scaled first."""
    from_world, world = _normalised(points)
    from_image, image = _normalised(pixels)
    zeros = np.zeros_like(world)
    column = np.concatenate([world, zeros, -image[:, :1] * world], axis=1)
    row = np.concatenate([zeros, world, -image[:, 1:2] * world], axis=1)
    _, _, right = np.linalg.svd(np.concatenate([column, row]))
    return np.asarray(np.linalg.inv(from_image) @ right[-1].reshape(3, 4) @ from_world)


def _normalised(points: Matrix) -> tuple[Matrix, Matrix]:
    """The similarity that centres points and gives them unit spread, and the points after it, homogeneous."""
    size = points.shape[1]
    middle = points.mean(axis=0)
    scale = 1 / max(float(np.std(points - middle)), 1e-12)
    transform = np.diag([*[scale] * size, 1.0])
    transform[:size, size] = -scale * middle
    return transform, np.column_stack([scale * (points - middle), np.ones(len(points))])


def _matrix_errors(P: Matrix, fiducials: Fiducials) -> Matrix:
    seen = np.column_stack([fiducials.points, np.ones(len(fiducials.points))]) @ P.T
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.linalg.norm(seen[:, :2] / seen[:, 2:] - fiducials.pixels, axis=1)
    return np.where(np.isfinite(errors), errors, np.inf)


def _camera_parts(P: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """K without its skew, R and t: noise gives the linear solution a skew that the refinement then fixes at zero."""
    upper, _ = upper_times_rotation(P[:, :3])
    upper = upper / upper[2, 2]
    shear: Matrix = np.eye(3)
    shear[0, 1] = -upper[0, 1] / upper[1, 1]
    shear[0, 2] = -shear[0, 1] * upper[1, 2]
    return decompose(shear @ P)


def _refined(fiducials: Fiducials, camera: Camera, pose: Matrix, inliers: Chosen) -> tuple[Camera, Matrix, float]:
    """Least squares over the inliers, in units where all unknowns are alike; the camera moves only if it is unknown."""
    points, pixels = fiducials.points[inliers], fiducials.pixels[inliers]
    middle = points.mean(axis=0)
    depth = float(transform_points(pose, middle)[2])
    focal = float(camera.K[0, 0])

    def moved(unknown: Matrix) -> tuple[Matrix, Matrix]:
        rotation = Rotation.from_rotvec(unknown[:3]).as_matrix() @ pose[:3, :3]
        place = transform_points(pose, middle) + unknown[3:6] * abs(depth)
        K = camera.K.copy()
        if fiducials.K is None:
            K[[0, 1], [0, 1]] *= np.exp(unknown[6:8])
            K[:2, 2] += unknown[8:] * focal
        return K, compose(rotation, place - rotation @ middle)

    def misfit(unknown: Matrix) -> Matrix:
        K, where = moved(unknown)
        seen = transform_points(where, points) @ K.T
        return np.ravel(seen[:, :2] / seen[:, 2:] - pixels)

    size = 10 if fiducials.K is None else 6
    found = optimize.least_squares(misfit, np.zeros(size), method="trf", x_scale="jac", xtol=1e-14, ftol=1e-14)
    K, where = moved(np.asarray(found.x))
    return Camera(K, camera.height, camera.width, camera.sdd_mm), where, _focal_deviation(found)


def _focal_deviation(found: optimize.OptimizeResult) -> float:
    """Standard deviation of log f_x: the seventh unknown, where there is one."""
    jacobian, spare = np.asarray(found.jac), np.asarray(found.jac).shape[0] - np.asarray(found.x).size
    if jacobian.shape[1] <= _FOCAL or spare < 1:
        return 0.0
    variance = np.linalg.pinv(jacobian.T @ jacobian)[_FOCAL, _FOCAL] * 2 * float(found.cost) / spare
    return float(np.sqrt(max(variance, 0.0)))


def _residuals(fiducials: Fiducials, camera: Camera, pose: Matrix) -> Matrix:
    seen = transform_points(pose, fiducials.points) @ camera.K.T
    return np.asarray(np.linalg.norm(seen[:, :2] / seen[:, 2:] - fiducials.pixels, axis=1))
