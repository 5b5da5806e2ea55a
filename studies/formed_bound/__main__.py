"""``python -m studies.formed_bound [--data FOLDER]``: bounds of a protocol's first cases, body and bone alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from bench.cases.build import build_case
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.cli.console import output
from bench.cli.several_cts import cts_of
from bench.contract import Case
from bench.geometry import Matrix
from bench.protocol import Protocol, load_protocol
from bench.score.bound import NormalEstimate, expected_errors
from bench.xray.bound import pose_bound
from bench.xray.formation import Materials
from bench.xray.formed_bound import formed_information

_HEAD = """\
| patient | target | about x | about y | about z, deg | x | y | z, mm | mTRE, mm |
|---|---|--:|--:|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Standard deviations that no unbiased estimate of the pose falls below, the image formation being known."""

    protocol: str = "mismatch"
    """With a formation and one view."""

    profile: str = "quick"
    """Of the protocol."""

    data: Path | None = None
    """Folder or list of several CTs in place of the protocol's patients."""

    cases: int = 1
    """Of each patient; medians are printed."""

    def __call__(self) -> None:
        """Print a row for each patient and target."""
        listed = None if self.data is None else cts_of(self.data)
        over: dict[str, Any] = {} if listed is None else {"data": listed}
        protocol = load_protocol(self.protocol, self.profile, {**over, "start": {"per_patient": max(self.cases, 2)}})
        dataset = open_dataset(protocol)
        output.print(_HEAD, markup=False, soft_wrap=True)
        for patient_id in patient_ids(protocol, dataset):
            prepared = load_patient(protocol, dataset, patient_id)
            cases = [build_case(protocol, prepared, index).case for index in range(self.cases)]
            for target in ("whole body", "bone alone"):
                rows = [deviations(protocol, prepared, case, body=target == "whole body") for case in cases]
                numbers = " | ".join(f"{each:.4f}" for each in np.median(rows, axis=0))
                output.print(f"| {patient_id} | {target} | {numbers} |", markup=False, soft_wrap=True)


def deviations(protocol: Protocol, prepared: PreparedPatient, case: Case, *, body: bool) -> Matrix:
    """Six standard deviations (twist in camera axes, degrees and mm) and the mean mTRE, mm.

    Args:
        protocol: With a formation.
        prepared: The patient.
        case: One of its cases.
        body: Whether the X-ray shows what the protocol says, or the moving content alone, in air.
    """
    formation, view = protocol.target.formation, case.problem.views[0]
    if formation is None or prepared.materials is None:
        raise ValueError("the protocol forms no images")
    law = prepared.patient.volume.attenuation
    materials = prepared.materials if body else Materials.split(prepared.moving_map, law)
    covariance = pose_bound(formed_information(materials, view, case.truth, prepared.frame.centre, formation))
    if covariance is None:
        return np.full(7, np.inf)
    points = prepared.landmarks[-1].points
    normal = NormalEstimate(covariance, case.truth, prepared.frame, points, view.camera_from_rig)
    [errors] = expected_errors([normal])
    return np.array([*np.sqrt(np.diagonal(covariance)), errors.mtre_mm])


if __name__ == "__main__":
    tyro.cli(Bounds)()
