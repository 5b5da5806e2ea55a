"""What a comparison was asked for: a dataset, a real CT, and the two protocols that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench import registry
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.protocol import Protocol, load_protocol
from bench.volume import Volume

Settings: TypeAlias = dict[str, Any]
Box: TypeAlias = tuple[float, float, float, float, float, float]

PROTOCOL = Path(__file__).with_name("realism.toml")
MIN_PATIENTS = 3
# Cases of the CT for each case of a phantom: with four, the noise of the CT's own 50 % point (18.6 and 24.2 mm with 48
# and 192 cases) decided a criterion of 25 %.
_CT_CASES = 16
# Phantoms measured for each that is matched.
_POOL_PER_MATCH = 8


class CompareError(FluorobenchError):
    """A comparison that cannot be made."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A dataset's patients and one real CT to compare them with.

    Attributes:
        dataset: Plug-in name.
        settings: Of the dataset.
        ct: File of HU, or folder of DICOM slices.
        labels: Label map on the CT's grid, or None.
        label_scheme: Its numbering.
        box: Corners of the box round L1 to L5, LPS mm, for a CT without labels.
        patients: Number of the dataset's patients to register; None = as many as the protocol has.
        pool: Patients measured, of whom ``patients`` are matched to the CT; 0 = no matching; None = eight for each
            matched patient, or all that the split has.
        split: Of the dataset.
        profile: Of the protocol ``realism``.
    """

    dataset: str
    settings: Settings
    ct: Path
    labels: Path | None
    label_scheme: str | None
    box: Box | None
    patients: int | None
    pool: int | None
    split: Split
    profile: str

    def __post_init__(self) -> None:
        if self.dataset not in registry.names("datasets"):
            raise registry.unknown("dataset", self.dataset, registry.names("datasets"))
        if self.labels is None and self.box is None:
            raise CompareError("where is the lumbar spine? give --labels with --label-scheme, or --box round L1 to L5")
        if self.pool is not None and self.pool < 0:
            raise CompareError(f"a pool has at least 0 patients; got --pool {self.pool}")
        if self.patients is not None and self.patients < MIN_PATIENTS:
            raise CompareError(f"a population has at least {MIN_PATIENTS} patients; got --patients {self.patients}")

    @property
    def ct_name(self) -> str:
        """Name of the CT in reports: its file's, or its folder's where the file has a common name."""
        if (self.ct.stem.removesuffix(".nii")).lower() not in ("ct", "image", "volume"):
            return str(registry.build("datasets", "ct_file", {"volume": str(self.ct)}).patient_ids(self.split)[0])
        return self.ct.resolve().parent.name

    def opened(self) -> Dataset:
        """The dataset."""
        dataset: Dataset = registry.build("datasets", self.dataset, self.settings)
        return dataset

    def protocols(self) -> tuple[Protocol, Protocol]:
        """The protocol on the dataset and on the CT: same grid, same definition of bone.

        Raises:
            FluorobenchError: A CT that cannot be read, has no HU, or no lumbar spine in the labels or the box.
        """
        common = self._common()
        over: Settings = {"settings": {**common, "source": self.dataset, "settings": self.settings}}
        if self.patients is not None:
            over["patients"] = self.patients
        ours = _load(self.profile, {"data": {**over, "split": str(self.split)}})
        ct = {**common, "source": "ct_file", "settings": self._ct(), **self._box()}
        starts = {"per_patient": _CT_CASES * ours.start.per_patient}
        return ours, _load(self.profile, {"data": {"settings": ct, "patients": 1}, "start": starts})

    def pool_size(self, ours: Protocol) -> int:
        """Number of patients to measure: more than are matched, or just the protocol's number.

        Raises:
            CompareError: A pool too small to choose from, or larger than the split.
        """
        chosen, known = ours.data.patients, len(self.opened().patient_ids(self.split))
        if self.pool is None:
            size = min(_POOL_PER_MATCH * chosen, known)
            return size if size > chosen else chosen
        if 0 < self.pool <= chosen:
            raise CompareError(
                f"{chosen} patients are chosen from a pool of more; got --pool {self.pool} (0 leaves matching out)"
            )
        if self.pool > known:
            raise CompareError(f"{self.dataset} has {known} {self.split} patients; got --pool {self.pool}")
        return self.pool or chosen

    def _ct(self) -> Settings:
        chosen = {"volume": str(self.ct.resolve()), "id": self.ct_name}
        if self.labels is not None:
            chosen["labels"] = str(self.labels.resolve())
        return chosen | ({} if self.label_scheme is None else {"label_scheme": self.label_scheme})

    def _common(self) -> Settings:
        """Grid and definition of bone of both sides: the coarser spacing of the two along each axis."""
        # The CT first: what is wrong with it is reported before a phantom is made.
        real = self._real()
        dataset = self.opened()
        first = dataset.patient(dataset.patient_ids(self.split)[0]).volume
        spacing = np.max([_spacing_lps(volume.affine) for volume in (real, first)], axis=0)
        return {
            "spacing_mm": [round(float(size), 4) for size in spacing],
            "bone": "threshold" if self.labels is None else "labels",
        }

    def _real(self) -> Volume:
        """The CT on its own grid."""
        dataset: Dataset = registry.build("datasets", "ct_file", self._ct())
        volume = dataset.patient(self.ct_name).volume
        if (lowest := float(volume.hu.min())) >= 0:
            raise CompareError(
                f"{self.ct}: expected a CT in HU, with fat or air below 0; its lowest value is {lowest:g}; "
                "give the CT itself, no label map"
            )
        settings = {"source": "ct_file", "settings": self._ct(), **self._box()}
        registry.build("datasets", "common_grid", settings).lumbar_box(volume)
        return volume

    def _box(self) -> Settings:
        return {} if self.box is None else {"box": [self.box[:3], self.box[3:]]}


def _load(profile: str, over: Mapping[str, Any]) -> Protocol:
    return load_protocol(str(PROTOCOL), profile, over)


def _spacing_lps(affine: Matrix) -> Matrix:
    """Voxel edges along x, y, z: of the axis that runs most along each."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    return np.asarray(edges[np.abs(affine[:3, :3] / edges).argmax(axis=1)])
