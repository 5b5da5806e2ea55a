"""The six parameters as a differentiable leaf: ``PoseFrame.pose`` in torch.

Kept out of ``bench.geometry``'s public names, so that geometry imports without torch.
"""

import math

import torch
from torch import Tensor

from bench.errors import FluorobenchError
from bench.geometry.pose import PoseFrame


class ParametersError(FluorobenchError):
    """Pose parameters of the wrong shape."""


def pose_from_theta(theta: Tensor, frame: PoseFrame) -> Tensor:
    """rig_from_world of six parameters, exactly and differentiably: Rx(rx) Ry(ry) Rz(rz) about c, then the shift.

    Computed in float64 for any type of theta (a float32 pose would lose 1e-4 mm); gradients return in theta's type.

    Args:
        theta: (B, 6): rx, ry, rz in degrees, tx, ty, tz in mm, in the convention of ``bench.geometry.pose``.
        frame: Nominal pose and rotation centre.

    Returns:
        (B, 4, 4) float64, mm, on theta's device.

    Raises:
        ParametersError: theta is not (B, 6).
    """
    if theta.ndim != 2 or theta.shape[1] != 6:
        raise ParametersError(f"theta must have shape (B, 6); got {tuple(theta.shape)}; one pose needs theta[None]")
    parameters = theta.to(torch.float64)
    nominal, centre, centre_in_rig = (
        torch.as_tensor(array, dtype=torch.float64, device=theta.device)
        for array in (frame.nominal[:3, :3], frame.centre, frame.centre_in_rig)
    )
    rotation = rotation_from_angles(parameters[:, :3]) @ nominal
    translation = centre_in_rig + parameters[:, 3:] - rotation @ centre
    return compose(rotation, translation)


def rotation_from_angles(angles_deg: Tensor) -> Tensor:
    """Rx(rx) Ry(ry) Rz(rz), (B, 3, 3), from (B, 3) degrees (SOPI eq. 2)."""
    radians = angles_deg * (math.pi / 180)
    (cx, cy, cz), (sx, sy, sz) = radians.cos().unbind(-1), radians.sin().unbind(-1)
    rows = [
        torch.stack([cy * cz, -cy * sz, sy], dim=-1),
        torch.stack([cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy], dim=-1),
        torch.stack([sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def compose(rotation: Tensor, translation: Tensor) -> Tensor:
    """4x4 transforms (B, 4, 4) of rotations (B, 3, 3) and translations (B, 3)."""
    upper = torch.cat([rotation, translation[..., None]], dim=-1)
    last_row = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:-2], 1, 4)
    return torch.cat([upper, last_row], dim=-2)
