"""Patients of another dataset on one grid, in one field, with one definition of bone, so that sources can be compared.

A finer or differently cropped CT is easier or harder to register in itself. Here every source is resampled to the same
voxels (blurred to their size first), to the same field about the lumbar spine, and its bone is found the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import ndimage

from bench import registry
from bench.contract import Card, Dataset, Patient, PatientOrigin, Split, patient_origin
from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.volume import FloatGrid, LabelGrid, Volume
from bench.volume.content import BONE_HU, body_mask, label_mask
from bench.volume.labels import LUMBAR, label_number, present
from bench.volume.level_order import numbering_doubt

Corner: TypeAlias = tuple[float, float, float]

SCHEME = "phantom"
# Bone that no label names: a number that the scheme leaves free.
UNNAMED_BONE = 200
_AIR_HU = -1000.0


class CommonGridError(FluorobenchError):
    """A source that cannot be resampled to the common grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonGrid:
    """Patients of ``source``, resampled.

    A voxel is taken for a box average: before sampling, the CT is blurred by the Gaussian that makes up the difference
    of variances between its voxel and the new one. One voxel centre of the old grid stays one of the new grid, so that
    a CT that has the spacing already is only cropped.

    Attributes:
        source: Plug-in name of a dataset.
        settings: Its settings.
        spacing_mm: Voxel edges from right to left, front to back, foot to head.
        field_mm: Edges of the field about the middle of L1 to L5, right to left and foot to head; front to back the
            CT's whole extent is kept.
        bone: ``labels``: L1 to L5 as labelled. ``threshold``: HU above 150 in the body and within the box of L1 to L5.
        box: Lower and upper corner (x, y, z) of L1 to L5, LPS mm, for a source without labels.
        only: Ids of the source's patients that alone are used, of the splits that hold them; empty = all.
    """

    source: str = "phantom"
    settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    spacing_mm: Corner = (3.0, 3.0, 3.0)
    field_mm: tuple[float, float] = (240.0, 240.0)
    bone: Literal["labels", "threshold"] = "labels"
    box: tuple[Corner, Corner] | None = None
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(0 < size < np.inf for size in (*self.spacing_mm, *self.field_mm)):
            raise CommonGridError(
                f"spacing_mm and field_mm must be positive; got {self.spacing_mm} and {self.field_mm}"
            )
        if self.source == "common_grid":
            raise CommonGridError("the source is a dataset of its own; got common_grid")

    def origin(self, patient_id: str) -> PatientOrigin | None:
        """What the source generates the patient from; None where it was imaged."""
        return patient_origin(self._source, patient_id)

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of the source, or those of them that were requested.

        Raises:
            CommonGridError: A requested id is not in this split.
        """
        known = self._source.patient_ids(split)
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise CommonGridError(f"only: {', '.join(unknown)} not among the {split} patients of {self.source}")
        return self.only or known

    def patient(self, patient_id: str) -> Patient:
        """A patient of the source, on the common grid; without the source's landmarks, which not every one has.

        Raises:
            CommonGridError: Neither labels of L1 to L5 nor a box, or a box that misses the CT.
        """
        volume = self._source.patient(patient_id).volume
        low, high = self.lumbar_box(volume)
        affine, shape = self._grid(volume, (low + high) / 2)
        hu = _sampled(volume, affine, shape, np.array(self.spacing_mm))
        labels = self._bone(volume, Volume(hu, affine), (low, high))
        found = Volume(hu, affine, labels, SCHEME, attenuation=volume.attenuation)
        return Patient(id=patient_id, hash=found.fingerprint(), volume=found)

    def lumbar_box(self, volume: Volume) -> tuple[Matrix, Matrix]:
        """Lower and upper corner of L1 to L5 in a CT of the source, world mm.

        Raises:
            CommonGridError: Neither labels of L1 to L5 nor a box, or a box that misses the CT.
        """
        here = [name for name in LUMBAR if name in present(volume)]
        if here:
            points = transform_points(volume.affine, np.argwhere(label_mask(volume, here)))
            return points.min(axis=0), points.max(axis=0)
        if self.box is None and volume.labels is not None:
            raise CommonGridError(f"no lumbar spine: {numbering_doubt(volume, LUMBAR)}")
        if self.box is None:
            raise CommonGridError("to find the lumbar spine: give a label map that holds L1 to L5, or a box round them")
        low, high = (np.array(corner, dtype=np.float64) for corner in self.box)
        if not (low < high).all():
            raise CommonGridError(f"a box has its lower corner first; got {self.box}")
        ct_low, ct_high = _extent(volume)
        if (high < ct_low).any() or (low > ct_high).any():
            raise CommonGridError(
                f"the box {_text(low)} to {_text(high)} misses the CT, which reaches from {_text(ct_low)} to "
                f"{_text(ct_high)} (LPS mm); give a box within"
            )
        return low, high

    @property
    def _source(self) -> Dataset:
        source: Dataset = registry.build("datasets", self.source, self.settings)
        return source

    def _grid(self, volume: Volume, centre: Matrix) -> tuple[Matrix, tuple[int, int, int]]:
        """Affine and shape: axes along LPS, a voxel centre of the old grid kept."""
        size = np.array(volume.shape)
        low, high = _extent(volume)
        half = np.array([self.field_mm[0], np.inf, self.field_mm[1]]) / 2
        low, high = np.maximum(low, centre - half), np.minimum(high, centre + half)
        nearest = np.clip(np.rint(transform_points(_inverse(volume.affine), centre)), 0, size - 1)
        anchor, spacing = transform_points(volume.affine, nearest), np.array(self.spacing_mm)
        first = anchor - np.floor((anchor - low) / spacing + 1e-6) * spacing
        count = np.floor((high - first) / spacing + 1e-6).astype(int) + 1
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = first
        return affine, (int(count[0]), int(count[1]), int(count[2]))

    def _bone(self, volume: Volume, sampled: Volume, box: tuple[Matrix, Matrix]) -> LabelGrid:
        """Labels on the new grid: by name, or ``UNNAMED_BONE`` where a threshold decides."""
        labels = np.zeros(sampled.shape, dtype=np.uint16)
        if self.bone == "labels":
            if volume.labels is None or volume.label_scheme is None:
                raise CommonGridError("bone by labels needs a label map; give one, or bone = 'threshold'")
            there = _nearest(volume.labels, volume.affine, sampled)
            for name in (name for name in LUMBAR if name in present(volume)):
                labels[there == label_number(volume.label_scheme, name)] = label_number(SCHEME, name)
            return labels
        index = transform_points(_inverse(sampled.affine), np.stack(box))
        first, last = np.ceil(index[0] - 1e-6).astype(int), np.floor(index[1] + 1e-6).astype(int) + 1
        part = tuple(slice(max(0, a), b) for a, b in zip(first, last, strict=True))
        dense = (sampled.hu > BONE_HU) & body_mask(sampled)
        labels[part][dense[part]] = UNNAMED_BONE
        return labels


def _extent(volume: Volume) -> tuple[Matrix, Matrix]:
    """Lower and upper corner of the voxel centres, world mm."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (np.array(volume.shape) - 1)
    world = transform_points(volume.affine, corners)
    return world.min(axis=0), world.max(axis=0)


def _text(point: Matrix) -> str:
    return "(" + ", ".join(f"{each:.0f}" for each in point) + ")"


def _sampled(volume: Volume, affine: Matrix, shape: tuple[int, int, int], spacing_mm: Matrix) -> FloatGrid:
    """HU on the new grid, blurred to its voxels first."""
    # Old axes in the order of the new ones: the one that runs most along x, y, z.
    along = np.abs(volume.affine[:3, :3] / volume.spacing_mm).argmax(axis=0)
    lacking = np.maximum(spacing_mm[along] ** 2 - volume.spacing_mm**2, 0) / 12
    sigma = np.sqrt(lacking) / volume.spacing_mm
    blurred = np.asarray(ndimage.gaussian_filter(volume.hu, sigma, mode="nearest")) if sigma.any() else volume.hu
    mapping = np.linalg.inv(volume.affine) @ affine
    hu = ndimage.affine_transform(
        blurred, mapping[:3, :3], mapping[:3, 3], shape, order=1, mode="grid-constant", cval=_AIR_HU
    )
    return np.ascontiguousarray(hu, dtype=np.float32)


def _nearest(labels: LabelGrid, affine: Matrix, grid: Volume) -> LabelGrid:
    mapping = np.linalg.inv(affine) @ grid.affine
    found = ndimage.affine_transform(labels, mapping[:3, :3], mapping[:3, 3], grid.shape, order=0, mode="constant")
    return np.asarray(found, dtype=np.uint16)


def _inverse(affine: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(affine), dtype=np.float64)


def miniature(folder: Path) -> Mapping[str, Any]:
    """A small procedural patient as the source, kept in ``folder``; returns the settings that open it."""
    source = {"size": 64, "spacing_mm": 4.0, "cache_dir": str(folder)}
    return {"source": "phantom", "settings": source, "spacing_mm": (5.0, 5.0, 5.0), "field_mm": (160.0, 160.0)}


plugin = CommonGrid

card = Card(
    title="Patients of another dataset on one grid, in one field, with one definition of bone",
    source="ours",
    citation="none: cite the source dataset",
    licence="that of the source",
    deviations=("Bone by threshold is hollow: marrow below 150 HU is not part of it.",),
)
