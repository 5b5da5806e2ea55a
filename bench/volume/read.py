"""Read CT volumes, label maps and masks: any file SimpleITK knows, or a folder of DICOM slices.

SimpleITK's physical space is LPS in mm, which is our world, so an image's affine is taken as it stands, in whatever
orientation its voxels are stored. This is the only file that touches SimpleITK.
"""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from bench.geometry import Matrix, transform_points
from bench.volume.intact import require_one_geometry, require_whole
from bench.volume.labels import check_scheme
from bench.volume.volume import FloatGrid, LabelGrid, MaskGrid, Volume, VolumeError

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK
_Answer = TypeVar("_Answer")
_quiet_lock = threading.Lock()

GRID_TOLERANCE_VOXELS = 0.05
SLICE_TOLERANCE = 0.1
# What the format libraries print, and only print, when a file ends before its image does.
_CUT_SHORT = re.compile(r"IO error|Failed to read|Can not read|not read completely|unexpected end", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """What came out of a file: array [i, j, k] and its world_from_index."""

    array: NDArray[Any]
    affine: Matrix


def read_volume(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    label_scheme: str | None = None,
    mask: str | Path | None = None,
    series: str | None = None,
) -> Volume:
    """Read a CT with, optionally, its label map and content mask.

    Args:
        path: A file of Hounsfield units that SimpleITK reads, or a folder of DICOM slices.
        labels: A label map on the CT's grid.
        label_scheme: Numbering of the labels, a built-in name or a TOML file (see ``bench.volume.labels``).
        mask: A content mask on the CT's grid; non-zero voxels are content.
        series: DICOM series UID, where the folder holds several.

    Returns:
        The volume; HU float32 [i, j, k], affine in LPS mm as the file states it.

    Raises:
        VolumeError: Missing, cut short, not a 3-D scalar image, voxels that are no numbers, or grids that disagree.
    """
    if (labels is None) != (label_scheme is None):
        raise VolumeError(
            "labels and label_scheme go together; name the numbering of the labels, such as 'verse'"
            if label_scheme is None
            else f"label_scheme {label_scheme!r} was given without labels; name the label file too"
        )
    if label_scheme is not None:
        check_scheme(label_scheme)
    ct = _read(Path(path), series)
    return Volume(
        hu=_hounsfield(ct, path),
        affine=ct.affine,
        labels=None if labels is None else _labels(_read_on_grid(labels, "labels", ct), labels),
        label_scheme=label_scheme,
        mask=None if mask is None else _mask(_read_on_grid(mask, "mask", ct), mask),
    )


def dicom_series(folder: str | Path) -> dict[str, str]:
    """The DICOM series of a folder: UID to a description for people, such as ``CT Body 3.0, 20 slices``."""
    uids: tuple[str, ...] = _quietly(lambda: _sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)))
    return {uid: _describe_series(_slices(Path(folder), uid)) for uid in sorted(uids)}


def require_image(path: str | Path) -> None:
    """Look at a file's header alone.

    Raises:
        VolumeError: It is no 3-D image of one value a voxel; the file may still be cut short.
    """
    reader = _sitk.ImageFileReader()
    reader.SetFileName(str(path))
    guarded(reader.ReadImageInformation, Path(path))
    _require_scalar_3d(reader, Path(path))


def _hounsfield(image: _Image, path: str | Path) -> FloatGrid:
    hu = np.ascontiguousarray(image.array, dtype=np.float32)
    bad = hu.size - int(np.count_nonzero(np.isfinite(hu)))
    if bad:
        raise VolumeError(
            f"{path}: {bad} of {hu.size} voxels are NaN or infinite; expected finite numbers, repair them"
        )
    return hu


def _labels(image: _Image, path: str | Path) -> LabelGrid:
    numbers = np.ascontiguousarray(image.array)
    low, high = float(numbers.min()), float(numbers.max())
    whole = np.isfinite([low, high]).all() and bool(np.all(numbers == np.rint(numbers)))
    if not whole or low < 0 or high > np.iinfo(np.uint16).max:
        raise VolumeError(f"{path}: labels must be whole numbers from 0 to 65535; got values from {low:g} to {high:g}")
    return numbers.astype(np.uint16)


def _mask(image: _Image, path: str | Path) -> MaskGrid:
    mask = np.ascontiguousarray(image.array != 0)
    if not mask.any():
        raise VolumeError(f"{path}: the mask is empty; expected at least one non-zero voxel")
    return mask


def _read_on_grid(path: str | Path, what: str, ct: _Image) -> _Image:
    """Read a label map or mask and refuse it unless its voxels lie on the CT's."""
    image = _read(Path(path), None)
    if image.array.shape != ct.array.shape or _grid_distance_voxels(image.affine, ct) > GRID_TOLERANCE_VOXELS:
        raise VolumeError(
            f"{path}: the {what} do not lie on the CT's grid; {what}: shape {image.array.shape}, affine "
            f"{_one_line(image.affine)}; CT: shape {ct.array.shape}, affine {_one_line(ct.affine)}; "
            "resample them onto the CT"
        )
    return image


def _grid_distance_voxels(affine: Matrix, ct: _Image) -> float:
    """Largest distance between the two grids' corners, in the CT's smallest voxel edge."""
    unit = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = unit * (np.array(ct.array.shape) - 1)
    apart = np.linalg.norm(transform_points(affine, corners) - transform_points(ct.affine, corners), axis=1)
    return float(apart.max() / np.linalg.norm(ct.affine[:3, :3], axis=0).min())


def _one_line(affine: Matrix) -> str:
    return str(np.round(affine[:3], 4).tolist())


def _read(path: Path, series: str | None) -> _Image:
    path = path.expanduser()
    if not path.exists():
        raise VolumeError(
            f"no such file or folder: {path}; expected a CT, label or mask file, or a folder of DICOM slices"
        )
    if path.is_dir():
        return _read_dicom(path, series)
    if series is not None:
        raise VolumeError(f"series {series!r} was named, but {path} is a file; name the folder of DICOM slices")
    reader = _sitk.ImageFileReader()
    reader.SetFileName(str(path))
    guarded(reader.ReadImageInformation, path)
    _require_scalar_3d(reader, path)
    _require_intact(reader, path)
    return _to_image(guarded(reader.Execute, path))


def _require_scalar_3d(reader: Any, path: Path) -> None:
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    if components != 1:
        raise VolumeError(f"{path}: expected one value a voxel (HU); got {components}, a colour or vector image")
    if len(size) != 3:
        raise VolumeError(f"{path}: expected a 3-D image; got {len(size)} axes of {size}; pick one volume of it")
    if min(size) < 2:
        raise VolumeError(f"{path}: expected at least 2 voxels along each axis; got {size}; for DICOM name the folder")


def _require_intact(reader: Any, path: Path) -> None:
    """Refuse a file that is cut short or contradicts itself; SimpleITK lets both pass."""
    header: dict[str, str] = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    voxel_bytes: int = _sitk.Image([1, 1, 1], reader.GetPixelID()).GetSizeOfPixelComponent()
    require_whole(path, header, int(np.prod(reader.GetSize(), dtype=np.int64)), voxel_bytes)
    require_one_geometry(path, header, np.array(reader.GetSpacing(), dtype=np.float64))


def _read_dicom(folder: Path, series: str | None) -> _Image:
    uid = _pick_series(folder, series)
    names = _slices(folder, uid)
    reader = _sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    positions = [_position(name) for name in names]
    result = guarded(reader.Execute, folder)
    if result.GetNumberOfComponentsPerPixel() != 1 or result.GetDimension() != 3 or min(result.GetSize()) < 2:
        raise VolumeError(f"{folder}: expected a stack of grey CT slices; got an image of size {result.GetSize()}")
    image = _to_image(result)
    if len(names) > 1:
        _require_regular(image.affine, positions, folder)
    return image


def _pick_series(folder: Path, series: str | None) -> str:
    known = dicom_series(folder)
    listed = "; ".join(f"{uid or '(empty UID)'}: {text}" for uid, text in known.items())
    if not known:
        raise VolumeError(f"{folder}: no DICOM series in this folder; expected a folder of DICOM slices, or a file")
    if series is not None and series not in known:
        raise VolumeError(f"{folder}: no DICOM series {series!r}; it holds {listed}")
    if series is None and len(known) > 1:
        raise VolumeError(f"{folder}: {len(known)} DICOM series; choose one with series=UID: {listed}")
    return next(iter(known)) if series is None else series


def _slices(folder: Path, uid: str) -> tuple[str, ...]:
    """Slice files of a series, ordered along the slice normal."""
    names: tuple[str, ...] = _quietly(lambda: _sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
    return names


def _describe_series(names: tuple[str, ...]) -> str:
    reader = _sitk.ImageFileReader()
    reader.SetFileName(names[0])
    guarded(reader.ReadImageInformation, Path(names[0]))
    key = "0008|103e"
    text = reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else ""
    return f"{text or 'no description'}, {len(names)} slices"


def _position(name: str) -> Matrix:
    """World position of a whole slice's first voxel, mm."""
    reader = _sitk.ImageFileReader()
    reader.SetFileName(name)
    guarded(reader.ReadImageInformation, Path(name))
    _require_intact(reader, Path(name))
    return np.array(reader.GetOrigin(), dtype=np.float64)


def _require_regular(affine: Matrix, positions: list[Matrix], folder: Path) -> None:
    """Refuse slices that the affine misplaces: SimpleITK only warns of missing ones, and shears no tilted gantry."""
    index = np.zeros((len(positions), 3))
    index[:, 2] = np.arange(len(positions))
    apart = np.linalg.norm(transform_points(affine, index) - np.array(positions), axis=1)
    worst = int(apart.argmax())
    if apart[worst] > SLICE_TOLERANCE * np.linalg.norm(affine[:3, 2]):
        raise VolumeError(
            f"{folder}: slice {worst + 1} of {len(positions)} lies {apart[worst]:.2f} mm off an even stack; slices are "
            "missing or doubled, or the gantry was tilted; give a complete series or resample it first"
        )


def _to_image(image: Any) -> _Image:
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return _Image(np.transpose(_sitk.GetArrayFromImage(image)), affine)


def guarded(call: Callable[[], _Answer], path: Path) -> _Answer:
    """Run a SimpleITK call; its errors, and the complaints that mean one, become one line."""
    try:
        return _quietly(call, refuse=_CUT_SHORT)
    except RuntimeError as error:
        raise VolumeError(f"{path}: cannot be read as an image: {_reason(str(error))}") from None


def _reason(message: str) -> str:
    """The telling part of an ITK message: its last line, without addresses in memory and its own preamble."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if any("ImageIO reader" in line or "not recognized" in line for line in lines):
        return "it is damaged, or none of NIfTI, NRRD, MetaImage, DICOM, TIFF and PNG"
    last = re.sub(r"^(sitk::|itk::|ITK )ERROR: ", "", lines[-1] if lines else "no reason given")
    return re.sub(r"\w+\(0x[0-9a-f]+\): ?", "", last)


def _quietly(call: Callable[[], _Answer], refuse: re.Pattern[str] | None = None) -> _Answer:
    """Run a call with what its C libraries print to stderr kept back.

    Raises:
        RuntimeError: The call's own, or what was printed matches ``refuse``; that line is then the message.
    """
    answer: list[_Answer] = []
    failure: RuntimeError | None = None
    with _quiet_lock, tempfile.TemporaryFile() as sink:
        try:
            with _stderr_to(sink.fileno()):
                answer.append(call())
        except RuntimeError as error:
            failure = error
        sink.seek(0)
        printed = sink.read().decode(errors="replace").splitlines()
    complaint = next((line for line in printed if refuse is not None and refuse.search(line)), None)
    if complaint is not None:
        raise RuntimeError(f"cut short or damaged ({complaint.strip()})")
    if failure is not None:
        raise failure
    return answer[0]


@contextmanager
def _stderr_to(target: int) -> Generator[None]:
    """Point the process's stderr, not only Python's, at a file descriptor for a while."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(target, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
