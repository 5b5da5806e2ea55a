"""Errors of an estimated pose against the true one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, radians, sqrt

import numpy as np

from bench.geometry import (
    PARAMETER_NAMES,
    Matrix,
    PoseFrame,
    parameters_of,
    require_all_rigid,
    rotation_angles_deg,
)
from bench.geometry.converters.sopi import OURS_OF_SOPI

# LGFF-Reg's labels are most likely rad and, for translations, this many mm (inferred from its tables).
LGFF_UNIT_MM = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseErrors:
    """Differences between two poses, without sign; exactly zero where the poses are equal.

    Attributes:
        rotation_error_deg: Geodesic angle, degrees.
        translation_error_mm: Displacement of the rotation centre, mm.
        in_plane_error_mm: Its part parallel to the camera's detector, mm.
        depth_error_mm: Its part along the camera's axis, mm.
        double_geodesic_mm: sqrt((SDD / 2 * angle in rad)^2 + displacement^2), mm; None without an SDD.
        rx_error_deg: Difference of theta's rx in its frame, degrees, in [0, 180]. The next two alike.
        ry_error_deg: See rx.
        rz_error_deg: See rx.
        tx_error_mm: Difference of theta's tx in its frame, mm. The next two alike.
        ty_error_mm: See tx.
        tz_error_mm: See tx.
        sopi_rx_error_deg: The difference that SOPI calls rx: our ry. The next five alike (``OURS_OF_SOPI``).
        sopi_ry_error_deg: Our rx.
        sopi_rz_error_deg: Our rz.
        sopi_tx_error_mm: Our tz.
        sopi_ty_error_mm: Our tx.
        sopi_tz_error_mm: Our ty.
        rotation_axis_mean_deg: Mean of the three angles' differences, degrees: what SOPI's tables appear to print.
        translation_axis_mean_mm: Mean of the three translations' differences, mm: as above.
        lgff_mae: Mean of all six differences in rad and 100 mm: what LGFF-Reg's tables appear to print.
    """

    rotation_error_deg: float
    translation_error_mm: float
    in_plane_error_mm: float
    depth_error_mm: float
    double_geodesic_mm: float | None
    rx_error_deg: float
    ry_error_deg: float
    rz_error_deg: float
    tx_error_mm: float
    ty_error_mm: float
    tz_error_mm: float
    sopi_rx_error_deg: float
    sopi_ry_error_deg: float
    sopi_rz_error_deg: float
    sopi_tx_error_mm: float
    sopi_ty_error_mm: float
    sopi_tz_error_mm: float
    rotation_axis_mean_deg: float
    translation_axis_mean_mm: float
    lgff_mae: float


@dataclass(frozen=True, slots=True, eq=False)
class PosePair:
    """An estimated and a true pose, and what their difference is measured in.

    Attributes:
        estimate: rig_from_world, 4x4, mm.
        truth: rig_from_world, 4x4, mm.
        frame: Rotation centre, and where theta is measured from.
        camera_from_rig: The view whose axes separate in-plane from depth, 4x4, mm.
        sdd_mm: That view's source-to-detector distance, for the double geodesic; or None.
    """

    estimate: Matrix
    truth: Matrix
    frame: PoseFrame
    camera_from_rig: Matrix
    sdd_mm: float | None = None


def pose_errors(
    estimate: Matrix, truth: Matrix, frame: PoseFrame, camera_from_rig: Matrix, *, sdd_mm: float | None = None
) -> PoseErrors:
    """Compare two poses: ``all_pose_errors`` of one pair."""
    return all_pose_errors([PosePair(estimate, truth, frame, camera_from_rig, sdd_mm)])[0]


def all_pose_errors(pairs: Sequence[PosePair]) -> list[PoseErrors]:
    """Compare pairs of poses, all at once.

    Raises:
        bench.geometry.rigid.NotRigidError: A matrix is not a rigid transform.
    """
    estimates = require_all_rigid([pair.estimate for pair in pairs], "estimate")
    truths = require_all_rigid([pair.truth for pair in pairs], "truth")
    views = require_all_rigid([pair.camera_from_rig for pair in pairs], "camera_from_rig")
    centres = np.array([pair.frame.centre for pair in pairs]).reshape(-1, 3, 1)
    found, true = (poses[:, :3, :3] @ centres + poses[:, :3, 3:] for poses in (estimates, truths))
    seen = (views[:, :3, :3] @ (found - true))[..., 0]
    axes = _axis_differences(estimates, truths, [pair.frame for pair in pairs])
    numbers = np.column_stack([rotation_angles_deg(estimates, truths), seen, axes])
    return [_pose_errors(row, pair.sdd_mm) for row, pair in zip(numbers.tolist(), pairs, strict=True)]


def _pose_errors(numbers: Sequence[float], sdd_mm: float | None) -> PoseErrors:
    """Of one pair: the angle, the displacement (x, y, z) as the view sees it, the six parameters' differences."""
    angle_deg, x, y, z, *differences = numbers
    distance, (angles, shifts) = sqrt(x * x + y * y + z * z), (differences[:3], differences[3:])
    axes: dict[str, float] = dict(zip(PARAMETER_NAMES, differences, strict=True))
    return PoseErrors(
        rotation_error_deg=angle_deg,
        translation_error_mm=distance,
        in_plane_error_mm=hypot(x, y),
        depth_error_mm=abs(z),
        double_geodesic_mm=None if sdd_mm is None else double_geodesic_mm(angle_deg, distance, sdd_mm=sdd_mm),
        rotation_axis_mean_deg=sum(angles) / 3,
        translation_axis_mean_mm=sum(shifts) / 3,
        lgff_mae=(radians(sum(angles)) + sum(shifts) / LGFF_UNIT_MM) / 6,
        **{_FIELDS[name]: axes[name] for name in PARAMETER_NAMES},
        **{f"sopi_{_FIELDS[name]}": axes[ours] for name, ours in OURS_OF_SOPI.items()},
    )


def double_geodesic_mm(rotation_error_deg: float, translation_error_mm: float, *, sdd_mm: float) -> float:
    """Rotation and translation as one length: the angle counts as the arc it sweeps at half the SDD."""
    return sqrt((sdd_mm / 2 * radians(rotation_error_deg)) ** 2 + translation_error_mm**2)


def _axis_differences(estimates: Matrix, truths: Matrix, frames: Sequence[PoseFrame]) -> Matrix:
    """|estimate - truth| of each parameter, (n, 6); angles the shorter way round."""
    difference = np.abs(parameters_of(frames, estimates) - parameters_of(frames, truths))
    difference[:, :3] = np.minimum(difference[:, :3], 360 - difference[:, :3])
    return difference


_FIELDS = {name: f"{name}_error_{'deg' if name.startswith('r') else 'mm'}" for name in PARAMETER_NAMES}
