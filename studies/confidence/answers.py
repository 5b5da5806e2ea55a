"""Answers with a known truth: of realistic X-rays of validation phantoms, as they are and under stress."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases.build import build_case, case_ids
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.contract import Case
from bench.geometry import Matrix
from bench.metrics.pose import pose_errors
from bench.protocol import Protocol, read_protocol
from bench.registry import build
from bench.score.registration import STRICT_DEG, STRICT_MM
from studies.rows import Row, Rows

# What is told wrongly of the camera moves the answer and leaves no trace in the image: nothing could be calibrated.
_UNSEEN = ("focal-length", "principal-point")


@dataclass(frozen=True, slots=True)
class Source:
    """Answers of one method under one protocol.

    Attributes:
        method: Its plug-in.
        protocol: Its name.
        patients: Validation phantoms, the first ones.
        settings: Of the method: fewer starts give wrong answers, too, which the method as it stands hardly has.
    """

    method: str
    protocol: str
    patients: int
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For rows."""
        set_to = "".join(f" {key}={value}" for key, value in self.settings.items())
        return f"{self.method}{set_to} {self.protocol}"


SOURCES = (
    Source("opt_whole_ct", "mismatch", 40, {}),
    Source("opt_whole_ct", "mismatch", 40, {"starts": 1}),
    Source("opt_whole_ct", "stress", 8, {}),
    Source("opt_whole_ct", "stress", 8, {"starts": 1}),
    Source("opt_hybrid", "mismatch", 40, {}),
    Source("opt_hybrid", "mismatch", 40, {"searches": 1}),
    Source("opt_hybrid", "stress", 8, {}),
)


def collect(folder: Path, sources: tuple[Source, ...] = SOURCES) -> Iterator[tuple[str, list[Row]]]:
    """Rows of each source, those that are in the folder and those that are made now; with what is under way."""
    rows = Rows(folder, "answers")
    for source in sources:
        protocol = _protocol(source)
        dataset = open_dataset(protocol)
        for patient_id in patient_ids(protocol, dataset):
            cases = list(enumerate(case_ids(protocol, patient_id)))
            names = [f"{source.name} {case_id}" for _, case_id in cases]
            if not all(name in rows.found for name in names):
                for name, row in zip(names, _answers(source, protocol, patient_id), strict=True):
                    rows.once(name, partial(_known, row))
            yield f"{source.name} {patient_id}", [rows.found[name] for name in names]


def _known(row: Row) -> Row:
    return row


def _protocol(source: Source) -> Protocol:
    wanted = {"data": {"split": "validation", "patients": source.patients}}
    protocol = read_protocol(source.protocol, "quick", wanted)
    if protocol.stress is None:
        return protocol
    kept = {name: each for name, each in protocol.stress.factors.items() if name not in _UNSEEN}
    return protocol.model_copy(update={"stress": protocol.stress.model_copy(update={"factors": kept})})


def _answers(source: Source, protocol: Protocol, patient_id: str) -> Iterator[Row]:
    method: Any = build("methods", source.method, dict(source.settings))
    patient = load_patient(protocol, open_dataset(protocol), patient_id)
    prepared: Any = None
    for number, _ in enumerate(case_ids(protocol, patient_id)):
        case = build_case(protocol, patient, number).case
        if prepared is None:
            prepared = method.prepare(case.problem.volume, case.problem.views)
        yield _row(source, case, method.fit(case.problem, prepared))


def _row(source: Source, case: Case, fitted: Any) -> Row:
    """Whether an answer is in the right basin, its features, and its errors in units of its deviations."""
    problem = case.problem
    view = problem.views[0]
    errors = pose_errors(fitted.estimate.pose, case.truth, problem.frame, view.camera_from_rig)
    apart = problem.frame.parameters(fitted.estimate.pose) - problem.frame.parameters(case.truth)
    return {
        "method": source.method,
        "protocol": source.protocol,
        "patient": problem.patient_id,
        "right": bool(errors.rotation_error_deg < STRICT_DEG and errors.in_plane_error_mm < STRICT_MM),
        "features": dict(fitted.features),
        "errors": None if fitted.inverse is None else _by_deviations(apart, fitted.inverse),
    }


def _by_deviations(apart: Matrix, inverse: Matrix) -> list[float]:
    return [float(each) for each in np.asarray(apart) / np.sqrt(np.diagonal(inverse))]
