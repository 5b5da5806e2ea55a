"""Draw truth and start of a case; a pose outside the geometry of the C-arm is redrawn and counted."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, PoseFrame, transform_points
from bench.perturb.distribution import PoseDistribution, StartContext
from bench.perturb.mtre_start import MtreStartDistribution

NEAREST_MM = 50.0
MAX_REDRAWS = 1000

StartDistribution: TypeAlias = PoseDistribution | MtreStartDistribution


class DrawError(FluorobenchError):
    """The distributions of a protocol have no admissible draw for a patient."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Truth and start of one case.

    Attributes:
        truth: theta, (6,), degrees and mm.
        start: Same.
        redraws: Rejected draws before these two.
    """

    truth: Matrix
    start: Matrix
    redraws: int


@dataclass(frozen=True, slots=True, eq=False)
class SamplingConstraints:
    """Constraints on a draw.

    Attributes:
        frame: The frame of theta.
        camera: With its SDD; without one only the near limit holds.
        camera_from_rig: 4x4, mm.
        points: World points (n, 3) on the content: none may come within ``NEAREST_MM`` of the source in depth or pass
            the detector's plane.
        search: Half-widths about the nominal pose that must hold the truth.
        marks: World points (n, 3) that target registration errors are measured at; None = ``points``.
    """

    frame: PoseFrame
    camera: Camera
    camera_from_rig: Matrix
    points: Matrix
    search: Matrix
    marks: Matrix | None = None

    def around(self, truth: Matrix, index: int) -> StartContext:
        """Context in which the start of the patient's case number ``index`` is drawn."""
        return StartContext(truth, self.frame, self.points if self.marks is None else self.marks, index)

    def allows(self, theta: Matrix) -> bool:
        """Whether the content stands between source and detector at this pose."""
        pose = self.camera_from_rig @ self.frame.pose(theta)
        depth = transform_points(pose, self.points)[:, 2]
        far = np.inf if self.camera.sdd_mm is None else self.camera.sdd_mm
        return bool(depth.min() >= NEAREST_MM and depth.max() <= far)


def draw_case(
    truth_distribution: PoseDistribution,
    start_distribution: StartDistribution,
    constraints: SamplingConstraints,
    random: np.random.Generator,
    *,
    index: int = 0,
) -> Draw:
    """Draw one truth and one start.

    Args:
        truth_distribution: About the nominal pose.
        start_distribution: About the truth or the nominal pose, by its field ``about``.
        constraints: What both must respect.
        random: Random generator.
        index: Number of the case among the patient's.

    Raises:
        DrawError: No admissible pair in ``MAX_REDRAWS`` draws.
    """
    for redraws in range(MAX_REDRAWS):
        truth = truth_distribution.draw(random)
        start = start_distribution.start(random, constraints.around(truth, index))
        inside = bool((np.abs(truth) <= constraints.search).all())
        if inside and constraints.allows(truth) and constraints.allows(start):
            return Draw(truth, start, redraws)
    raise DrawError(
        f"no admissible pose in {MAX_REDRAWS} draws: the volume must stay {NEAREST_MM:g} mm from the source and "
        "before the detector; lower the distributions' widths or change the camera's depth_mm"
    )
