"""Columns of errors: of the estimate, of the start, to a second reference, at the bound, and as a method states them.

An error is declared once, with the function that reads it from the errors of a pose; the columns of the estimate, of
the start and of a second reference are made from the same declaration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from bench.geometry import PARAMETER_NAMES
from bench.geometry.converters.sopi import OURS_OF_SOPI
from bench.score.bound import ExpectedErrors
from bench.score.column import APART, BOUND_PREFIX, OTHER_PREFIX, STATED_PREFIX, Column, Reading, unit_of
from bench.score.registration import CaseColumn, Errors, Registration, RowColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """An error of a pose; see ``Column`` for the other attributes.

    Attributes:
        of: From the errors of a pose to this one; None where it is not defined.
        expected: From the mean errors of a normal distribution to this one; None where it has no closed form.
    """

    name: str
    heading: str
    unit: str
    definition: str
    of: Callable[[Errors], float | None]
    expected: Callable[[ExpectedErrors], float] | None = None
    reading: Reading = Reading.AUDITED
    decimals: int = 2


_POSE = (
    _Error(
        name="rotation_error_deg",
        heading="Rotation",
        unit="deg",
        definition="Geodesic angle between estimated and true rotation.",
        of=lambda errors: errors.pose.rotation_error_deg,
        expected=lambda mean: mean.rotation_error_deg,
    ),
    _Error(
        name="translation_error_mm",
        heading="Displacement",
        unit="mm",
        definition="Distance between the rotation centre under the estimated and under the true pose.",
        of=lambda errors: errors.pose.translation_error_mm,
        expected=lambda mean: mean.translation_error_mm,
    ),
    _Error(
        name="in_plane_error_mm",
        heading="In plane",
        unit="mm",
        definition="Part of the displacement of the rotation centre parallel to the detector of the first view.",
        of=lambda errors: errors.pose.in_plane_error_mm,
        expected=lambda mean: mean.in_plane_error_mm,
    ),
    _Error(
        name="depth_error_mm",
        heading="Depth",
        unit="mm",
        definition="Part of the displacement of the rotation centre along the axis of the first view, without sign.",
        of=lambda errors: errors.pose.depth_error_mm,
        expected=lambda mean: mean.depth_error_mm,
    ),
    _Error(
        name="double_geodesic_mm",
        heading="Double geodesic",
        unit="mm",
        definition="sqrt((SDD / 2 * angle in rad)^2 + displacement^2); absent where the first view has no SDD.",
        of=lambda errors: errors.pose.double_geodesic_mm,
    ),
)


def _axis(name: str, heading: str, parameter: str, definition: str, reading: Reading) -> _Error:
    """The error of one parameter; ``name`` is the attribute of ``PoseErrors`` that holds it."""
    return _Error(
        name=name,
        heading=heading,
        unit=unit_of(parameter),
        definition=definition,
        of=attrgetter(f"pose.{name}"),
        reading=reading,
    )


_AXES = tuple(
    _axis(
        f"{axis}_error_{unit_of(axis)}",
        axis,
        axis,
        f"|estimated - true| {axis} of theta, our naming.",
        Reading.AUDITED,
    )
    for axis in PARAMETER_NAMES
)

_SOPI_AXES = tuple(
    _axis(
        f"sopi_{axis}_error_{unit_of(axis)}",
        f"{axis} (SOPI)",
        axis,
        f"|estimated - true| {axis} in SOPI's naming, our {ours}.",
        Reading.PAPER,
    )
    for axis, ours in OURS_OF_SOPI.items()
)

_PAPER = (
    _Error(
        name="rotation_axis_mean_deg",
        heading="Rotation",
        unit="deg",
        definition="Mean of |estimated - true| over rx, ry, rz (SOPI Table 1, as its numbers imply).",
        of=lambda errors: errors.pose.rotation_axis_mean_deg,
        expected=lambda mean: mean.rotation_axis_mean_deg,
        reading=Reading.PAPER,
    ),
    _Error(
        name="translation_axis_mean_mm",
        heading="Translation",
        unit="mm",
        definition="Mean of |estimated - true| over tx, ty, tz (SOPI Table 1, as its numbers imply).",
        of=lambda errors: errors.pose.translation_axis_mean_mm,
        expected=lambda mean: mean.translation_axis_mean_mm,
        reading=Reading.PAPER,
    ),
    _Error(
        name="lgff_mtre_mm",
        heading="mTRE (LGFF)",
        unit="mm",
        definition="mPD at the isocentre: landmarks in the image plane, in mm of the object (LGFF-Reg eq. 11).",
        of=lambda errors: errors.landmarks.mpd_isocentre_mm,
        reading=Reading.PAPER,
    ),
    _Error(
        name="lgff_mae",
        heading="MAE (LGFF)",
        unit="",
        definition="Mean of |estimated - true| over the six parameters in rad and 100 mm (LGFF-Reg's units, inferred).",
        of=lambda errors: errors.pose.lgff_mae,
        reading=Reading.PAPER,
        decimals=3,
    ),
)

_LANDMARKS = (
    _Error(
        name="mtre_mm",
        heading="mTRE",
        unit="mm",
        definition="Mean distance between the patient's first landmark set under the estimated and the true pose.",
        of=lambda errors: errors.landmarks.mtre_mm,
        expected=lambda mean: mean.mtre_mm,
    ),
    _Error(
        name="mtre_in_plane_mm",
        heading="mTRE in plane",
        unit="mm",
        definition="Mean part of those distances parallel to the detector of the first view.",
        of=lambda errors: errors.landmarks.mtre_in_plane_mm,
    ),
    _Error(
        name="mtre_depth_mm",
        heading="mTRE in depth",
        unit="mm",
        definition="Mean part of those distances along the axis of the first view, without sign.",
        of=lambda errors: errors.landmarks.mtre_depth_mm,
    ),
    _Error(
        name="mpd_mm",
        heading="mPD",
        unit="mm",
        definition="Mean distance between the landmarks' projections on the first detector; absent without an SDD, "
        "infinite behind the source.",
        of=lambda errors: errors.landmarks.mpd_mm,
    ),
    _Error(
        name="mpd_isocentre_mm",
        heading="mPD at the isocentre",
        unit="mm",
        definition="mPD divided by the magnification at the mean depth of the true landmarks; needs no SDD.",
        of=lambda errors: errors.landmarks.mpd_isocentre_mm,
    ),
    _Error(
        name="mrpd_mm",
        heading="mRPD",
        unit="mm",
        definition="Mean distance from an estimated landmark to the ray from the source through the true projection.",
        of=lambda errors: errors.landmarks.mrpd_mm,
    ),
)


def _of_estimate(error: _Error) -> Column[Registration]:
    return Column(
        name=error.name,
        heading=error.heading,
        unit=error.unit,
        definition=error.definition,
        compute=lambda each: None if each.errors is None else error.of(each.errors),
        reading=error.reading,
        decimals=error.decimals,
        smaller_is_better=True,
    )


def _of_start(error: _Error) -> CaseColumn:
    return CaseColumn(
        name=f"initial_{error.name}",
        heading=f"{error.heading} at the start",
        unit=error.unit,
        definition=f"{error.name} of the start given to the method.",
        compute=lambda each: error.of(each.start),
    )


def _at_bound(error: _Error, expected: Callable[[ExpectedErrors], float]) -> CaseColumn:
    return CaseColumn(
        name=f"{BOUND_PREFIX}{error.name}",
        heading=f"{error.heading}, bound",
        unit=error.unit,
        definition=f"Mean {error.name} of an unbiased estimate that reaches the case's Cramer-Rao bound; absent where "
        "contents are not matched or the distribution of the noise is not stated.",
        compute=lambda each: None if each.bound is None else expected(each.bound),
        reading=error.reading,
        decimals=3,
    )


def _as_stated(error: _Error, expected: Callable[[ExpectedErrors], float]) -> Column[Registration]:
    return Column(
        name=f"{STATED_PREFIX}{error.name}",
        heading=f"{error.heading}, stated",
        unit=error.unit,
        definition=f"Mean {error.name} of a normal distribution with the method's own covariance; absent where it "
        "gives none.",
        compute=lambda each: None if each.stated is None else expected(each.stated),
        decimals=3,
    )


def _to_other(error: _Error) -> Column[Registration]:
    return Column(
        name=f"{OTHER_PREFIX}{error.name}",
        heading=f"{error.heading}, other reference",
        unit=error.unit,
        definition=f"{error.name} to the second reference pose of a real X-ray; absent where there is one alone.",
        compute=lambda each: None if each.errors_to_other is None else error.of(each.errors_to_other),
    )


_APART = CaseColumn(
    name=APART,
    heading="References apart",
    unit="mm",
    definition="mTRE between the two reference poses of a real X-ray; differences below it are not ranked.",
    compute=lambda each: _mtre(each.between_references),
)


def _mtre(errors: Errors | None) -> float | None:
    return None if errors is None else errors.landmarks.mtre_mm


_TO_LANDMARKS = ("mtre_mm", "mtre_in_plane_mm", "mtre_depth_mm")
_AT_START = ("rotation_error_deg", "translation_error_mm", *_TO_LANDMARKS)
_BY_NAME = {error.name: error for error in (*_POSE, *_AXES, *_SOPI_AXES, *_PAPER, *_LANDMARKS)}

ERROR_COLUMNS: tuple[RowColumn, ...] = (
    *(_of_estimate(error) for error in _BY_NAME.values()),
    *(_of_start(_BY_NAME[name]) for name in _AT_START),
    *(_at_bound(each, each.expected) for each in (*_POSE, *_PAPER, *_LANDMARKS) if each.expected is not None),
    *(_as_stated(each, each.expected) for each in (*_POSE, *_LANDMARKS) if each.expected is not None),
    *(_to_other(_BY_NAME[name]) for name in _TO_LANDMARKS),
    _APART,
)
