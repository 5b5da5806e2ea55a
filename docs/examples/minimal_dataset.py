"""A dataset: CTs as NIfTI files in the folders train, validation and test, label maps (VerSe's numbers) beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contract import Card, Patient, Split
from bench.errors import FluorobenchError
from bench.volume.miniature import bone_blocks
from bench.volume.read import read_volume
from bench.volume.write import write_image

card = Card(title="A folder of CTs by split", source="ours", citation="none", licence="that of the CTs")


@dataclass(frozen=True)
class MinimalDataset:
    """``SPLIT/NAME.nii.gz`` and ``SPLIT/NAME_labels.nii.gz``.

    Attributes:
        folder: Holds the folders train, validation and test.
    """

    folder: str

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Names of a split, such as ``train/ct01``, in a fixed order."""
        labels = sorted((Path(self.folder) / split).glob("*_labels.nii.gz"))
        return [f"{split}/{path.name.removesuffix('_labels.nii.gz')}" for path in labels]

    def patient(self, patient_id: str) -> Patient:
        """Read one CT with its labels."""
        path = Path(self.folder) / f"{patient_id}.nii.gz"
        if not path.is_file():
            raise FluorobenchError(f"no patient {patient_id!r} in {self.folder}; expected the file {path}")
        labels = Path(self.folder) / f"{patient_id}_labels.nii.gz"
        volume = read_volume(path, labels=labels, label_scheme="verse")
        return Patient(patient_id, volume.fingerprint(), volume)


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write one tiny CT a split; returns the settings that open them. The conformance tests load it."""
    hu, labels, affine = bone_blocks((20, 21, 22, 23, 24))
    for split in Split:
        write_image(folder / split / "ct.nii.gz", hu, affine)
        write_image(folder / split / "ct_labels.nii.gz", labels, affine)
    return {"folder": str(folder)}


plugin = MinimalDataset
