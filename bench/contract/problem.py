"""A problem, which is given to a method, and a case, which adds the ground truth and stays in the harness."""

from dataclasses import dataclass, field, fields, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Camera, Matrix, PoseFrame
from bench.perturb import PoseDistribution
from bench.volume import Volume

Image: TypeAlias = NDArray[np.float32]


def _identity() -> Matrix:
    return np.eye(4)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One X-ray view of a rig.

    Attributes:
        camera: Intrinsics.
        camera_from_rig: 4x4, mm; the identity for a single view.
        image: Line integrals -log(I / I0), float32, (height, width), as seen from the source; None where only the
            geometry is known (``Method.prepare``).
        valid: Pixels inside collimator and border, bool, same shape; None = all.
    """

    camera: Camera
    camera_from_rig: Matrix = field(default_factory=_identity)
    image: Image | None = None
    valid: NDArray[np.bool_] | None = None

    def without_image(self) -> "View":
        """The geometry alone."""
        return replace(self, image=None, valid=None)


@dataclass(frozen=True, slots=True, eq=False)
class SearchSpace:
    """Where the true pose may lie: what problems state besides volume, images and start.

    Attributes:
        nominal: See ``Problem``, as the others.
        centre: Rotation centre, world mm.
        search: Half-widths (degrees x 3, mm x 3) about ``nominal``.
        moving: What of the CT the volume holds.
        truth_distribution: How true poses were drawn about the nominal one; None where it is unknown.
        start_distribution: How starts were drawn; None where it is unknown.
    """

    nominal: Matrix
    centre: Matrix
    search: Matrix
    moving: str = ""
    truth_distribution: PoseDistribution | None = None
    start_distribution: PoseDistribution | None = None

    @property
    def frame(self) -> PoseFrame:
        """The frame that theta is measured in."""
        return PoseFrame(self.nominal, self.centre)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One registration: find rig_from_world.

    Attributes:
        case_id: Name of the case within its run.
        patient_id: The patient's name.
        patient_hash: The patient's fingerprint.
        volume: The moving volume: its content mask marks the object to register. Its ``whole`` is the CT that it was
            cut from, for methods whose card asks for it (``uses_whole_ct``), else None.
        views: One or more views with images.
        start: rig_from_world to start from, 4x4, mm; it may lie outside ``search``.
        nominal: The protocol's nominal pose, rig_from_world, 4x4, mm.
        centre: Rotation centre, world mm; translation errors are displacements of it.
        search: Half-widths (degrees x 3, mm x 3) about ``nominal`` that hold the truth; any method may use them as
            bounds.
        seed: For the method's own random numbers; independent of the protocol's seed.
        moving: What of the CT ``volume`` holds: ``bone``, ``body``, ``everything`` or a label's name; empty where
            unknown.
        truth_distribution: How true poses were drawn about the nominal one; None where it is unknown. Of a real X-ray
            the nominal pose was drawn so about the reference pose.
        start_distribution: How starts were drawn; None where it is unknown. On real X-rays about the nominal pose; for
            starts at given distances, independent normal distributions of the same standard deviations.
    """

    case_id: str
    patient_id: str
    patient_hash: str
    volume: Volume
    views: tuple[View, ...]
    start: Matrix
    nominal: Matrix
    centre: Matrix
    search: Matrix
    seed: int
    moving: str = ""
    truth_distribution: PoseDistribution | None = None
    start_distribution: PoseDistribution | None = None

    @property
    def frame(self) -> PoseFrame:
        """The frame that theta is measured in."""
        return PoseFrame(self.nominal, self.centre)

    @property
    def space(self) -> SearchSpace:
        """Where the true pose may lie."""
        return SearchSpace(**{each.name: getattr(self, each.name) for each in fields(SearchSpace)})


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A problem and its answer; the harness alone holds it.

    Attributes:
        problem: The part that a method is given.
        truth: rig_from_world, 4x4, mm.
    """

    problem: Problem
    truth: Matrix
