"""Several CTs of the user's own, each with labels, numbering and part of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.contract import Card, Patient, Split
from bench.volume import VolumeError


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCt:
    """One CT of a list.

    Attributes:
        volume: File of Hounsfield units, or folder of DICOM slices.
        id: The patient's name; by default that of the file or folder.
        labels: Label map on the CT's grid, or None.
        label_scheme: Numbering of the labels (``verse``, ``totalsegmentator``, ``phantom`` or a TOML file), or None.
        region: Part of the CT that methods are given: ``lumbar``, ``whole`` or a label's name; None = the protocol's.
        box: To which the CT is cropped before: lower x, y, z, upper x, y, z, LPS mm; None = the protocol's. With a box
            the region is ``whole`` unless it is stated.
        series: DICOM series UID, where the folder holds several.
        voxel_spacing_mm: Along (columns, rows, slices), of a file that does not state where its voxels lie.
    """

    # Pydantic refuses keys of a file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    volume: str
    id: str | None = None
    labels: str | None = None
    label_scheme: str | None = None
    region: str | None = None
    box: tuple[float, float, float, float, float, float] | None = None
    series: str | None = None
    voxel_spacing_mm: tuple[float, float, float] | None = None

    @property
    def name(self) -> str:
        """The patient's id."""
        return self.id or re.sub(r"(\.nii)?(\.gz)?$", "", Path(self.volume).stem) or "ct"

    def patient(self) -> Patient:
        """Read it.

        Raises:
            VolumeError: Files that cannot be used.
        """
        # SimpleITK is loaded only where a file is read, so that listing plug-ins stays quick.
        from bench.volume.read import read_volume

        volume = read_volume(
            self.volume,
            labels=self.labels,
            label_scheme=self.label_scheme,
            series=self.series,
            voxel_spacing_mm=self.voxel_spacing_mm,
        )
        return Patient(
            id=self.name,
            hash=volume.fingerprint(),
            volume=volume,
            region="whole" if self.region is None and self.box is not None else self.region,
            box=None if self.box is None else (self.box[:3], self.box[3:]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CtList:
    """Several CTs of the user's own, all of them for testing.

    Attributes:
        cts: At least one; their ids differ.
    """

    cts: tuple[ListedCt, ...]

    def __post_init__(self) -> None:
        if not self.cts:
            raise VolumeError("expected at least one CT in cts; got none")
        names = [each.name for each in self.cts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise VolumeError(f"two CTs would be called {twice[0]!r}; give each an id of its own")

    def patient_ids(self, split: Split) -> Sequence[str]:
        """All of them, in the order stated, for testing; none for another split."""
        return tuple(each.name for each in self.cts) if split is Split.TEST else ()

    def patient(self, patient_id: str) -> Patient:
        """Read the patient.

        Raises:
            VolumeError: Another id, or files that cannot be used.
        """
        for each in self.cts:
            if each.name == patient_id:
                return each.patient()
        names = ", ".join(each.name for each in self.cts)
        raise VolumeError(f"no patient {patient_id!r} in ct_list; it holds {names}")


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write two small CTs, one of them with a label map; returns the settings that open them."""
    from bench.volume.miniature import bone_blocks
    from bench.volume.write import write_image

    hu, labels, affine = bone_blocks((20, 21, 22))
    first, second = (str(write_image(folder / f"{name}.nii.gz", hu, affine)) for name in ("a", "b"))
    label_map = str(write_image(folder / "labels.nii.gz", labels, affine))
    return {
        "cts": [
            {"volume": first, "labels": label_map, "label_scheme": "verse"},
            {"volume": second, "labels": label_map, "label_scheme": "verse", "region": "whole"},
        ]
    }


plugin = CtList

card = Card(
    title="Several CTs of the user's, each with a part of its own",
    source="ours",
    citation="none: cite the source of the CTs",
    licence="that of the CTs; the files are read where they lie",
    deviations=("All are for testing; train on a ct_folder.",),
)
