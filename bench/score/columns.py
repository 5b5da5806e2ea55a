"""Every column of the score rows, declared once: name, unit, definition, whose definition it is, and its computation.

Two readings are kept apart. *Audited* columns use sound definitions; *paper* columns use the definitions of the paper
they are compared with, whatever their weaknesses. Tables take headings, decimals and direction from here.
"""

from collections.abc import Callable
from typing import Any

from bench.contract import PatientOrigin
from bench.registry import unknown
from bench.score.column import Column, Reading
from bench.score.error_columns import ERROR_COLUMNS
from bench.score.provenance import PROVENANCE_COLUMNS
from bench.score.registration import CaseColumn, Registration, RowColumn, ScoredCase

# Columns that may be empty throughout; their type does not depend on that.
ORIGIN_TYPES: dict[str, Any] = {"patient_revision": "Int64", "patient_seed": "Int64"}


def _key(
    name: str, heading: str, definition: str, compute: Callable[[Registration], str | int | None]
) -> Column[Registration]:
    """A column that identifies a row or states how it ended."""
    return Column(name=name, heading=heading, definition=definition, compute=compute)


def _case_key(
    name: str, heading: str, definition: str, compute: Callable[[ScoredCase], str | int | None]
) -> CaseColumn:
    """A column that identifies a case."""
    return CaseColumn(name=name, heading=heading, definition=definition, compute=compute)


def _of_origin(heading: str, definition: str, field: Callable[[PatientOrigin], str | int]) -> CaseColumn:
    """A column ``patient_<heading>`` of what the patient was generated from."""

    def compute(each: ScoredCase) -> str | int | None:
        origin = each.patient.origin
        return None if origin is None else field(origin)

    return _case_key(
        f"patient_{heading.lower()}", heading, f"{definition}; absent for a patient that was imaged.", compute
    )


KEY_COLUMNS: tuple[RowColumn, ...] = (
    _key("label", "Method", "Label of the method in the protocol.", lambda each: each.estimate.label),
    _key("case_id", "Case", "Patient and number of the case.", lambda each: each.estimate.case_id),
    _case_key("patient_id", "Patient", "Name of the patient in its dataset.", lambda each: each.problem.patient_id),
    _case_key(
        "patient_hash", "Patient hash", "Fingerprint of the patient's CT.", lambda each: each.problem.patient_hash
    ),
    _of_origin("Generator", "Generator of a procedural patient", lambda origin: origin.generator),
    _of_origin("Revision", "Revision of the patient's generator", lambda origin: origin.revision),
    _of_origin("Seed", "Seed that the patient was generated from", lambda origin: origin.seed),
    *PROVENANCE_COLUMNS,
    _case_key(
        "start_distribution",
        "Start distribution",
        "Name of the distribution that the start was drawn from, in the protocol.",
        lambda each: each.problem.start_distribution,
    ),
    _key(
        "perturbation_hash",
        "Perturbation hash",
        "Fingerprint of all cases of the run; methods are compared where it is equal.",
        lambda each: each.estimate.perturbation_hash,
    ),
    _key(
        "outcome",
        "Outcome",
        "How the registration ended, as the method or the harness states it.",
        lambda each: str(each.estimate.outcome.value),
    ),
    _key(
        "error", "Error", "Message of a registration that failed; absent otherwise.", lambda each: each.estimate.error
    ),
)

_VERDICTS: tuple[Column[Registration], ...] = (
    Column(
        name="success_strict",
        heading="Success, strict",
        definition="Rotation below 3 deg and displacement below 3 mm; False without a pose.",
        compute=lambda each: each.success_strict,
        smaller_is_better=False,
    ),
    Column(
        name="success_paper",
        heading="Success, lenient",
        definition="Axis-mean rotation below 3 deg or axis-mean translation below 3 mm; False without a pose.",
        compute=lambda each: each.success_lenient,
        reading=Reading.PAPER,
        smaller_is_better=False,
    ),
    Column(
        name="failure",
        heading="Failure",
        definition="success; wrong_basin: in-plane error >= 3 mm or rotation >= 3 deg; depth_only: every other "
        "estimate that is no strict success; no_pose.",
        compute=lambda each: each.failure,
    ),
)

_STATED: tuple[Column[Registration], ...] = (
    Column(
        name="confidence",
        heading="Confidence",
        definition="Probability, as the method states it, that the pose is in the right basin: rotation below 3 deg "
        "and displacement in the image plane below 3 mm; absent where it states none.",
        compute=lambda each: each.estimate.confidence,
        smaller_is_better=False,
    ),
)

_COST: tuple[Column[Registration], ...] = (
    Column(
        name="seconds",
        heading="Time",
        unit="s",
        definition="Wall time of one registration from problem to answer, measured in the method's process; without "
        "preparation.",
        compute=lambda each: each.estimate.seconds,
        smaller_is_better=True,
    ),
    Column(
        name="processor_seconds",
        heading="Processor time",
        unit="s",
        definition="Processor time of the method's process for one registration, all threads; does not depend on the "
        "load of the machine.",
        compute=lambda each: each.estimate.processor_seconds,
        smaller_is_better=True,
    ),
    Column(
        name="seconds_prepare",
        heading="Preparation",
        unit="s",
        definition="Wall time of preparing the patient, shared by its cases.",
        compute=lambda each: each.estimate.seconds_prepare,
        smaller_is_better=True,
    ),
    Column(
        name="processor_seconds_prepare",
        heading="Preparation, processor",
        unit="s",
        definition="Processor time of preparing the patient, shared by its cases.",
        compute=lambda each: each.estimate.processor_seconds_prepare,
        smaller_is_better=True,
    ),
    Column(
        name="threads",
        heading="Threads",
        definition="Threads that the method's process may use.",
        compute=lambda each: each.estimate.threads,
        decimals=0,
    ),
    Column(
        name="drr_evaluations",
        heading="DRRs",
        definition="Images rendered for one registration, summed over views and resolutions, counted by the projector "
        "in the method's process.",
        compute=lambda each: each.estimate.drr_evaluations,
        decimals=0,
        smaller_is_better=True,
    ),
    Column(
        name="drr_evaluations_prepare",
        heading="DRRs, preparation",
        definition="Images rendered while preparing the patient.",
        compute=lambda each: each.estimate.drr_evaluations_prepare,
        decimals=0,
        smaller_is_better=True,
    ),
)

COLUMNS: tuple[RowColumn, ...] = (*ERROR_COLUMNS, *_VERDICTS, *_STATED, *_COST)

_BY_NAME = {declared.name: declared for declared in COLUMNS}


def column(name: str) -> RowColumn:
    """The declaration of a metric.

    Raises:
        UnknownNameError: No metric has that name.
    """
    if name not in _BY_NAME:
        raise unknown("metric", name, _BY_NAME)
    return _BY_NAME[name]
