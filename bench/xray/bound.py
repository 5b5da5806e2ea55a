"""The Cramer-Rao bound of a pose: the error that quantum noise alone leaves to any unbiased estimate.

Counts of a pixel are Poisson with mean m = N0 exp(-p), so a pixel adds (dm)(dm)' / m = m (dp)(dp)' to the information;
its weight is the number of photons that reach it. Noise is taken before the logarithm, where its distribution is exact;
volume, gain and offset are known to the bound, as they are not to most methods.
"""

from collections.abc import Sequence

import numpy as np

from bench.contract import View
from bench.drr import AttenuationMap, project_with_jacobian
from bench.geometry import Matrix

# A direction that carries this share of the best one's information or less is not determined.
_LEAST_INFORMATION = 1e-12


def pose_information(
    attenuation: AttenuationMap, views: Sequence[View], rig_from_world: Matrix, centre: Matrix, *, photons: float
) -> Matrix:
    """Fisher information of the pose from views under quantum noise.

    Args:
        attenuation: The content of the X-rays, all of which moves.
        views: Geometry; a ``valid`` mask leaves pixels out.
        rig_from_world: The true pose, 4x4, mm.
        centre: The rotation centre c, a world point, mm.
        photons: N0, expected photons per pixel without an object.

    Returns:
        (6, 6) by the twist (omega in degrees, v in mm) in rig axes about the moved centre.
    """
    total: Matrix = np.zeros((6, 6))
    for view in views:
        pose = view.camera_from_rig @ rig_from_world
        image, slopes = project_with_jacobian(attenuation, pose[None], view.camera, centre)
        seen = slice(None) if view.valid is None else view.valid.ravel()
        passed = photons * np.exp(-image.double().numpy().ravel()[seen])
        by_camera_twist = slopes.double().numpy().reshape(6, -1)[:, seen]
        by_rig_twist = twist_in_camera(view.camera_from_rig).T @ by_camera_twist
        total += (by_rig_twist * passed) @ by_rig_twist.T
    return total


def pose_bound(information: Matrix) -> Matrix | None:
    """Covariance (6, 6) that no unbiased estimate's lies below; None where a direction is not determined."""
    units: Matrix = np.sqrt(np.diagonal(information))
    if not (units > 0).all():
        return None
    scaled = information / np.outer(units, units)
    strengths = np.linalg.eigvalsh(scaled)
    if strengths[0] <= _LEAST_INFORMATION * strengths[-1]:
        return None
    bound: Matrix = np.linalg.inv(scaled) / np.outer(units, units)
    return bound


def twist_in_camera(camera_from_rig: Matrix) -> Matrix:
    """From a twist in rig axes (degrees, mm) to one in camera axes (radians, mm), about the same point."""
    change: Matrix = np.zeros((6, 6))
    change[:3, :3] = np.deg2rad(1.0) * camera_from_rig[:3, :3]
    change[3:, 3:] = camera_from_rig[:3, :3]
    return change
