"""Residuals of normalised images and their normal equations in theta, for many poses at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.drr import AttenuationMap, project_with_jacobian
from bench.geometry import Matrix, PoseFrame
from bench.geometry.rigid import rotation_from_angles
from bench.register.pyramid import LevelView

# Poses that bring the content's box nearer to a source than this have no value: nothing sane lies there.
_NEAREST_MM = 10.0
_MAD_TO_DEVIATION = 1.4826
_BLUR_REACH = 3.0


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


class ImageResiduals:
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
        """Bind what stays the same at one level.

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
        self._attenuation, self._frame, self._huber = attenuation, frame, huber
        self._corners = np.concatenate([corners, np.ones((len(corners), 1))], axis=1)
        self._targets = [_Target(view, blur, factor) for view, factor in zip(views, factors, strict=True)]

    @property
    def view_count(self) -> int:
        """Rendered images per evaluation; an image with its six derivatives counts as one."""
        return len(self._targets)

    @property
    def residual_count(self) -> int:
        """Valid pixels of all views."""
        return sum(target.pixels for target in self._targets)

    def __call__(self, theta: Matrix) -> NormalEquations:
        """Linearise at (n, 6) thetas; one projector call a view."""
        poses = self._frame.pose(theta)
        cost, gradient, hessian = np.zeros(len(theta)), np.zeros((len(theta), 6)), np.zeros((len(theta), 6, 6))
        for target in self._targets:
            camera_from_world = target.view.camera_from_rig @ poses
            sane = (camera_from_world[:, 2] @ self._corners.T).min(axis=1) > _NEAREST_MM
            cost[~sane] = np.inf
            if not sane.any():
                continue
            images, slopes = project_with_jacobian(
                self._attenuation, camera_from_world[sane], target.view.camera, self._frame.centre
            )
            values, by_twist, curvature = target.linearise(torch.cat([slopes, images], dim=1), self._huber)
            turn = twist_from_theta(theta[sane], target.view.camera_from_rig)
            cost[sane] += values
            gradient[sane] += np.einsum("nji,nj->ni", turn, by_twist)
            hessian[sane] += turn.transpose(0, 2, 1) @ curvature @ turn
        return NormalEquations(cost, gradient, hessian)


def twist_from_theta(theta: Matrix, camera_from_rig: Matrix) -> Matrix:
    """How the twist about the moved centre (camera axes; radians, mm) changes with theta (degrees, mm): (n, 6, 6).

    With R = Rx Ry Rz the axes of the three turns are ex, Rx ey and Rx Ry ez in the rig.
    """
    rx, ry = theta[:, 0], theta[:, 1]
    none = np.zeros_like(rx)
    axes = np.zeros((len(theta), 3, 3))
    axes[:, 0, 0] = 1.0
    axes[:, :, 1] = rotation_from_angles(np.stack([rx, none, none], axis=1))[:, :, 1]
    axes[:, :, 2] = rotation_from_angles(np.stack([rx, ry, none], axis=1))[:, :, 2]
    turn = camera_from_rig[:3, :3]
    change = np.zeros((len(theta), 6, 6))
    change[:, :3, :3] = np.deg2rad(turn @ axes)
    change[:, 3:, 3:] = turn
    return change


class _Target:
    """One view's normalised target, and the arithmetic of its residuals."""

    def __init__(self, view: LevelView, blur: float, factor: int) -> None:
        self.view = view
        height, width = view.fixed.shape[-2:]
        self.pixels = height * width if view.valid is None else int(view.valid.sum())
        self._mask = None if view.valid is None else view.valid.float()
        self._blurs = None if blur == 0 else (_blur_matrix(height, blur), _blur_matrix(width, blur))
        self._means = None if factor == 1 else (_mean_matrix(height, factor), _mean_matrix(width, factor))
        fixed = self._prepared(view.fixed)[0, 0]
        self._fixed = fixed / fixed.norm().clamp_min(torch.finfo(torch.float32).tiny)
        self._threshold: float | None = None

    def linearise(self, stack: torch.Tensor, huber: float | None) -> tuple[Matrix, Matrix, Matrix]:
        """Cost (n,), gradient (n, 6) and J^T J (n, 6, 6) by twist, of (n, 7, H, W): six derivatives, then the image.

        With u the normalised image, s its norm before and D the centred derivatives, J = (D - u u.D) / s.
        """
        with torch.inference_mode():
            if self._means is not None:
                stack[:, 6] = self._means[0] @ stack[:, 6] @ self._means[1].T
            rows = self._prepared(stack)
            norm = rows[:, 6].norm(dim=1)
            empty = (norm == 0).numpy()
            scale = norm.clamp_min(torch.finfo(torch.float32).tiny)
            rows[:, 6] /= scale[:, None]
            residual = rows[:, 6] - self._fixed
            slopes, unit = rows[:, :6], rows[:, 6:]
            along = _product(slopes, unit)[:, :, 0]
            factors = torch.cat([rows, residual[:, None]], dim=1)
            if huber is None:
                cost, gram = (residual**2).sum(dim=1), _product(factors, factors)
            else:
                cost, weights = self._robust(residual, huber)
                gram = _product(factors * weights[:, None], factors)
        scales = scale.double().numpy()
        cross = along[:, :, None] * gram[:, None, :6, 6]
        curvature = gram[:, :6, :6] - cross - cross.transpose(0, 2, 1)
        curvature += gram[:, 6, 6, None, None] * along[:, :, None] * along[:, None, :]
        gradient = gram[:, :6, 7] - along * gram[:, 6, 7, None]
        values = np.where(empty, np.inf, cost.double().numpy())
        return values, gradient / scales[:, None], curvature / scales[:, None, None] ** 2

    def _prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Mask, centre, blur and flatten: (n, k, H, W) -> (n, k, H * W)."""
        if self._mask is None:
            centred = images - images.mean(dim=(2, 3), keepdim=True)
        else:
            mean = (images * self._mask).sum(dim=(2, 3), keepdim=True) / self.pixels
            centred = (images - mean) * self._mask
        if self._blurs is not None:
            centred = self._blurs[0] @ centred @ self._blurs[1].T
        return centred.flatten(2)

    def _robust(self, residual: torch.Tensor, huber: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Huber's cost (n,) and weights (n, P)."""
        size = residual.abs()
        if self._threshold is None:
            seen = size if self._mask is None else size[:, self._mask.flatten() > 0]
            tiny = torch.finfo(torch.float32).tiny
            self._threshold = max(huber * _MAD_TO_DEVIATION * float(seen.median(dim=1).values.min()), tiny)
        beyond = size > self._threshold
        cost = torch.where(beyond, self._threshold * (2 * size - self._threshold), residual**2).sum(dim=1)
        return cost, torch.where(beyond, self._threshold / size, 1.0)


def _product(left: torch.Tensor, right: torch.Tensor) -> Matrix:
    """Sums over pixels of all pairs of rows: (n, k, P) and (n, l, P) -> (n, k, l) float64."""
    return np.asarray(torch.bmm(left, right.transpose(1, 2)).double().numpy())


def _blur_matrix(size: int, deviation: float) -> torch.Tensor:
    """Gaussian blur of a row of pixels as a (size, size) matrix; what leaves the row is lost on both sides alike."""
    ramp = torch.arange(size, dtype=torch.float32)
    distance = (ramp[:, None] - ramp[None, :]) / deviation
    weights = torch.exp(-(distance**2) / 2) * (distance.abs() <= _BLUR_REACH)
    return weights / (deviation * float(np.sqrt(2 * np.pi)))


def _mean_matrix(size: int, factor: int) -> torch.Tensor:
    """From rays through pixel centres to means over a row of ``factor`` rays a pixel, to second order: (size, size).

    Targets are binned, renderings are not: without this, coarse levels end beside the pose. Only the image is treated;
    derivatives need not be that exact.
    """
    spread = (1 - 1 / factor**2) / 24
    neighbours = torch.diag(torch.ones(size - 1), 1) + torch.diag(torch.ones(size - 1), -1)
    return torch.eye(size) + spread * (neighbours - torch.diag(neighbours.sum(dim=1)))
