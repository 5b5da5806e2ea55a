"""NIfTI files: numbers and the one geometry that their header states. The only file that imports nibabel."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import nibabel
import numpy as np
from numpy.typing import NDArray

from bench.files import write_whole
from bench.geometry import Matrix, transform_points
from bench.volume.grid import Grid
from bench.volume.intact import require_bytes
from bench.volume.memory import require_memory
from bench.volume.volume import VolumeError

# nibabel's images are generic in ways that no type checker follows; here they end.
_nib: Any = nibabel
_Answer = TypeVar("_Answer")
# nibabel prints remarks on unusual headers; the relevant ones are checked here.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)

ENDINGS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MM_PER_UNIT = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
_VALUES_AXIS = 4
_GZIP = b"\x1f\x8b"
# What the first four bytes of a header hold.
_HEADER_SIZES = (348, 540)
_SPACING_TOLERANCE = 1e-3
# Corners this far apart, in voxels, are two geometries; float32 and the quaternion of a sheared grid stay below.
_CORNER_TOLERANCE_VOXELS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Nifti:
    """A NIfTI file.

    Attributes:
        grid: Numbers [i, j, k, ...], scaled by the header's slope and intercept, with the affine that it states.
        spacing_mm: Voxel edges of the header's pixdim; None where no unit is stated.
    """

    grid: Grid
    spacing_mm: tuple[float, ...] | None


def is_nifti(path: Path) -> bool:
    """Whether a name ends as NIfTI and Analyze files do."""
    return path.name.lower().endswith(ENDINGS)


def nifti_shape(path: Path) -> tuple[int, ...]:
    """Voxels along each axis, from the header alone.

    Raises:
        VolumeError: It is not a NIfTI file, or has several values a voxel.
    """
    shape = _shape(_load(path))
    if len(shape) > _VALUES_AXIS:
        raise VolumeError(
            f"{path}: expected one value a voxel (HU); got {shape[_VALUES_AXIS]}, a colour or vector image"
        )
    return shape


def read_nifti(path: Path) -> Nifti:
    """Read a file.

    Raises:
        VolumeError: It is damaged or cut short, holds colours, or contradicts itself.
    """
    image = _load(path)
    header = image.header
    kind = np.dtype(header.get_data_dtype())
    if kind.names or kind.kind not in "iuf":
        raise VolumeError(f"{path}: expected one value a voxel (HU); got {kind}, a colour or vector image")
    shape = tuple(int(size) for size in image.shape)
    require_memory(path, shape)
    require_bytes(path, int(np.prod(shape, dtype=np.int64)) * kind.itemsize + int(image.dataobj.offset))
    array = _guarded(lambda: np.asarray(image.dataobj), path)
    affine, how = _affine(image, path)
    units = _units(header, path)
    scale = None if units in (None, "unknown") else _MM_PER_UNIT[str(units)]
    zooms = tuple(float(zoom) for zoom in header.get_zooms())
    spacing = None if scale is None else tuple(scale * zoom for zoom in zooms)
    return Nifti(Grid(array.reshape(_shape(image)), affine, how), spacing)


def _load(path: Path) -> Any:
    _require_name(path)
    return _guarded(lambda: _nib.load(path), path)


def _require_name(path: Path) -> None:
    """Refuse a file whose ending states the compression that it does not have: the libraries go by the ending."""
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError:
        return  # reported when it is read
    zipped = head.startswith(_GZIP)
    plain = any(int.from_bytes(head, order) in _HEADER_SIZES for order in ("little", "big"))
    if (zipped or plain) and zipped != (path.suffix.lower() == ".gz"):
        what, right = ("compressed", f"{path.name}.gz") if zipped else ("not compressed", path.stem)
        raise VolumeError(f"{path}: it is {what}, which its ending does not say; rename it to {right}")


def _shape(image: Any) -> tuple[int, ...]:
    """Without the axes of length 1 that follow the third: one volume is often stored as a series of one."""
    shape = [int(size) for size in image.shape]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _units(header: Any, path: Path) -> str | None:
    """Unit of length of the header; None for Analyze files, which have none."""
    if not hasattr(header, "get_xyzt_units"):
        return None
    unit = str(_guarded(lambda: header.get_xyzt_units()[0], path))
    if unit not in _MM_PER_UNIT:
        raise VolumeError(f"{path}: the header's unit of length is {unit}; expected mm, metre or micron; correct it")
    return unit


def _affine(image: Any, path: Path) -> tuple[Matrix | None, str]:
    """The sform where there is one, else the qform, in LPS mm.

    Raises:
        VolumeError: Both are there and place the grid's corners apart, or sform and pixdim give other voxel edges.
    """
    header = image.header
    if not hasattr(header, "get_sform"):
        return None, "an Analyze header holds no orientation"
    sform, sform_code = _guarded(lambda: header.get_sform(coded=True), path)
    qform, qform_code = _guarded(lambda: header.get_qform(coded=True), path)
    stated = sform if sform is not None else qform
    if stated is None:
        return None, "sform and qform code 0"
    if not np.isfinite(stated).all() or abs(float(np.linalg.det(stated[:3, :3]))) < 1e-12:
        raise VolumeError(f"{path}: its header states no invertible geometry: {stated.tolist()}; correct the header")
    if sform is not None and qform is not None:
        _require_same_corners(sform, qform, _shape(image), path)
    elif sform is not None:
        _require_same_edges(sform, np.array(header.get_zooms()[:3], dtype=np.float64), path)
    scale = _MM_PER_UNIT[_units(header, path) or "unknown"]
    affine = _LPS_FROM_RAS @ np.asarray(stated, dtype=np.float64)
    affine[:3] *= scale
    how = f"sform (code {int(sform_code)})" if sform is not None else f"qform (code {int(qform_code)})"
    return affine + 0.0, how


def _require_same_corners(sform: Matrix, qform: Matrix, shape: tuple[int, ...], path: Path) -> None:
    unit = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64)
    corners = unit * (np.array((*shape, 1, 1)[:3]) - 1)
    apart = np.linalg.norm(transform_points(sform, corners) - transform_points(qform, corners), axis=1).max()
    edge = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if apart > _CORNER_TOLERANCE_VOXELS * edge:
        raise VolumeError(
            f"{path}: its header contradicts itself: sform and qform place the grid's corners up to {apart:.4g} apart "
            f"(voxels of {edge:.4g}); correct the wrong one, or set its code to 0"
        )


def _require_same_edges(sform: Matrix, pixdim: Matrix, path: Path) -> None:
    edges = np.linalg.norm(sform[:3, :3], axis=0)[: len(pixdim)]
    if not np.allclose(edges, pixdim, rtol=_SPACING_TOLERANCE):
        raise VolumeError(
            f"{path}: its header contradicts itself: voxels of {edges.round(4).tolist()} mm by sform, of "
            f"{pixdim.round(4).tolist()} mm by pixdim; correct the header"
        )


def _guarded(call: Callable[[], _Answer], path: Path) -> _Answer:
    """Convert nibabel's errors on damaged files into one line, and suppress its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except MemoryError:
        raise VolumeError(f"{path}: there is not enough memory for it; give a smaller part") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VolumeError(
            f"{path}: cannot be read as an image: it is damaged, or not a NIfTI file: {reason[:200]}"
        ) from None


def write_nifti(path: Path, grid: NDArray[Any], affine: Matrix) -> int:
    """Write a volume as uncompressed NIfTI-1, whole or not at all; any affine is held, in single precision.

    Args:
        path: Ends in ``.nii``; missing folders are made.
        grid: [i, j, k], of the data type to be written.
        affine: world_from_index, 4x4, LPS mm.

    Returns:
        Where the numbers begin, in bytes: little-endian, the first index the fastest.
    """
    image = _nib.Nifti1Image(grid, _LPS_FROM_RAS @ affine, dtype=grid.dtype)
    image.header.set_xyzt_units("mm")
    # The quaternion of a qform holds no shear: one geometry alone is stated.
    image.set_sform(image.affine, code=1)
    image.set_qform(None, code=0)
    write_whole(path, lambda part: _nib.save(image, str(part)))
    return int(_nib.load(str(path)).dataobj.offset)
