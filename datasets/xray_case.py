"""One patient with X-rays of one's own, described by one TOML file (``bench.xray.case`` says how)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contract import Card, Patient, Split
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.xray.case import XrayCase as Case


class XrayCaseError(FluorobenchError):
    """A patient that the case is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XrayCase:
    """A CT and its X-rays; every split answers with this one patient.

    Attributes:
        case: The TOML file; environment variables in it are expanded.
    """

    case: str

    def patient_ids(self, split: Split) -> Sequence[str]:
        """The one patient, whatever the split: a file belongs to no population."""
        return (self._read().id,)

    def patient(self, patient_id: str) -> Patient:
        """Read CT, images, calibrations and the reference.

        Raises:
            FluorobenchError: Another id, files that cannot be used, or a value that is missing, by its name.
        """
        case = self._read()
        if patient_id != case.id:
            raise XrayCaseError(f"no patient {patient_id!r} in {self.case}; its one patient is {case.id!r}")
        return case.patient()

    def _read(self) -> "Case":
        # Loaded only where a file is read, so that listing plug-ins stays quick.
        from bench.xray.case import read_case

        return read_case(self.case)


plugin = XrayCase

card = Card(
    title="A CT and X-rays of one's own, described by one TOML file",
    source="ours; DICOM attributes as in PS3.3, calibration text as Autoscoper's",
    citation="none: cite the source of the data",
    licence="that of the data; the files are read where they lie",
    deviations=(
        "Positioner angles hold no turn in the image's plane and no shift: they say where to begin, not where it is.",
        "A reference made by registration is one: call a small distance agreement, not accuracy.",
        "Every split answers with the same patient, so nothing may be trained or tuned on it and then tested.",
    ),
)
