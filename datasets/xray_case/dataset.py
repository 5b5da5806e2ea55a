"""The plug-in: settings, ids, files to patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contract import Patient, Split
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.xray.case import XrayCase as Case


class XrayCaseError(FluorobenchError):
    """An unknown patient id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XrayCase:
    """A CT and its X-rays; every split answers with this one patient.

    Attributes:
        case: The TOML file; environment variables in it are expanded.
    """

    case: str

    def patient_ids(self, split: Split) -> Sequence[str]:
        """The one patient, for any split: a file belongs to no population."""
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
