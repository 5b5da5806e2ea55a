"""Read HDF5 files: arrays and poses by path; errors name the missing object in one line. Imports h5py."""

import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.files import expanded_path
from bench.geometry import Matrix, compose, require_rigid
from bench.volume.memory import require_memory
from bench.volume.volume import VolumeError

# h5py ships no types; here they end.
_h5py: Any = h5py
_NAMES_SHOWN = 8
# Files store poses in single precision; a matrix farther from a rotation than this is refused.
_ROUNDING = 1e-3


class Hdf5Error(FluorobenchError):
    """A file that is not HDF5, or lacks a group or dataset of its layout."""


@dataclass(frozen=True, slots=True, eq=False)
class Hdf5Group:
    """A group of an open file.

    Attributes:
        file: Where it was read.
        name: Path inside the file; empty for the root.
        node: The library's own object.
    """

    file: Path
    name: str
    node: Any

    def names(self) -> tuple[str, ...]:
        """Names of the groups and datasets in it, sorted."""
        return tuple(sorted(str(name) for name in self.node))

    def has(self, name: str) -> bool:
        """Whether a path below this group exists."""
        return name in self.node

    def group(self, name: str) -> "Hdf5Group":
        """The group at a path below this one.

        Raises:
            Hdf5Error: It is missing, or no group.
        """
        found = self._find(name)
        if not isinstance(found, _h5py.Group):
            raise Hdf5Error(f"{self.file}: {self._full(name)} is a dataset; expected a group of datasets")
        return Hdf5Group(self.file, self._full(name), found)

    def array(self, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        """A dataset of numbers.

        Args:
            name: Path below this group.
            shape: Expected lengths, None = any. Axes of length 1 in the file beyond these are dropped, so that (3,)
                takes (3, 1).

        Raises:
            Hdf5Error: It is missing, unreadable, not numeric or of another shape.
        """
        found = self._find(name)
        if isinstance(found, _h5py.Group):
            raise Hdf5Error(f"{self.file}: {self._full(name)} is a group; expected a dataset of numbers")
        self._require_own(found, name)
        try:
            values = np.asarray(found[()])
        except (OSError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise Hdf5Error(f"{self.file}: {self._full(name)} cannot be read: {reason}; get the file again") from None
        if values.dtype.kind not in "biuf":
            raise Hdf5Error(f"{self.file}: {self._full(name)} must hold numbers; got {values.dtype}")
        if values.ndim > len(shape):
            values = values.squeeze()
        if values.ndim != len(shape) or any(
            want not in (None, got) for want, got in zip(shape, values.shape, strict=True)
        ):
            expected = " x ".join("any" if length is None else str(length) for length in shape) or "a single number"
            raise Hdf5Error(f"{self.file}: {self._full(name)} must have shape {expected}; got {values.shape}")
        return values

    def _require_own(self, found: Any, name: str) -> None:
        """Refuse numbers that are too many for the memory, or that the file takes from other files."""
        if found.external or found.is_virtual:
            raise Hdf5Error(f"{self.file}: {self._full(name)} lies in another file; write it into this one")
        try:
            require_memory(self.file, found.shape or ())
        except VolumeError as error:
            raise Hdf5Error(f"{error} ({self._full(name)})") from None

    def number(self, name: str) -> float:
        """A dataset of a single number."""
        return float(self.array(name, ()))

    def vector(self, name: str) -> Matrix:
        """Three finite numbers, float64."""
        return self._finite(name, (3,))

    def matrix(self, name: str) -> Matrix:
        """A finite 3x3 matrix, float64."""
        return self._finite(name, (3, 3))

    def points(self, name: str) -> Matrix:
        """(n, 3) finite numbers, float64, n >= 1."""
        values = self._finite(name, (None, 3))
        if not len(values):
            raise Hdf5Error(f"{self.file}: {self._full(name)} is empty; expected at least one point")
        return values

    def pose(self, name: str) -> Matrix:
        """A rigid 4x4 transform, float64; what single precision took from its rotation is given back.

        Raises:
            Hdf5Error: It is missing, or its rotation is none within 1e-3.
        """
        stored = self._finite(name, (4, 4))
        left, _, right = np.linalg.svd(stored[:3, :3])
        nearest = compose(left @ right, stored[:3, 3])
        if np.abs(nearest - stored).max() > _ROUNDING or np.linalg.det(nearest) < 0:
            raise Hdf5Error(f"{self.file}: {self._full(name)} must be a rigid 4x4 transform; got {stored.tolist()}")
        return require_rigid(nearest, self._full(name))

    def _finite(self, name: str, shape: tuple[int | None, ...]) -> Matrix:
        values = np.asarray(self.array(name, shape), dtype=np.float64)
        if not np.isfinite(values).all():
            raise Hdf5Error(f"{self.file}: {self._full(name)} must be finite; got NaN or infinity; get the file again")
        return values

    def _full(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name

    def _find(self, name: str) -> Any:
        """The object at a path; the error names the first part of the path that is missing."""
        node, at = self.node, self.name
        for part in name.split("/"):
            if not isinstance(node, _h5py.Group) or part not in node:
                inside = sorted(node) if isinstance(node, _h5py.Group) else []
                shown = ", ".join(inside[:_NAMES_SHOWN]) + (", ..." if len(inside) > _NAMES_SHOWN else "")
                missing = f"{at}/{part}" if at else part
                raise Hdf5Error(
                    f"{self.file}: no group or dataset {missing!r}; {at or 'the file'} holds {shown or 'nothing'}; "
                    "is it the file that the dataset's card names?"
                )
            if isinstance(node.get(part, getlink=True), _h5py.ExternalLink):
                raise Hdf5Error(f"{self.file}: {part} of {at or 'the file'} is a link to another file; copy it in")
            node, at = node[part], f"{at}/{part}" if at else part
        return node


@contextmanager
def open_hdf5(file: str) -> Generator[Hdf5Group]:
    """Open a file for reading; environment variables and ``~`` in its path are expanded.

    Raises:
        Hdf5Error: No such file, a file of another kind, a truncated one, or one whose inside is damaged, wherever that
            is noticed.
        FluorobenchError: An environment variable that is not set.
    """
    path = expanded_path(file)
    if not path.is_file():
        raise Hdf5Error(f"no such file: {path}; expected an HDF5 file (`fluorobench download` lists its source)")
    try:
        opened = _h5py.File(path, "r")
    except OSError as error:
        reason = " ".join(str(error).split())
        raise Hdf5Error(f"{path}: not a complete HDF5 file: {reason}; download it again") from None
    with opened:
        try:
            yield Hdf5Group(path, "", opened)
        except Exception as error:
            if isinstance(error, MemoryError) or not _of_library(error):
                raise
            raise Hdf5Error(f"{path}: damaged: {' '.join(str(error).split())}; get the file again") from None


def _of_library(error: Exception) -> bool:
    """Whether h5py raised an error: its parts notice damage at any access, by errors of many kinds."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "h5py" in Path(frames[-1].filename).parts


def write_hdf5(path: Path, arrays: Mapping[str, Any]) -> Path:
    """Write arrays, numbers or text by their path inside the file; groups are made; returns ``path``."""
    with _h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value
    return path
