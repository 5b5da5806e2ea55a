"""Learning through a pose gradient (SOPI eq. 7, ProST): rotation vectors, the geodesic gradient, and their comparison.

A pose is given by six numbers about a base pose: a rotation vector (radians, camera axes) that is applied on top of the
base, and the displacement of the rotation centre. Both gradients that a loss compares are by these same six numbers.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from bench.geometry import Matrix

_TINY = 1e-10
_SMALL_ANGLE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class PoseChart:
    """Six numbers for every pose of a batch.

    Attributes:
        base: camera_from_world, (B, 4, 4), mm, at six zeros.
        centre: The rotation centre, a world point, mm.
        depth_scale: How many mm along the beam count as much as one across it. One view shows depth so weakly that a
            metric that treats all three axes alike asks for a gradient that the images do not hold.
    """

    base: Matrix
    centre: Matrix
    depth_scale: float = 1.0

    @property
    def unit_mm(self) -> Matrix:
        """(3,): mm of one unit of the last three numbers."""
        return np.array([1.0, 1.0, self.depth_scale])

    def pose(self, vector: Tensor) -> Tensor:
        """camera_from_world (B, 4, 4), float64, of vectors (B, 6); differentiable, at zero too."""
        parameters = vector.to(torch.float64)
        base, centre, unit = (torch.as_tensor(each).to(parameters) for each in (self.base, self.centre, self.unit_mm))
        turned = _exponential(_skew(parameters[:, :3])) @ base[:, :3, :3]
        middle = base[:, :3, :3] @ centre + base[:, :3, 3] + parameters[:, 3:] * unit
        upper = torch.cat([turned, (middle - turned @ centre)[..., None]], dim=-1)
        return torch.cat([upper, base[:, 3:]], dim=-2)

    def vector(self, poses: Matrix) -> Matrix:
        """The six numbers (B, 6) of poses (B, 4, 4); rotations below 180 degrees."""
        turned = Rotation.from_matrix(poses[:, :3, :3] @ self.base[:, :3, :3].transpose(0, 2, 1)).as_rotvec()
        shift = (_middle(poses, self.centre) - _middle(self.base, self.centre)) / self.unit_mm
        return np.concatenate([turned, shift], axis=1)

    def geodesic_gradient(self, vector: Matrix, wanted: Matrix) -> Matrix:
        """Gradient (B, 6) of the squared distance to the wanted poses (B, 4, 4).

        d^2 = |Log(R_wanted R^T)|^2 + |displacement of the centre in units|^2: the left-canonical metric of SE(3), with
        the rotation centre as its origin. Its gradient by a rotation vector w is -2 J(w)^T Log(R_wanted R^T) with the
        left Jacobian J; at w = 0 that is the rotation itself.
        """
        here = self.pose(torch.as_tensor(vector)).numpy()
        left = Rotation.from_matrix(wanted[:, :3, :3] @ here[:, :3, :3].transpose(0, 2, 1)).as_rotvec()
        turn = np.einsum("bji,bj->bi", _left_jacobian(vector[:, :3]), -2 * left)
        shift = 2 * (_middle(here, self.centre) - _middle(wanted, self.centre)) / self.unit_mm
        return np.concatenate([turn, shift], axis=1)


def direction_losses(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances of unit vectors, of rotation and of translation, each (B,), 0 to 4 (eq. 7, as published code).

    Args:
        found: Gradient of a network's distance by the six numbers, (B, 6).
        wanted: The geodesic gradient, (B, 6).
    """
    parts = [slice(0, 3), slice(3, 6)]
    rotation, translation = ((_unit(found[:, at]) - _unit(wanted[:, at])).square().sum(dim=1) for at in parts)
    return rotation, translation


def lengths(vector: Tensor) -> Tensor:
    """Lengths (B, 2) of the rotation and the translation part of vectors (B, 6)."""
    return torch.cat([_length(vector[:, :3]), _length(vector[:, 3:])], dim=1)


def _length(vectors: Tensor) -> Tensor:
    """(B, 1); differentiable at zero."""
    return (vectors.square().sum(dim=1, keepdim=True) + _TINY**3).sqrt()


def _unit(vectors: Tensor) -> Tensor:
    return vectors / (_length(vectors) + _TINY)


def _exponential(matrices: Tensor) -> Tensor:
    # torch leaves the type of its linear algebra open.
    return cast(Tensor, cast(Any, torch.linalg).matrix_exp(matrices))


def _middle(poses: Matrix, centre: Matrix) -> Matrix:
    return np.asarray(poses[:, :3, :3] @ centre + poses[:, :3, 3])


def _skew(vectors: Tensor) -> Tensor:
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)


def _left_jacobian(rotation: Matrix) -> Matrix:
    """J (B, 3, 3) with exp(w + dw) = exp(J dw) exp(w) to first order."""
    cross = _skew(torch.as_tensor(rotation)).numpy()
    angle = np.linalg.norm(rotation, axis=1)[:, None, None]
    safe = np.maximum(angle, _SMALL_ANGLE)
    first = np.where(angle > _SMALL_ANGLE, (1 - np.cos(safe)) / safe**2, 0.5)
    second = np.where(angle > _SMALL_ANGLE, (safe - np.sin(safe)) / safe**3, 1 / 6)
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross))
