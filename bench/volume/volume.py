"""A CT volume: Hounsfield units on an affine grid in the patient's LPS frame, with labels and a content mask."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points

FloatGrid: TypeAlias = NDArray[np.float32]
LabelGrid: TypeAlias = NDArray[np.uint16]
MaskGrid: TypeAlias = NDArray[np.bool_]


class VolumeError(FluorobenchError):
    """A volume, mask or label map that cannot be used."""


@dataclass(frozen=True, slots=True)
class AttenuationLaw:
    """HU to linear attenuation: mu = mu_water * max(0, 1 + HU / 1000), per mm.

    Attributes:
        mu_water_per_mm: Attenuation of water; the default is water at 60 keV.
    """

    mu_water_per_mm: float = 0.0206

    def __call__(self, hu: FloatGrid) -> FloatGrid:
        """Attenuation per mm, float32, of Hounsfield units."""
        scaled = hu * np.float32(self.mu_water_per_mm / 1000) + np.float32(self.mu_water_per_mm)
        return np.asarray(np.maximum(scaled, np.float32(0)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT volume. Arrays are indexed [i, j, k] in the affine's column order and are never written to.

    Attributes:
        hu: Hounsfield units, float32, C-contiguous, finite.
        affine: world_from_index, 4x4: index (i, j, k) of a voxel's centre to LPS mm. Any orientation.
        labels: Structure numbers on the same grid, uint16, 0 = none; or None.
        label_scheme: Which numbering ``labels`` follows (see ``bench.volume.labels``); None without labels.
        mask: The content: voxels outside attenuate nothing. None = everything counts.
        attenuation: HU to attenuation.
        whole: The CT that this is a part of; None where it is unknown or not told. No part of the fingerprint.
    """

    hu: FloatGrid
    affine: Matrix
    labels: LabelGrid | None = None
    label_scheme: str | None = None
    mask: MaskGrid | None = None
    attenuation: AttenuationLaw = field(default_factory=AttenuationLaw)
    whole: "Volume | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.hu.ndim != 3 or min(self.hu.shape) < 1:
            raise VolumeError(f"a volume needs three axes with at least one voxel each; got shape {self.hu.shape}")
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all() or abs(np.linalg.det(self.affine)) < 1e-9:
            raise VolumeError(f"the affine must be an invertible 4x4 matrix; got {self.affine.tolist()}")
        for name, grid in (("labels", self.labels), ("mask", self.mask)):
            if grid is not None and grid.shape != self.hu.shape:
                raise VolumeError(f"{name} have shape {grid.shape}, the CT {self.hu.shape}; put them on the CT's grid")
        if (self.labels is None) != (self.label_scheme is None):
            raise VolumeError(
                "labels and label_scheme go together: name the numbering of the labels (it is never guessed)"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        return self.hu.shape

    @property
    def spacing_mm(self) -> Matrix:
        """Voxel edge lengths along (i, j, k), mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def mu(self) -> FloatGrid:
        """Linear attenuation per mm, zero outside the mask; a new array."""
        attenuation = self.attenuation(self.hu)
        if self.mask is not None:
            attenuation *= self.mask
        return attenuation

    def with_mask(self, mask: MaskGrid | None) -> "Volume":
        """The same CT with another content mask."""
        return replace(self, mask=mask)

    def content_corners(self) -> Matrix:
        """World corners (8, 3) in mm of the content's bounding box: of the mask's voxels, else of the whole grid.

        The box follows the grid's axes and reaches to the voxels' outer faces.
        """
        low, high = np.zeros(3), np.array(self.shape, dtype=np.float64)
        if self.mask is not None:
            low, high = _mask_bounds(self.mask)
        corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
        return transform_points(self.affine, low + corners * (high - low) - 0.5)

    def content_centre(self) -> Matrix:
        """The default rotation centre: centre of the mask's bounding box, else of the grid; world mm."""
        return np.asarray(self.content_corners().mean(axis=0))

    def fingerprint(self) -> str:
        """A hash (16 hex digits) of everything that affects a projection or a metric."""
        digest = hashlib.sha256()
        for array in (self.hu, self.affine, self.labels, self.mask):
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        digest.update(repr((self.shape, self.label_scheme, self.attenuation)).encode())
        return digest.hexdigest()[:16]

    def voxels_hash(self) -> str:
        """A hash (16 hex digits) of the Hounsfield numbers alone: the same CT with other labels or another header."""
        digest = hashlib.sha256(repr(self.shape).encode())
        digest.update(np.ascontiguousarray(self.hu, dtype=np.float32).tobytes())
        return digest.hexdigest()[:16]


def _mask_bounds(mask: MaskGrid) -> tuple[Matrix, Matrix]:
    """First and one-past-last index of the mask along each axis."""
    low, high = np.empty(3), np.empty(3)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        present = np.flatnonzero(mask.any(axis=others))
        if present.size == 0:
            raise VolumeError("the mask is empty; expected at least one voxel of content")
        low[axis], high[axis] = present[0], present[-1] + 1
    return low, high
