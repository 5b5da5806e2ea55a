"""Errors of an estimated pose against the true one."""

from dataclasses import dataclass
from math import hypot, radians, sqrt

import numpy as np

from bench.geometry import (
    PARAMETER_NAMES,
    Matrix,
    PoseFrame,
    require_rigid,
    rotation_angle_deg,
    transform_points,
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


def pose_errors(
    estimate: Matrix, truth: Matrix, frame: PoseFrame, camera_from_rig: Matrix, *, sdd_mm: float | None = None
) -> PoseErrors:
    """Compare two poses.

    Args:
        estimate: rig_from_world, 4x4, mm.
        truth: rig_from_world, 4x4, mm.
        frame: Rotation centre, and where theta is measured from.
        camera_from_rig: The view whose axes separate in-plane from depth, 4x4, mm.
        sdd_mm: That view's source-to-detector distance, for the double geodesic.

    Raises:
        bench.geometry.rigid.NotRigidError: A matrix is not a rigid transform.
    """
    estimate, truth = require_rigid(estimate, "estimate"), require_rigid(truth, "truth")
    rotation = require_rigid(camera_from_rig, "camera_from_rig")[:3, :3]
    moved = rotation @ (transform_points(estimate, frame.centre) - transform_points(truth, frame.centre))
    angle_deg, distance = rotation_angle_deg(estimate, truth), float(np.linalg.norm(moved))
    axes = _axis_differences(estimate, truth, frame)
    angles, shifts = [axes[name] for name in PARAMETER_NAMES[:3]], [axes[name] for name in PARAMETER_NAMES[3:]]
    return PoseErrors(
        rotation_error_deg=angle_deg,
        translation_error_mm=distance,
        in_plane_error_mm=hypot(moved[0], moved[1]),
        depth_error_mm=abs(float(moved[2])),
        double_geodesic_mm=None if sdd_mm is None else double_geodesic_mm(angle_deg, distance, sdd_mm=sdd_mm),
        rotation_axis_mean_deg=sum(angles) / 3,
        translation_axis_mean_mm=sum(shifts) / 3,
        lgff_mae=(radians(sum(angles)) + sum(shifts) / LGFF_UNIT_MM) / 6,
        **{_field(name): axes[name] for name in PARAMETER_NAMES},
        **{f"sopi_{_field(name)}": axes[ours] for name, ours in OURS_OF_SOPI.items()},
    )


def double_geodesic_mm(rotation_error_deg: float, translation_error_mm: float, *, sdd_mm: float) -> float:
    """Rotation and translation as one length: the angle counts as the arc it sweeps at half the SDD."""
    return sqrt((sdd_mm / 2 * radians(rotation_error_deg)) ** 2 + translation_error_mm**2)


def _axis_differences(estimate: Matrix, truth: Matrix, frame: PoseFrame) -> dict[str, float]:
    """|estimate - truth| of each parameter; angles the shorter way round."""
    difference = np.abs(frame.parameters(estimate) - frame.parameters(truth))
    difference[:3] = np.minimum(difference[:3], 360 - difference[:3])
    return dict(zip(PARAMETER_NAMES, difference.tolist(), strict=True))


def _field(parameter: str) -> str:
    return f"{parameter}_error_{'deg' if parameter.startswith('r') else 'mm'}"
