"""The lines of a run's files (JSON lines), from which estimates can be scored again without being computed again.

``patients.jsonl``: PatientRecord; ``problems.jsonl``: ProblemRecord; ``estimates.jsonl``: EstimateRecord;
``truth.jsonl``: TruthRecord. Matrices are nested lists, mm.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Generic, TypeAlias, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.cases.extent import Extent
from bench.contract import Outcome, PatientOrigin
from bench.geometry import Camera, Matrix

MatrixList: TypeAlias = list[list[float]]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Row3 = Annotated[list[_Finite], Field(min_length=3, max_length=3)]
_Row4 = Annotated[list[_Finite], Field(min_length=4, max_length=4)]
_Row6 = Annotated[list[float], Field(min_length=6, max_length=6)]
Vector3 = _Row3
Vector6 = Annotated[list[_Finite], Field(min_length=6, max_length=6)]
Points = list[_Row3]
Matrix3 = Annotated[list[_Row3], Field(min_length=3, max_length=3)]
Matrix4 = Annotated[list[_Row4], Field(min_length=4, max_length=4)]
# Covariances may hold infinity.
Matrix6 = Annotated[list[_Row6], Field(min_length=6, max_length=6)]


class Record(BaseModel):
    """Frozen; unknown keys are refused, NaN and infinity are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ImageSource(StrEnum):
    """How the images of a case were obtained."""

    RENDERED = "rendered"
    """Line integrals of one energy through a CT: a digitally reconstructed radiograph (DRR)."""
    FORMED = "formed"
    """An X-ray simulated with a spectrum, scatter and a detector (``bench.xray.Formation``)."""
    REAL = "real"
    """Acquired with an X-ray system."""


class ImageProvenance(Record):
    """Provenance of the images of a case.

    Attributes:
        source: Rendered, formed or real.
        moving_content: Content of the moving volume: ``bone``, ``body``, ``everything`` or a label's name.
        target_content: Content that a simulated image was made of; None for a real X-ray, which shows everything.
        matched: Whether a simulated image holds line integrals through the voxels of the moving volume and nothing
            else.
        acquisition: Name of a real X-ray acquisition; None for simulated images.
        view: Number of the acquisition's view, from 1; None for simulated images and where all views of the
            acquisition are registered together.
        reference_uncertainty_mm: Uncertainty of a real X-ray's reference pose (mTRE, mm); None where it is unknown.
    """

    source: ImageSource
    moving_content: str
    target_content: str | None = None
    matched: bool = False
    acquisition: str | None = None
    view: int | None = None
    reference_uncertainty_mm: float | None = None


class ViewRecord(Record):
    """Geometry of one view, and the strengths drawn for its image (``bench.cases.simulate``); None where none were."""

    K: Matrix3
    height: int
    width: int
    sdd_mm: float | None
    camera_from_rig: Matrix4
    drawn: dict[str, float] | None = None

    @property
    def camera(self) -> Camera:
        """The camera."""
        return Camera(np.array(self.K), self.height, self.width, self.sdd_mm)


class LandmarkRecord(Record):
    """A named set of world points (n x 3, mm)."""

    name: str
    points: Points


class PatientRecord(Record):
    """A patient that the run used: what scoring needs of it.

    ``origin``: What it was generated from; None for a patient that was imaged. ``voxels_hash``: Of the Hounsfield
    numbers alone (``Volume.voxels_hash``). ``unreferenced``: Names of the X-ray acquisitions that were left out because
    their pose is unknown. ``extent``: Of the volume behind simulated X-rays; None in records of earlier versions.
    """

    patient_id: str
    patient_hash: str
    dataset: str
    origin: PatientOrigin | None = None
    landmarks: list[LandmarkRecord]
    voxels_hash: str | None = None
    unreferenced: list[str] = []
    extent: Extent | None = None


class ProblemRecord(Record):
    """A case without its ground truth."""

    case_id: str
    patient_id: str
    patient_hash: str
    images: ImageProvenance
    start_distribution: str
    views: list[ViewRecord]
    start: Matrix4
    nominal: Matrix4
    centre: Vector3
    search: Vector6
    seed: int
    redraws: int
    target_hash: str
    landmarks_hash: str
    truth_hash: str
    perturbation_hash: str


class EstimateRecord(Record):
    """One registration; what another program answered lacks what is measured in a method's process.

    Attributes:
        pose: 4x4, mm; None where the registration failed, ``error`` then states why.
        seconds: Wall time from problem to answer; None if it was skipped.
        seconds_prepare: Wall time of preparing the patient, shared by its cases.
        processor_seconds: Processor time of the method's process for this case, all threads.
        processor_seconds_prepare: The same of preparing the patient.
        threads: That the process may use.
        reference_seconds: Processor time of the reference kernel (``bench.run.reference_kernel``), in the harness (or
            its worker) before and after this case, at most seconds away: a busy machine slows both.
        drr_evaluations: Images rendered by the projector; of another program, as it states them.
        drr_evaluations_prepare: The same while preparing the patient.
        drr_evaluations_stated: As the method states them.
        worker: Where it was computed: the machine, and the worker's name where a run has several. None in rows of
            earlier versions, and of other programs.
        processor: Type of that machine's processor; None likewise.
        recipe: Of what made it (``bench.run.recipe``); None likewise.
        trace: Progress of its search, where the method states it: pairs of DRR evaluations so far and the best value
            of what it minimises, a few of them; None likewise.
        confidence: Probability of the right basin, as the method states it; None where it does not.
        seal: Checksum of the other fields, which the run adds as it writes the line.
    """

    label: str
    case_id: str
    perturbation_hash: str
    pose: Matrix4 | None
    outcome: Outcome
    seconds: float | None
    seconds_prepare: float
    seconds_by_phase: dict[str, float]
    drr_evaluations: int
    processor_seconds: float | None = None
    processor_seconds_prepare: float | None = None
    threads: int | None = None
    reference_seconds: float | None = None
    drr_evaluations_prepare: int = 0
    drr_evaluations_stated: int | None = None
    covariance: Matrix6 | None = None
    error: str | None = None
    worker: str | None = None
    processor: str | None = None
    recipe: str | None = None
    trace: list[tuple[int, float]] | None = None
    confidence: float | None = None
    seal: str | None = None

    def sealed(self) -> "EstimateRecord":
        """The record with its checksum."""
        return self.model_copy(update={"seal": self._checksum()})

    @property
    def intact(self) -> bool:
        """Whether it is as it was sealed; true of one that never was."""
        return self.seal in (None, self._checksum())

    def _checksum(self) -> str:
        # Rows that were sealed before these fields existed have none of them.
        absent = {
            name for name in ("worker", "processor", "recipe", "trace", "confidence") if getattr(self, name) is None
        }
        return hashlib.sha256(self.model_dump_json(exclude={"seal", *absent}).encode()).hexdigest()[:16]


class TruthRecord(Record):
    """The ground truth of one case.

    ``bound``: Cramer-Rao bound of the pose (``bench.xray.bound``), where content is matched and noise is stated.
    ``other``: A second reference pose, where a real X-ray has two; ``truth`` is then the first.
    """

    case_id: str
    truth: Matrix4
    bound: Matrix6 | None = None
    other: Matrix4 | None = None


RecordType = TypeVar("RecordType", bound=Record)


@dataclass(frozen=True, slots=True)
class Lines(Generic[RecordType]):
    """A JSON-lines file, as far as it can be read.

    Attributes:
        records: By line number, from 1.
        damaged: Why a line is no record, by its number.
        torn: Bytes after the last line break: what a killed run had begun to write.
    """

    records: dict[int, RecordType]
    damaged: dict[int, str]
    torn: bytes


def read_lines(path: Path, kind: type[RecordType]) -> Lines[RecordType]:
    """Read a JSON-lines file, none as an empty one; a line that cannot be read costs no other."""
    records, damaged, torn = dict[int, RecordType](), dict[int, str](), b""
    for number, line in _lines(path):
        if not line.endswith(b"\n"):
            torn = line
            continue
        found = _record(line, kind)
        if isinstance(found, str):
            damaged[number] = found
        else:
            records[number] = found
    return Lines(records, damaged, torn)


def stream_records(path: Path, kind: type[RecordType]) -> Iterator[RecordType]:
    """The records of a JSON-lines file one by one; a half-written last line (a killed run) is left out.

    Raises:
        ValueError: Names the first line that is damaged.
    """
    for number, line in _lines(path):
        if line.endswith(b"\n"):
            found = _record(line, kind)
            if isinstance(found, str):
                raise ValueError(f"line {number} is {found}")
            yield found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their breaks and their numbers, from 1; none of a file that is not there."""
    if path.is_file():
        with path.open("rb") as file:
            yield from enumerate(file, start=1)


def _record(line: bytes, kind: type[RecordType]) -> RecordType | str:
    """A record, or why the line is none."""
    try:
        record = kind.model_validate_json(line)
    except ValueError:
        return "no record"
    if isinstance(record, EstimateRecord) and not record.intact:
        return "not what was written (its checksum differs)"
    return record


def read_records(path: Path, kind: type[RecordType]) -> list[RecordType]:
    """Read a JSON-lines file; a half-written last line (a killed run) is left out.

    Raises:
        ValueError: Names the lines that are damaged.
    """
    lines = read_lines(path, kind)
    if lines.damaged:
        raise ValueError("; ".join(f"line {number} is {why}" for number, why in lines.damaged.items()))
    return list(lines.records.values())


def as_list(matrix: Matrix) -> MatrixList:
    """A matrix as nested lists."""
    rows: MatrixList = matrix.tolist()
    return rows
