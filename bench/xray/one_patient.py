"""Datasets of one patient: a folder with a CT and X-rays that were really taken."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Acquisition, Patient, Split
from bench.files import expanded_path
from bench.volume import Volume
from bench.xray.line_integrals import XrayError


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePatient(ABC):
    """One CT with its X-rays; every split answers with this one patient, since a folder belongs to no population.

    Attributes:
        folder: Holds the files; environment variables in it are expanded.
        id: The patient's name; by default the folder's.
        binning: X-ray pixels are means of blocks of this edge.
    """

    folder: str
    id: str | None = None
    binning: int = 1

    def __post_init__(self) -> None:
        if self.binning < 1:
            raise XrayError(f"binning must be at least 1; got {self.binning}")

    @property
    def name(self) -> str:
        """Of the patient."""
        return self.id or self.root.name

    @property
    def root(self) -> Path:
        """The folder."""
        return expanded_path(self.folder)

    def patient_ids(self, split: Split) -> Sequence[str]:
        """The one patient, for any split."""
        return (self.name,)

    def patient(self, patient_id: str) -> Patient:
        """Read the CT, the X-rays and what is known of their poses.

        Raises:
            FluorobenchError: Another id, a folder without the files expected, or a file that cannot be used.
        """
        if patient_id != self.name:
            dataset = type(self).__name__.casefold()
            raise XrayError(f"no patient {patient_id!r} in {dataset}; its one patient is {self.name!r}")
        acquisitions, volume = self.acquisitions(), self.volume()
        return Patient(patient_id, volume.fingerprint(), volume, acquisitions=acquisitions)

    @abstractmethod
    def volume(self) -> Volume:
        """Read the CT."""

    @abstractmethod
    def acquisitions(self) -> tuple[Acquisition, ...]:
        """Read the X-rays; an acquisition is views that were taken at once."""
