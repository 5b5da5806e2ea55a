"""Linear attenuation on an affine grid, cropped to its content, with cached packed copies for the kernels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.volume import FloatGrid, Volume

Words: TypeAlias = NDArray[np.uint32]

PAD_LOW, PAD_HIGH = 1, 2
_QUANTA = 65535


class AttenuationError(FluorobenchError):
    """Attenuation values or a grid that cannot be rendered."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedSlices:
    """A 16-bit copy of a volume as slices across one axis, in a border of zeros.

    Attributes:
        words: (slices, rows + 3, columns + 3) uint32: a voxel in the low half, its right neighbour in the high half, so
            that one load fetches two of the four voxels a sample needs.
        axes: Which volume axes the slices, rows and columns run along.
        spans: (slices, rows + 3, 2) int32: first and one-past-last column of each row that is not zero.
        quantum_per_mm: Attenuation of one unit of the 16-bit values.
    """

    words: Words
    spans: NDArray[np.int32]
    axes: tuple[int, int, int]
    quantum_per_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class AttenuationMap:
    """Attenuation of a volume, built once and rendered often.

    Outside the grid there is no attenuation: trilinear kernels fall to zero over one voxel, Siddon at the outer faces.

    Attributes:
        mu: (ni, nj, nk) float32, C-contiguous, per mm, finite, not negative.
        affine: world_from_index, 4x4: index of a voxel's centre to LPS mm.
        kept: Cache of the kernels' copies of the volume, such as those on a GPU, by their own keys.
    """

    mu: FloatGrid
    affine: Matrix
    kept: dict[str, Any] = field(default_factory=lambda: dict[str, Any](), init=False, repr=False)
    _packed: dict[int, PackedSlices] = field(default_factory=lambda: dict[int, PackedSlices](), init=False, repr=False)

    def __post_init__(self) -> None:
        if self.mu.ndim != 3 or min(self.mu.shape) < 1:
            raise AttenuationError(f"mu needs three axes with at least one voxel each; got shape {self.mu.shape}")
        if self.mu.dtype != np.float32 or not self.mu.flags.c_contiguous:
            raise AttenuationError(
                f"mu must be C-contiguous float32; got {self.mu.dtype}; use np.ascontiguousarray(mu, dtype=np.float32)"
            )
        lowest, highest = float(self.mu.min()), float(self.mu.max())
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            raise AttenuationError(
                "mu must be finite; found NaN or infinity; clean the volume's HU before rendering it"
            )
        if lowest < 0:
            raise AttenuationError(f"mu must not be negative; found {lowest:g} per mm; clip it at zero")
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all() or abs(np.linalg.det(self.affine)) < 1e-9:
            raise AttenuationError(f"the affine must be an invertible 4x4 matrix; got {self.affine.tolist()}")

    @classmethod
    def from_volume(cls, volume: Volume) -> "AttenuationMap":
        """Attenuation of a volume's masked content, cropped to the box of its non-zero voxels."""
        mu = volume.mu()
        if not np.isfinite(mu).all():
            raise AttenuationError("the volume holds NaN or infinite HU; expected finite values; clean it when reading")
        low, high = _content_box(mu)
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ low
        box = tuple(slice(first, end) for first, end in zip(low, high, strict=True))
        return cls(np.ascontiguousarray(mu[box]), affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        return self.mu.shape

    @property
    def spacing_mm(self) -> Matrix:
        """Voxel edges along (i, j, k), mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def packed(self, axis: int) -> PackedSlices:
        """The packed copy whose slices lie across ``axis``; made at its first use and cached."""
        if axis not in self._packed:
            self._packed[axis] = _pack(self.mu, self._slice_axes(axis))
        return self._packed[axis]

    def _slice_axes(self, axis: int) -> tuple[int, int, int]:
        """Slices, rows, columns: columns run least along the patient, whose long axis is mostly vertical in the image.

        Neighbouring pixels of an image row then read neighbouring memory.
        """
        along_patient = np.abs(self.affine[2, :3]) / np.linalg.norm(self.affine[:3, :3], axis=0)
        first, second = (other for other in range(3) if other != axis)
        return (axis, first, second) if along_patient[second] < along_patient[first] else (axis, second, first)

    def __getstate__(self) -> Mapping[str, object]:
        """Packed copies are not pickled: making them again is faster than sending them."""
        return {"mu": self.mu, "affine": self.affine}

    def __setstate__(self, state: Mapping[str, object]) -> None:
        packed: dict[int, PackedSlices] = {}
        for name in ("mu", "affine"):
            object.__setattr__(self, name, state[name])
        object.__setattr__(self, "_packed", packed)
        object.__setattr__(self, "kept", dict[str, Any]())


def _content_box(mu: FloatGrid) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one-past-last non-zero index along each axis; of an empty volume, its first voxel."""
    low, high = np.zeros(3, dtype=np.intp), np.ones(3, dtype=np.intp)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        present = np.flatnonzero(mu.any(axis=others))
        if present.size:
            low[axis], high[axis] = present[0], present[-1] + 1
    return low, high


def _pack(mu: FloatGrid, axes: tuple[int, int, int]) -> PackedSlices:
    """Quantise to 16 bits, reorder, pad and pair."""
    quantum = max(float(mu.max()) / _QUANTA, float(np.finfo(np.float32).tiny))
    slices = np.ascontiguousarray(np.transpose(mu, axes))
    border = ((0, 0), (PAD_LOW, PAD_HIGH), (PAD_LOW, PAD_HIGH))
    padded = np.pad(np.rint(slices / np.float32(quantum)).astype(np.uint32), border)
    spans = _spans(padded)
    padded[:, :, :-1] |= padded[:, :, 1:] << np.uint32(16)
    return PackedSlices(padded, spans, axes, quantum)


def _spans(padded: Words) -> NDArray[np.int32]:
    """First and one-past-last column that is not zero, of every row; (0, 0) for an empty one."""
    present = padded != 0
    first, after = present.argmax(axis=2), padded.shape[2] - present[:, :, ::-1].argmax(axis=2)
    spans = np.where(present.any(axis=2)[..., None], np.stack([first, after], axis=2), 0)
    return np.asarray(spans, dtype=np.int32)
