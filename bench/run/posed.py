"""The cases of a protocol's patients, posed where they are used: the same ones wherever and however often that is."""

from collections.abc import Sequence
from threading import Lock

from bench.cases.build import BuiltCase, build_case, case_ids, landmark_records
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.cases.records import PatientRecord
from bench.contract import Case, patient_origin
from bench.protocol import Protocol

KEPT_BYTES = 300 * 2**20


class PosedPatients:
    """Patients of a protocol; their cases stay in memory while they are small, otherwise they are made again.

    Threads may share it; one of them makes cases at a time.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._dataset = open_dataset(protocol)
        self._kept: dict[str, list[BuiltCase]] = {}
        self._turn = Lock()
        self.ids = patient_ids(protocol, self._dataset)

    def draw(self, patient_id: str) -> tuple[PatientRecord, list[BuiltCase]]:
        """A patient's record and cases."""
        with self._turn:
            patient = self._load(patient_id)
            return self._record(patient), self._pose(patient)

    @property
    def kept(self) -> dict[str, Case]:
        """The cases that stay in memory, by id."""
        with self._turn:
            built = [each.case for cases in self._kept.values() for each in cases]
            return {each.problem.case_id: each for each in built}

    def cases(self, patient_id: str) -> list[BuiltCase]:
        """A patient's cases, with their moving volumes and images."""
        with self._turn:
            kept = self._kept.get(patient_id)
            return self._pose(self._load(patient_id)) if kept is None else kept

    def _load(self, patient_id: str) -> PreparedPatient:
        return load_patient(self._protocol, self._dataset, patient_id)

    def _pose(self, patient: PreparedPatient) -> list[BuiltCase]:
        count = len(case_ids(self._protocol, patient.id))
        cases = [build_case(self._protocol, patient, index) for index in range(count)]
        if _size_bytes(cases) + sum(map(_size_bytes, self._kept.values())) <= KEPT_BYTES:
            self._kept[patient.id] = cases
        return cases

    def _record(self, patient: PreparedPatient) -> PatientRecord:
        return PatientRecord(
            patient_id=patient.id,
            patient_hash=patient.hash,
            dataset=self._protocol.data.dataset,
            origin=patient_origin(self._dataset, patient.id),
            landmarks=landmark_records(patient),
            voxels_hash=patient.patient.volume.voxels_hash(),
            unreferenced=list(patient.unreferenced),
            extent=patient.extent,
        )


def _size_bytes(cases: Sequence[BuiltCase]) -> int:
    """Of what methods are given of a patient."""
    views = [view for each in cases for view in each.case.problem.views]
    images = [array for view in views for array in (view.image, view.valid) if array is not None]
    volumes = {id(each.case.problem.volume): each.case.problem.volume for each in cases}.values()
    held = [each for volume in volumes for each in (volume, volume.whole) if each is not None]
    grids = [grid for each in held for grid in (each.hu, each.labels, each.mask) if grid is not None]
    return sum(array.nbytes for array in (*images, *grids))
