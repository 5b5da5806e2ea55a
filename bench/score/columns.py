"""Every metric, declared once: name, unit, definition, and whose reading it is.

Two readings are kept apart. *Audited* columns use sound definitions; *paper* columns use the definitions of the paper
they are compared with, warts and all. Tables take headings, decimals and direction from here.
"""

from dataclasses import dataclass
from enum import StrEnum

from bench.geometry.converters.sopi import OURS_OF_SOPI
from bench.registry import unknown
from bench.score.provenance import PROVENANCE_COLUMNS


class Reading(StrEnum):
    """Whose definition a column follows."""

    AUDITED = "audited"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of a row.

    Attributes:
        name: Column name, with the unit.
        heading: What tables and axes call it, without the unit.
        unit: ``deg``, ``mm``, ``s`` or empty for counts, flags and words.
        definition: One sentence.
        reading: Audited or paper-compatible.
        decimals: Digits after the point in print.
        smaller_is_better: None where neither is.
    """

    name: str
    heading: str
    unit: str
    definition: str
    reading: Reading = Reading.AUDITED
    decimals: int = 2
    smaller_is_better: bool | None = True

    @property
    def title(self) -> str:
        """Heading with its unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


KEY_COLUMNS = (
    "label",
    "case_id",
    "patient_id",
    "patient_hash",
    *PROVENANCE_COLUMNS,
    "start_distribution",
    "perturbation_hash",
    "outcome",
    "error",
)

# Before a metric's name: that metric of an estimate at the Cramer-Rao bound.
BOUND_PREFIX = "bound_"
# Before a metric's name: that metric as the method's own covariance states it.
STATED_PREFIX = "stated_"
# Before a metric's name: that metric to the second reference pose.
OTHER_PREFIX = "other_"
# mTRE between two reference poses of one X-ray.
APART = "references_apart_mm"

STRICT_DEG = 3.0
STRICT_MM = 3.0


def unit_of(parameter: str) -> str:
    """``deg`` for rx, ry, rz and ``mm`` for tx, ty, tz."""
    return "deg" if parameter.startswith("r") else "mm"


_POSE = (
    Column(
        name="rotation_error_deg",
        heading="Rotation",
        unit="deg",
        definition="Geodesic angle between estimated and true rotation.",
    ),
    Column(
        name="translation_error_mm",
        heading="Displacement",
        unit="mm",
        definition="Distance between the rotation centre under the estimated and under the true pose.",
    ),
    Column(
        name="in_plane_error_mm",
        heading="In plane",
        unit="mm",
        definition="Part of the displacement of the rotation centre parallel to the detector of the first view.",
    ),
    Column(
        name="depth_error_mm",
        heading="Depth",
        unit="mm",
        definition="Part of the displacement of the rotation centre along the axis of the first view, without sign.",
    ),
    Column(
        name="double_geodesic_mm",
        heading="Double geodesic",
        unit="mm",
        definition="sqrt((SDD / 2 * angle in rad)^2 + displacement^2); absent where the first view has no SDD.",
    ),
)

_AXES = tuple(
    Column(
        name=f"{axis}_error_{unit_of(axis)}",
        heading=axis,
        unit=unit_of(axis),
        definition=f"|estimated - true| {axis} of theta, our naming.",
    )
    for axis in ("rx", "ry", "rz", "tx", "ty", "tz")
)

_SOPI_AXES = tuple(
    Column(
        name=f"sopi_{axis}_error_{unit_of(axis)}",
        heading=f"{axis} (SOPI)",
        unit=unit_of(axis),
        definition=f"|estimated - true| {axis} in SOPI's naming, our {ours}.",
        reading=Reading.PAPER,
    )
    for axis, ours in OURS_OF_SOPI.items()
)

_PAPER = (
    Column(
        name="rotation_axis_mean_deg",
        heading="Rotation",
        unit="deg",
        definition="Mean of |estimated - true| over rx, ry, rz (SOPI Table 1, as its numbers imply).",
        reading=Reading.PAPER,
    ),
    Column(
        name="translation_axis_mean_mm",
        heading="Translation",
        unit="mm",
        definition="Mean of |estimated - true| over tx, ty, tz (SOPI Table 1, as its numbers imply).",
        reading=Reading.PAPER,
    ),
    Column(
        name="lgff_mtre_mm",
        heading="mTRE (LGFF)",
        unit="mm",
        definition="mPD at the isocentre: landmarks in the image plane, in mm of the object (LGFF-Reg eq. 11).",
        reading=Reading.PAPER,
    ),
    Column(
        name="lgff_mae",
        heading="MAE (LGFF)",
        unit="",
        definition="Mean of |estimated - true| over the six parameters in rad and 100 mm (LGFF-Reg's units, inferred).",
        reading=Reading.PAPER,
        decimals=3,
    ),
)

_LANDMARKS = (
    Column(
        name="mtre_mm",
        heading="mTRE",
        unit="mm",
        definition="Mean distance between the patient's first landmark set under the estimated and the true pose.",
    ),
    Column(
        name="mtre_in_plane_mm",
        heading="mTRE in plane",
        unit="mm",
        definition="Mean part of those distances parallel to the detector of the first view.",
    ),
    Column(
        name="mtre_depth_mm",
        heading="mTRE in depth",
        unit="mm",
        definition="Mean part of those distances along the axis of the first view, without sign.",
    ),
    Column(
        name="mpd_mm",
        heading="mPD",
        unit="mm",
        definition="Mean distance between the landmarks' projections on the first detector; absent without an SDD, "
        "infinite behind the source.",
    ),
    Column(
        name="mpd_isocentre_mm",
        heading="mPD at the isocentre",
        unit="mm",
        definition="mPD divided by the magnification at the mean depth of the true landmarks; needs no SDD.",
    ),
    Column(
        name="mrpd_mm",
        heading="mRPD",
        unit="mm",
        definition="Mean distance from an estimated landmark to the ray from the source through the true projection.",
    ),
)

_START = tuple(
    Column(
        name=f"initial_{name}",
        heading=f"{heading} at the start",
        unit=unit,
        definition=f"{name} of the start handed to the method.",
        smaller_is_better=None,
    )
    for name, heading, unit in (
        ("rotation_error_deg", "Rotation", "deg"),
        ("translation_error_mm", "Displacement", "mm"),
        ("mtre_mm", "mTRE", "mm"),
        ("mtre_in_plane_mm", "mTRE in plane", "mm"),
        ("mtre_depth_mm", "mTRE in depth", "mm"),
    )
)

_VERDICTS = (
    Column(
        name="success_strict",
        heading="Success, strict",
        unit="",
        definition="Rotation below 3 deg and displacement below 3 mm; False without a pose.",
        smaller_is_better=False,
    ),
    Column(
        name="success_paper",
        heading="Success, lenient",
        unit="",
        definition="Axis-mean rotation below 3 deg or axis-mean translation below 3 mm; False without a pose.",
        reading=Reading.PAPER,
        smaller_is_better=False,
    ),
    Column(
        name="failure",
        heading="Failure",
        unit="",
        definition="success; wrong_basin: in-plane error >= 3 mm or rotation >= 3 deg; depth_only: what else is no "
        "strict success; no_pose.",
        smaller_is_better=None,
    ),
)

_COST = (
    Column(
        name="seconds",
        heading="Time",
        unit="s",
        definition="Wall time of one registration, the harness's clock; preparation apart.",
    ),
    Column(
        name="seconds_prepare",
        heading="Preparation",
        unit="s",
        definition="Wall time of preparing the patient, shared by its cases.",
    ),
    Column(
        name="drr_evaluations",
        heading="DRRs",
        unit="",
        definition="Rendered images, summed over views and resolutions.",
        decimals=0,
    ),
)

_BOUNDED = ("rotation_error_deg", "translation_error_mm", "in_plane_error_mm", "depth_error_mm", "mtre_mm")

_BOUND = tuple(
    Column(
        name=f"{BOUND_PREFIX}{metric.name}",
        heading=f"{metric.heading}, bound",
        unit=metric.unit,
        definition=f"Mean {metric.name} of an unbiased estimate that reaches the case's Cramer-Rao bound; absent where "
        "contents are not matched or no law of noise is stated.",
        reading=metric.reading,
        decimals=3,
        smaller_is_better=None,
    )
    for metric in (*_POSE, *_PAPER, *_LANDMARKS)
    if metric.name in _BOUNDED or metric.name.endswith(("axis_mean_deg", "axis_mean_mm"))
)

_STATED = tuple(
    Column(
        name=f"{STATED_PREFIX}{metric.name}",
        heading=f"{metric.heading}, stated",
        unit=metric.unit,
        definition=f"Mean {metric.name} of a normal law with the method's own covariance; absent where it gives none.",
        decimals=3,
        smaller_is_better=None,
    )
    for metric in (*_POSE, *_LANDMARKS)
    if metric.name in _BOUNDED
)

_OTHER = tuple(
    Column(
        name=f"{OTHER_PREFIX}{metric.name}",
        heading=f"{metric.heading}, other reference",
        unit=metric.unit,
        definition=f"{metric.name} to the second reference pose of a real X-ray; absent where there is one alone.",
        smaller_is_better=None,
    )
    for metric in _LANDMARKS
    if metric.name in ("mtre_mm", "mtre_in_plane_mm", "mtre_depth_mm")
)

_APART = Column(
    name=APART,
    heading="References apart",
    unit="mm",
    definition="mTRE between the two reference poses of a real X-ray: nothing is ranked below it.",
    smaller_is_better=None,
)

COLUMNS: tuple[Column, ...] = (
    *_POSE,
    *_AXES,
    *_SOPI_AXES,
    *_PAPER,
    *_LANDMARKS,
    *_START,
    *_BOUND,
    *_STATED,
    *_OTHER,
    _APART,
    *_VERDICTS,
    *_COST,
)

_BY_NAME = {declared.name: declared for declared in COLUMNS}


def column(name: str) -> Column:
    """The declaration of a metric.

    Raises:
        UnknownNameError: No metric has that name.
    """
    if name not in _BY_NAME:
        raise unknown("metric", name, _BY_NAME)
    return _BY_NAME[name]
