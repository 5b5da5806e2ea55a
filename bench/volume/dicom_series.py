"""A CT as DICOM: a folder of slices, or one file of many frames.

Every slice's or frame's own position, orientation and rescale count (PS3.3 C.7.6.2, C.7.6.16); the affine is fitted to
the positions, so that a tilted gantry gives a sheared grid and no step is assumed. Slices that do not lie on one grid
are refused.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Matrix
from bench.volume.dicom import DicomHeader, is_dicom, read_header, stored_numbers
from bench.volume.grid import Grid
from bench.volume.volume import FloatGrid, VolumeError

SLICE_TOLERANCE = 0.1
_DIRECTION_TOLERANCE = 1e-4
# Of a pixel, over the whole width: slices of one series are written with more and fewer digits.
_SPACING_TOLERANCE_PX = 0.1
_AIR_HU = -1000.0
_INDEX = "DICOMDIR"
_FOLDERS_SHOWN, _FILES_LOOKED_AT = 4, 5000
# Modalities that are not CT; secondary captures (OT) and rotational angiography (XA) may be one.
OTHER_MODALITIES = {
    "RTDOSE": "a dose distribution", "MR": "a magnetic resonance image", "PT": "a PET image", "NM": "a nuclear image",
    "US": "an ultrasound image", "SEG": "a segmentation", "RTSTRUCT": "a set of contours", "RTPLAN": "a plan",
    "REG": "a registration", "SR": "a report", "PR": "a presentation state",
}  # fmt: skip
# Rescale Types (PS3.3 C.11.1.1.2) of numbers that are, or may be, Hounsfield units; others are other quantities.
_HOUNSFIELD_TYPES = ("HU", "HU_MOD", "US")

Series: TypeAlias = dict[str, tuple[DicomHeader, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A slice: the header of its file, the attributes that hold for itself, and its number in the file."""

    file: DicomHeader
    own: DicomHeader
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """Where a slice lies: position of its first voxel, directions (3, 2) and spacing along (columns, rows), mm."""

    frame: _Frame
    position: Matrix
    axes: Matrix
    spacing: tuple[float, float]


def series_of(folder: Path) -> Series:
    """The series of images of a folder, without its sub-folders: UID to the headers of its files."""
    series: dict[str, list[DicomHeader]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.upper() != _INDEX and is_dicom(path):
            header = read_header(path)
            series.setdefault(header.text("SeriesInstanceUID") or "", []).append(header)
    # Reports, structures and the like form series of their own, without any image.
    return {uid: tuple(series[uid]) for uid in sorted(series) if any(map(_is_image, series[uid]))}


def _is_image(header: DicomHeader) -> bool:
    return header.number("Rows") is not None


def describe_series(headers: Sequence[DicomHeader]) -> str:
    """What a series is, such as ``CT Body 3.0, 20 slices``."""
    frames = sum(header.frames for header in headers)
    return f"{headers[0].text('SeriesDescription') or 'no description'}, {frames} slices"


def read_folder(folder: Path, series: str | None) -> Grid:
    """Read a series of a folder.

    Args:
        folder: Folder of slices.
        series: Series UID, where there are several.

    Raises:
        VolumeError: No series or several, or slices that make no volume.
    """
    return _stacked(_pick_series(folder, series), folder)


def read_file(path: Path) -> Grid:
    """Read a file of many frames.

    Raises:
        VolumeError: It holds one slice, is no CT, or its frames make no volume.
    """
    if path.name.upper() == _INDEX:
        raise VolumeError(f"{path}: a DICOMDIR is an index without pixels; {_elsewhere(path.parent)}")
    header = read_header(path)
    if _is_image(header) and header.frames < 2:
        _require_ct(header)
        raise VolumeError(f"{path}: one slice of a DICOM series; expected a volume; name the folder of its slices")
    return _stacked((header,), path)


def _pick_series(folder: Path, series: str | None) -> tuple[DicomHeader, ...]:
    known = series_of(folder)
    listed = "; ".join(f"{uid or '(empty UID)'}: {describe_series(headers)}" for uid, headers in known.items())
    if not known:
        raise VolumeError(f"{folder}: no DICOM series in this folder; {_elsewhere(folder)}")
    if series is not None and series not in known:
        raise VolumeError(f"{folder}: no DICOM series {series!r}; it holds {listed}")
    if series is None and len(known) > 1:
        raise VolumeError(f"{folder}: {len(known)} DICOM series; choose one with --series UID (series = UID): {listed}")
    chosen = next(iter(known.values())) if series is None else known[series]
    if lost := [header.path.name for header in chosen if not _is_image(header)]:
        raise VolumeError(
            f"{folder}: {len(lost)} of {len(chosen)} files of the series state no Rows (the first is {lost[0]}); "
            "expected images alone, since a slice left out changes the spacing; copy the series again, or move these"
        )
    return chosen


def _elsewhere(folder: Path) -> str:
    """Sub-folders that hold DICOM files, for a message."""
    counts: dict[Path, int] = {}
    looked_at = 0
    for parent, _, names in os.walk(folder):
        here = Path(parent)
        looked_at += len(names)
        found = sum(is_dicom(here / name) for name in names if name.upper() != _INDEX)
        if found and here != folder:
            counts[here.relative_to(folder)] = found
        if looked_at > _FILES_LOOKED_AT:
            break
    if not counts:
        return "expected a folder of DICOM slices, or a file"
    largest = sorted(counts.items(), key=lambda each: -each[1])[:_FOLDERS_SHOWN]
    return "its slices lie in sub-folders, name one: " + ", ".join(f"{name} ({count} files)" for name, count in largest)


def _require_ct(header: DicomHeader) -> None:
    modality = header.text("Modality") or ""
    if modality in OTHER_MODALITIES:
        raise VolumeError(
            f"{header.path}: {OTHER_MODALITIES[modality]} (Modality {modality}); expected a CT in Hounsfield units; "
            "name the CT"
        )
    units = header.text("RescaleType") or "HU"
    if units not in _HOUNSFIELD_TYPES:
        raise VolumeError(
            f"{header.path}: its numbers are {units} (RescaleType), not Hounsfield units; expected a CT in Hounsfield "
            "units; name the series of that kind"
        )


def _stacked(headers: Sequence[DicomHeader], source: Path) -> Grid:
    _require_one_kind(headers, source)
    frames = [_Frame(header, own, index) for header in headers for index, own in enumerate(header.all_frames())]
    if len(frames) < 2:
        raise VolumeError(f"{source}: one slice only; expected a stack of grey CT slices; give the whole series")
    if missing := _missing(frames):
        frames.sort(key=_order)
        return Grid(_hounsfield(frames), None, f"missing: {', '.join(missing)}")
    planes = [_plane(frame) for frame in frames]
    _require_parallel(planes, source)
    normal = np.cross(planes[0].axes[:, 0], planes[0].axes[:, 1])
    planes.sort(key=lambda plane: float(plane.position @ normal))
    affine = _affine(planes, source)
    hu = _hounsfield([plane.frame for plane in planes])
    return Grid(hu, affine, "ImagePositionPatient, ImageOrientationPatient, PixelSpacing")


def _require_one_kind(headers: Sequence[DicomHeader], source: Path) -> None:
    """Refuse localisers and slices of several sizes, each with its own message."""
    for header in headers:
        _require_ct(header.of_frame(0))
    localisers = [header for header in headers if "LOCALIZER" in header.texts("ImageType")]
    if localisers and len(localisers) < len(headers):
        raise VolumeError(
            f"{source}: the series holds {len(localisers)} localiser image(s) beside its slices "
            f"({localisers[0].path.name}); move them out of the folder"
        )
    sizes = Counter((header.number("Rows"), header.number("Columns")) for header in headers)
    if len(sizes) > 1:
        counted = ", ".join(
            f"{count} of {_shown(rows)} x {_shown(columns)}" for (rows, columns), count in sizes.most_common()
        )
        rare = sizes.most_common()[-1][0]
        name = next(h.path.name for h in headers if (h.number("Rows"), h.number("Columns")) == rare)
        raise VolumeError(
            f"{source}: the series holds slices of several sizes (rows x columns): {counted}; expected one size; move "
            f"the others out of the folder (such as {name})"
        )


def _shown(number: float | None) -> str:
    return "?" if number is None else f"{number:g}"


def _order(frame: _Frame) -> tuple[float, float, int]:
    """Where a slice stands among others that state no whole geometry: along its normal, else by its number."""
    axes, position = frame.own.numbers("ImageOrientationPatient"), frame.own.numbers("ImagePositionPatient")
    along = 0.0 if len(axes) != 6 or len(position) != 3 else float(np.cross(axes[:3], axes[3:]) @ np.array(position))
    return along, frame.own.number("InstanceNumber") or 0.0, frame.index


def _missing(frames: Sequence[_Frame]) -> tuple[str, ...]:
    """Attributes of the geometry that some slice or frame does not state."""
    names = {"PixelSpacing": "spacing", "ImageOrientationPatient": "direction", "ImagePositionPatient": "origin"}
    missing = tuple(
        f"{what} ({name})" for name, what in names.items() if not all(frame.own.texts(name) for frame in frames)
    )
    grouped = all(frame.file.frames == 1 or frame.file.has("PerFrameFunctionalGroupsSequence") for frame in frames)
    return missing if missing or grouped else ("a position for each frame",)


def _plane(frame: _Frame) -> _Plane:
    own, path = frame.own, frame.file.path
    spacing = own.numbers("PixelSpacing", 2)
    axes = np.array(own.numbers("ImageOrientationPatient", 6)).reshape(2, 3).T
    if min(spacing) <= 0:
        raise VolumeError(f"{path}: PixelSpacing must be positive; got {spacing}; correct it")
    lengths = np.linalg.norm(axes, axis=0)
    if not np.allclose(lengths, 1, atol=1e-2) or abs(float(axes[:, 0] @ axes[:, 1])) > 1e-2:
        raise VolumeError(
            f"{path}: ImageOrientationPatient must be two perpendicular directions of length 1; got "
            f"{axes.T.ravel().tolist()}; correct it"
        )
    position = np.array(own.numbers("ImagePositionPatient", 3))
    # Along columns of the image first: PixelSpacing is (between rows, between columns).
    return _Plane(frame, position, axes / lengths, (spacing[1], spacing[0]))


def _require_parallel(planes: Sequence[_Plane], source: Path) -> None:
    first = planes[0]
    for plane in planes:
        if not _same_spacing(plane, first) or np.abs(plane.axes - first.axes).max() > _DIRECTION_TOLERANCE:
            raise VolumeError(
                f"{source}: its slices have several orientations or pixel spacings ({plane.frame.file.path.name}, "
                f"frame {plane.frame.index} differs); expected one stack: move localisers and other stacks out of the "
                "folder, or choose a series"
            )


def _same_spacing(plane: _Plane, first: _Plane) -> bool:
    size = np.array([plane.frame.file.number(name) or 1 for name in ("Columns", "Rows")])
    apart = np.abs(np.array(plane.spacing) / np.array(first.spacing) - 1) * size
    return bool(apart.max() < _SPACING_TOLERANCE_PX)


def _affine(planes: Sequence[_Plane], source: Path) -> Matrix:
    """world_from_index of sorted planes; the step is the mean one.

    Raises:
        VolumeError: Planes that are missing, doubled or not in one line.
    """
    positions = np.array([plane.position for plane in planes])
    step = (positions[-1] - positions[0]) / (len(planes) - 1)
    apart = np.linalg.norm(positions - positions[0] - np.arange(len(planes))[:, np.newaxis] * step, axis=1)
    worst, length = int(apart.argmax()), float(np.linalg.norm(step))
    if length < 1e-6 or apart[worst] > SLICE_TOLERANCE * length:
        raise VolumeError(
            f"{source}: slice {worst + 1} of {len(planes)} lies {apart[worst]:.2f} mm off an even stack; slices are "
            "missing, doubled (several times or stacks in one series) or unevenly spaced; give one complete series"
        )
    affine = np.eye(4)
    affine[:3, :2] = planes[0].axes * np.array(planes[0].spacing)
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return affine


def _hounsfield(frames: Sequence[_Frame]) -> FloatGrid:
    """[i, j, k] of slices."""
    decoded: dict[Path, NDArray[Any]] = {}
    slices = [_rescaled(frame.own, _stored(frame, decoded)) for frame in frames]
    return np.ascontiguousarray(np.transpose(np.stack(slices), (2, 1, 0)))


def _stored(frame: _Frame, decoded: dict[Path, NDArray[Any]]) -> NDArray[Any]:
    """The numbers of a slice; a file of many frames is decoded once and kept in ``decoded``."""
    if frame.file.frames == 1:
        return stored_numbers(frame.file, 0)
    if frame.file.path not in decoded:
        decoded[frame.file.path] = stored_numbers(frame.file)
    return np.asarray(decoded[frame.file.path][frame.index])


def _rescaled(header: DicomHeader, stored: NDArray[Any]) -> FloatGrid:
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    if slope == 0 or header.has("ModalityLUTSequence"):
        what = "RescaleSlope is 0" if slope == 0 else "its numbers are turned by a ModalityLUTSequence"
        raise VolumeError(f"{header.path}: {what}; expected RescaleSlope and RescaleIntercept to Hounsfield units")
    hu = stored * (1.0 if slope is None else slope) + (0.0 if intercept is None else intercept)
    padding = header.number("PixelPaddingValue")
    if padding is not None:
        # Voxels outside the scanner's field count as air, for any padding value.
        hu = np.where(stored == padding, np.minimum(hu, _AIR_HU), hu)
    return np.asarray(hu, dtype=np.float32)
