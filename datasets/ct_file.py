"""One patient from a CT file or a folder of DICOM slices, with a label map where there is one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bench.contract import Card, Patient, Split
from bench.volume import VolumeError

Corner: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtFile:
    """A CT of the user's own; every split answers with this one patient.

    Attributes:
        volume: File of Hounsfield units, or folder of DICOM slices.
        labels: Label map on the CT's grid, or None.
        label_scheme: Numbering of the labels (``verse``, ``totalsegmentator``, ``phantom`` or a TOML file), or None.
        id: The patient's name; by default that of the file or folder.
        series: DICOM series UID, where the folder holds several.
        voxel_spacing_mm: Along (columns, rows, slices), of a file that does not state where its voxels lie.
    """

    volume: str
    labels: str | None = None
    label_scheme: str | None = None
    id: str | None = None
    series: str | None = None
    voxel_spacing_mm: Corner | None = None

    def patient_ids(self, split: Split) -> Sequence[str]:
        """The one patient, for any split: a file belongs to no population."""
        return (self._name,)

    def patient(self, patient_id: str) -> Patient:
        """Read the patient.

        Raises:
            VolumeError: Another id, or files that cannot be used.
        """
        # SimpleITK is loaded only where a file is read, so that listing plug-ins stays quick.
        from bench.volume.read import read_volume

        if patient_id != self._name:
            raise VolumeError(f"no patient {patient_id!r} in ct_file; its one patient is {self._name!r}")
        volume = read_volume(
            self.volume,
            labels=self.labels,
            label_scheme=self.label_scheme,
            series=self.series,
            voxel_spacing_mm=self.voxel_spacing_mm,
        )
        return Patient(id=patient_id, hash=volume.fingerprint(), volume=volume)

    @property
    def _name(self) -> str:
        return self.id or re.sub(r"(\.nii)?(\.gz)?$", "", Path(self.volume).stem) or "ct"


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write a small CT with its label map; returns the settings that open them."""
    from bench.volume.miniature import bone_blocks
    from bench.volume.write import write_image

    hu, labels, affine = bone_blocks((20, 21, 22))
    return {
        "volume": str(write_image(folder / "ct.nii.gz", hu, affine)),
        "labels": str(write_image(folder / "labels.nii.gz", labels, affine)),
        "label_scheme": "verse",
    }


plugin = CtFile

card = Card(
    title="A CT file or DICOM folder of the user's",
    source="ours",
    citation="none: cite the source of the CT",
    licence="that of the CT; the files are read where they lie",
    deviations=(
        "Every split answers with the same patient, so nothing may be trained or tuned on it and then tested.",
    ),
)
