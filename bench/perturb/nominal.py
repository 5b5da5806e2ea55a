"""The nominal pose that methods are given where X-rays are real: near the reference pose without revealing it."""

import numpy as np

from bench.geometry import Matrix, PoseFrame, compose, transform_points
from bench.geometry.rigid import rotation_from_angles
from bench.perturb.distribution import PoseDistribution
from bench.perturb.draw import MAX_REDRAWS, DrawError
from bench.perturb.seeds import generator


def nominal_pose_generator(seed: int, patient_id: str, image: str) -> np.random.Generator:
    """Random numbers of an image's nominal pose: the same in every run and every training under one seed.

    Args:
        seed: The protocol's.
        patient_id: The patient's name.
        image: Name of the acquisition and view, such as ``0002 view 1``.
    """
    return generator(seed, "nominal", patient_id, image)


def sample_nominal_pose(
    reference: Matrix,
    centre: Matrix,
    distribution: PoseDistribution,
    search: Matrix,
    random: np.random.Generator,
) -> tuple[PoseFrame, int]:
    """Draw the frame in which the reference is one draw of the truth's distribution, and count the rejected draws.

    Args:
        reference: rig_from_world, 4x4, mm.
        centre: The rotation centre, a world point, mm.
        distribution: Of the truth about the nominal pose.
        search: Half-widths about the nominal pose that must hold the truth.
        random: ``nominal_pose_generator``.

    Raises:
        DrawError: The truth's distribution hardly ever falls within the search half-widths.
    """
    for redraws in range(MAX_REDRAWS):
        theta = distribution.draw(random)
        if (np.abs(theta) <= search).all():
            return nominal_frame(reference, centre, theta), redraws
    raise DrawError(
        f"no draw of target.distribution lay within target.search in {MAX_REDRAWS} draws; widen target.search"
    )


def nominal_frame(reference: Matrix, centre: Matrix, theta: Matrix) -> PoseFrame:
    """The frame in which ``reference`` has the parameters ``theta``."""
    rotation = rotation_from_angles(theta[:3]).T @ reference[:3, :3]
    offset = transform_points(reference, centre) - theta[3:] - rotation @ centre
    return PoseFrame(compose(rotation, offset), centre)
