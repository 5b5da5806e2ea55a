"""Residuals of normalised images and their normal equations in theta, for many poses at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project_with_jacobian
from bench.geometry import Matrix, PoseFrame
from bench.register.pyramid import LevelView

Pixels: TypeAlias = NDArray[np.float32]

# Poses that bring the content's box nearer to a source than this have no value: no plausible pose is there.
_NEAREST_MM = 10.0
_MAD_TO_DEVIATION = 1.4826
_BLUR_REACH = 3.0
# Products of so few pixels stay on one thread of the linear algebra library, whose others would compete with the
# projector's; and their sums in single precision stay exact enough.
_PIXELS_A_PART = 2048
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class NormalEquations:
    """A quadratic model of half the cost about n poses, in theta (degrees, mm).

    Attributes:
        cost: (n,) sum of squares (or Huber's) over all views; infinite where a pose has no image.
        gradient: (n, 6) J^T r.
        hessian: (n, 6, 6) J^T J.
    """

    cost: Matrix
    gradient: Matrix
    hessian: Matrix


class Target(Protocol):
    """One view's target: the linearised cost of rendered images."""

    view: LevelView
    residual_count: int

    def linearise(self, images: Pixels, slopes: Pixels) -> tuple[Matrix, Matrix, Matrix]:
        """Linearise half the cost by the twist.

        Args:
            images: (n, 1, H, W).
            slopes: Their derivatives, (n, 6, H, W).

        Returns:
            Cost (n,), gradient (n, 6), J^T J (n, 6, 6).
        """
        ...


class Residuals:
    """Sums of all views' costs in theta, from renderings with their derivative images."""

    def __init__(
        self, targets: Sequence[Target], *, attenuation: AttenuationMap, corners: Matrix, frame: PoseFrame
    ) -> None:
        """Store the constants of one level.

        Args:
            targets: The views.
            attenuation: The moving volume.
            corners: (8, 3) world corners of its content, mm.
            frame: Of theta.
        """
        self._targets, self._attenuation, self._frame = tuple(targets), attenuation, frame
        self._corners = corners

    @property
    def view_count(self) -> int:
        """Rendered images per evaluation; an image with its six derivatives counts as one."""
        return len(self._targets)

    @property
    def residual_count(self) -> int:
        """Independent residuals of all views; 0 where the target's noise is not theirs, and no covariance follows."""
        return sum(target.residual_count for target in self._targets)

    def __call__(self, theta: Matrix) -> NormalEquations:
        """Linearise at (n, 6) thetas; one projector call a view."""
        poses = self._frame.pose(theta)
        cost, gradient, hessian = np.zeros(len(theta)), np.zeros((len(theta), 6)), np.zeros((len(theta), 6, 6))
        for target in self._targets:
            camera_from_world = target.view.camera_from_rig @ poses
            sane = sane_poses(camera_from_world, self._corners)
            cost[~sane] = np.inf
            if not sane.any():
                continue
            images, slopes = project_with_jacobian(
                self._attenuation, camera_from_world[sane], target.view.camera, self._frame.centre
            )
            values, by_twist, curvature = target.linearise(images.numpy(), slopes.numpy())
            turn = twist_from_theta(theta[sane], target.view.camera_from_rig)
            cost[sane] += values
            gradient[sane] += np.einsum("nji,nj->ni", turn, by_twist)
            hessian[sane] += turn.transpose(0, 2, 1) @ curvature @ turn
        return NormalEquations(cost, gradient, hessian)


class ImageResiduals(Residuals):
    """Differences of zero-mean, unit-norm images between the rendered and the given views.

    Neither gain nor offset of an image matters: both are projected out of the residual and of its derivatives. Images
    are masked, centred and blurred alike on both sides, so the blur widens the basin without moving its floor.
    """

    def __init__(
        self,
        views: Sequence[LevelView],
        factors: Sequence[int],
        *,
        attenuation: AttenuationMap,
        corners: Matrix,
        frame: PoseFrame,
        blur: float,
        huber: float | None,
    ) -> None:
        """Store the constants of one level.

        Args:
            views: The targets.
            factors: How many pixels a side each of them was binned by.
            attenuation: The moving volume.
            corners: (8, 3) world corners of its content, mm.
            frame: Of theta.
            blur: Standard deviation in pixels; 0 = none.
            huber: Residuals beyond so many robust deviations weigh less; None = least squares. The deviation is that
                of the best pose of the first call, view by view.
        """
        targets = [_Target(view, blur, factor, huber) for view, factor in zip(views, factors, strict=True)]
        super().__init__(targets, attenuation=attenuation, corners=corners, frame=frame)


def sane_poses(camera_from_world: Matrix, corners: Matrix) -> NDArray[np.bool_]:
    """Which of n poses (n, 4, 4) keep the box of corners (8, 3) away from the source, in mm."""
    depth = camera_from_world[:, 2, :3] @ corners.T + camera_from_world[:, 2, 3:]
    return np.asarray(depth.min(axis=1) > _NEAREST_MM)


def twist_from_theta(theta: Matrix, camera_from_rig: Matrix) -> Matrix:
    """How the twist about the moved centre (camera axes; radians, mm) changes with theta (degrees, mm): (n, 6, 6).

    With R = Rx Ry Rz the axes of the three turns are ex, Rx ey and Rx Ry ez in the rig.
    """
    rx, ry = np.deg2rad(theta[:, 0]), np.deg2rad(theta[:, 1])
    axes = np.zeros((len(theta), 3, 3))
    axes[:, 0, 0] = 1.0
    axes[:, 1, 1], axes[:, 2, 1] = np.cos(rx), np.sin(rx)
    axes[:, 0, 2] = np.sin(ry)
    axes[:, 1, 2], axes[:, 2, 2] = -np.sin(rx) * np.cos(ry), np.cos(rx) * np.cos(ry)
    turn = camera_from_rig[:3, :3]
    change = np.zeros((len(theta), 6, 6))
    change[:, :3, :3] = np.deg2rad(turn @ axes)
    change[:, 3:, 3:] = turn
    return change


class _Target:
    """One view's normalised target, and the arithmetic of its residuals.

    In numpy on purpose: the arrays are small, and torch's threads and the projector's would wait for one another.
    """

    def __init__(self, view: LevelView, blur: float, factor: int, huber: float | None) -> None:
        self.view, self._huber = view, huber
        height, width = view.camera.height, view.camera.width
        self._mask = None if view.valid is None else _as_floats(view.valid)[0, 0].ravel()
        self.residual_count = height * width if self._mask is None else int(self._mask.sum())
        self._blurs = None if blur == 0 else (_blur_matrix(height, blur), _blur_matrix(width, blur))
        self._spread = (1 - 1 / factor**2) / 24
        fixed = self._prepared(_as_floats(view.fixed))[0, 0]
        self._fixed = fixed / max(float(np.linalg.norm(fixed)), _TINY)
        self._threshold: float | None = None

    def linearise(self, images: Pixels, slopes: Pixels) -> tuple[Matrix, Matrix, Matrix]:
        """See ``Target``.

        With u the normalised image, s its norm before and D the centred derivatives, J = (D - u u.D) / s.
        """
        if self._spread > 0:
            images = ray_means(images, self._spread)
        derivatives, unit = self._prepared(slopes), self._prepared(images)
        norm: Matrix = np.linalg.norm(unit[:, 0], axis=1).astype(np.float64)
        scale = np.maximum(norm, _TINY)
        unit /= scale[:, None, None].astype(np.float32)
        residual = unit - self._fixed
        along = _product(derivatives, unit)[:, :, 0]
        factors = np.concatenate([derivatives, unit, residual], axis=1)
        if self._huber is None:
            gram = _product(factors, factors)
            cost = gram[:, 7, 7]
        else:
            cost, weights = self._robust(residual[:, 0], self._huber)
            gram = _product(factors * weights[:, None], factors)
        cross = along[:, :, None] * gram[:, None, :6, 6]
        curvature = gram[:, :6, :6] - cross - cross.transpose(0, 2, 1)
        curvature += gram[:, 6, 6, None, None] * along[:, :, None] * along[:, None, :]
        gradient = gram[:, :6, 7] - along * gram[:, 6, 7, None]
        values: Matrix = np.where(norm > 0, cost, np.inf)
        return values, gradient / scale[:, None], curvature / scale[:, None, None] ** 2

    def _prepared(self, images: Pixels) -> Pixels:
        """Mask, centre, blur and flatten: (n, k, H, W) -> (n, k, H * W)."""
        flat = images.reshape(*images.shape[:2], -1)
        if self._mask is None:
            centred = flat - flat.mean(axis=2, keepdims=True)
        else:
            centred = (flat - (flat @ self._mask / self.residual_count)[:, :, None]) * self._mask
        if self._blurs is None:
            return np.asarray(centred, dtype=np.float32)
        blurred = self._blurs[0] @ centred.reshape(images.shape) @ self._blurs[1].T
        return np.asarray(blurred.reshape(flat.shape), dtype=np.float32)

    def _robust(self, residual: Pixels, huber: float) -> tuple[Matrix, Pixels]:
        """Huber's cost (n,) and weights (n, P)."""
        size = np.abs(residual)
        if self._threshold is None:
            seen = size if self._mask is None else size[:, self._mask > 0]
            self._threshold = max(huber * _MAD_TO_DEVIATION * float(np.median(seen, axis=1).min()), _TINY)
        beyond = size > self._threshold
        cost = np.where(beyond, self._threshold * (2 * size - self._threshold), residual**2).sum(axis=1)
        weights = np.where(beyond, self._threshold / np.maximum(size, _TINY), 1.0)
        return np.asarray(cost, dtype=np.float64), np.asarray(weights, dtype=np.float32)


def _as_floats(pixels: torch.Tensor) -> Pixels:
    return np.asarray(pixels.numpy(), dtype=np.float32)


def _product(left: Pixels, right: Pixels) -> Matrix:
    """Sums over pixels of all pairs of rows: (n, k, P) and (n, l, P) -> (n, k, l) float64, in parts of a few pixels."""
    count, pixels = len(left), left.shape[2]
    whole = pixels - pixels % _PIXELS_A_PART
    parts = (count, -1, whole // _PIXELS_A_PART, _PIXELS_A_PART)
    total: Matrix = np.zeros((count, left.shape[1], right.shape[1]))
    if whole:
        first = left[:, :, :whole].reshape(parts).transpose(0, 2, 1, 3)
        second = right[:, :, :whole].reshape(parts).transpose(0, 2, 3, 1)
        total += (first @ second).sum(axis=1, dtype=np.float64)
    if whole < pixels:
        total += left[:, :, whole:] @ right[:, :, whole:].transpose(0, 2, 1)
    return total


def _blur_matrix(size: int, deviation: float) -> Pixels:
    """Gaussian blur of a row of pixels as a (size, size) matrix; nothing is added beyond the row, in both images."""
    ramp = np.arange(size)
    distance = (ramp[:, None] - ramp[None, :]) / deviation
    weights = np.exp(-(distance**2) / 2) * (np.abs(distance) <= _BLUR_REACH)
    return np.asarray(weights / (deviation * np.sqrt(2 * np.pi)), dtype=np.float32)


def ray_means(images: Pixels, spread: float) -> Pixels:
    """From rays through pixel centres to means over a block of rays a pixel, to second order.

    Targets are binned, renderings are not: without this, coarse levels are biased. Only the image is treated;
    derivatives need not be that exact.

    Args:
        images: (n, 1, H, W).
        spread: Half the variance of a block's rays along one axis, in pixels squared.
    """
    means = images.copy()
    down, across = np.float32(spread) * np.diff(images, axis=2), np.float32(spread) * np.diff(images, axis=3)
    means[:, :, :-1] += down
    means[:, :, 1:] -= down
    means[:, :, :, :-1] += across
    means[:, :, :, 1:] -= across
    return means
