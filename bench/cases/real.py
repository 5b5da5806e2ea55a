"""Cases on real X-rays: a patient's images, their reference poses, and starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.contract import Acquisition, View
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame
from bench.perturb import PoseDistribution, SamplingConstraints, StartDistribution, draw_case, sample_nominal_pose

_FIXED = PoseDistribution("uniform", (0.0,) * 6)


class AcquiredError(FluorobenchError):
    """Real X-rays that a protocol cannot use."""


@dataclass(frozen=True, slots=True, eq=False)
class RealTarget:
    """X-rays of one problem with their reference pose.

    Attributes:
        acquisition: Its name.
        view: Number of the only view, from 1; None = all views of the acquisition.
        views: With images; the first one's camera is the rig where it stands alone.
        reference: rig_from_world, 4x4, mm.
        uncertainty_mm: Of the reference (mTRE); None where it is unknown.
        other: A second reference, rig_from_world, where there is one.
    """

    acquisition: str
    view: int | None
    views: tuple[View, ...]
    reference: Matrix
    uncertainty_mm: float | None
    other: Matrix | None = None

    @property
    def name(self) -> str:
        """Acquisition and view, for messages; it also seeds the nominal pose of the image."""
        return self.acquisition if self.view is None else f"{self.acquisition} view {self.view}"


@dataclass(frozen=True, slots=True, eq=False)
class RealDraw:
    """Nominal pose and start of a case on real X-rays.

    Attributes:
        frame: The nominal pose that methods are given, and the rotation centre.
        start: rig_from_world, 4x4, mm.
        redraws: Rejected draws before this one.
    """

    frame: PoseFrame
    start: Matrix
    redraws: int


def real_targets(acquisitions: Sequence[Acquisition], views: Literal["each", "all"]) -> tuple[RealTarget, ...]:
    """The problems that acquisitions with a reference hold: each view alone, or all views of each together."""
    known = [each for each in acquisitions if each.reference is not None]
    if acquisitions and not known:
        raise AcquiredError(
            "X-rays without a reference pose have no truth to be scored by; find one with `fluorobench reference`"
        )
    if views == "all":
        return tuple(_target(each, None, each.views, np.eye(4)) for each in known)
    return tuple(
        _target(each, number, (_alone(view),), view.camera_from_rig)
        for each in known
        for number, view in enumerate(each.views, start=1)
    )


def unreferenced(acquisitions: Sequence[Acquisition]) -> tuple[str, ...]:
    """Names of the acquisitions that ``real_targets`` leaves out."""
    return tuple(each.id for each in acquisitions if each.reference is None)


def _alone(view: View) -> View:
    return replace(view, camera_from_rig=np.eye(4))


def _target(acquisition: Acquisition, view: int | None, views: tuple[View, ...], rig: Matrix) -> RealTarget:
    if acquisition.reference is None:
        raise AcquiredError(f"acquisition {acquisition.id} has no reference pose; find one first")
    other = None if acquisition.other_reference is None else rig @ acquisition.other_reference
    uncertainty_mm = acquisition.reference_uncertainty_mm
    target = RealTarget(acquisition.id, view, views, rig @ acquisition.reference, uncertainty_mm, other)
    require_finite(target.name, views)
    return target


def require_finite(name: str, views: Sequence[View]) -> None:
    """Raise ``AcquiredError`` unless pixels that count are numbers.

    Similarities of other values are meaningless, and no method reports that.

    Args:
        name: Of the images, for the message.
        views: Those without an image are not checked.
    """
    for number, view in enumerate(views, start=1):
        bad = np.zeros((), dtype=np.bool_) if view.image is None else ~np.isfinite(view.image)
        count = int(np.count_nonzero(bad if view.valid is None else bad & view.valid))
        if count:
            raise AcquiredError(
                f"{name}, image {number}: expected finite line integrals where valid, got {count} pixels of NaN or "
                "infinity; mask them (View.valid), or correct the image or the volume it was made of"
            )


def draw_real_case(
    target: RealTarget,
    constraints: SamplingConstraints,
    distributions: tuple[PoseDistribution, StartDistribution],
    random: np.random.Generator,
    *,
    nominal: np.random.Generator | None = None,
) -> RealDraw:
    """Draw the nominal pose that methods are given and where the search starts.

    The reference is the truth and is not drawn. The nominal pose differs from it by one draw of the truth's
    distribution, as in a simulation; the reference itself would reveal the truth, and so would the mean of several
    draws or of several starts about it: an image has one nominal pose in all of its cases, drawn by ``nominal``, and
    starts are drawn about that pose, whatever the distribution's ``about`` is.

    Args:
        target: The X-rays.
        constraints: Centre, points and search half-widths of the patient; its frame's pose is not used.
        distributions: Of the truth about the nominal pose, and of the start.
        random: Random generator of the start.
        nominal: Draws the nominal pose (``bench.perturb.nominal_pose_generator``); None = ``random``.

    Raises:
        AcquiredError: Starts at stated distances from the truth.
        DrawError: The truth's distribution hardly ever falls within the search half-widths, or no admissible start.
    """
    truth, start = distributions[0], about_nominal(distributions[1])
    centre, generator = constraints.frame.centre, random if nominal is None else nominal
    frame, redraws = sample_nominal_pose(target.reference, centre, truth, constraints.search, generator)
    view = target.views[0]
    around = replace(constraints, frame=frame, camera=view.camera, camera_from_rig=view.camera_from_rig)
    draw = draw_case(_FIXED, start, around, random)
    return RealDraw(frame, frame.pose(draw.start), redraws + draw.redraws)


def about_nominal(start: StartDistribution) -> PoseDistribution:
    """The distribution of starts on real X-rays; raises ``AcquiredError`` where they are defined by the truth alone."""
    if not isinstance(start, PoseDistribution):
        raise AcquiredError(
            "expected starts on real X-rays about the nominal pose, got starts at distances from the true one, which "
            "would disclose it; choose a start distribution of kind normal or uniform"
        )
    return replace(start, about="nominal")
