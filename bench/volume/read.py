"""Read CT volumes, label maps and masks: DICOM, NIfTI, NRRD, MetaImage; a TIFF stack with its voxel spacing given.

World is the patient's frame in LPS, mm, and an image's affine is taken exactly as its file states it, in any
orientation its voxels are stored, sheared grids included. What a file does not state (spacing, origin, direction) is
never filled in: such a file is refused, or read with ``voxel_spacing_mm``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.files import at_home
from bench.geometry import Matrix, transform_points
from bench.volume.dicom import is_dicom, read_header
from bench.volume.dicom_series import OTHER_MODALITIES, describe_series, read_file, read_folder, series_of
from bench.volume.grid import Grid
from bench.volume.hounsfield import warn_unless_hounsfield
from bench.volume.labels import check_scheme
from bench.volume.level_order import held_and_fitting, require_order
from bench.volume.nifti import is_nifti, nifti_shape, read_nifti
from bench.volume.sitk_file import image_shape, read_grid
from bench.volume.volume import FloatGrid, LabelGrid, MaskGrid, Volume, VolumeError

GRID_TOLERANCE_VOXELS = 0.05
_AIR_HU = -1000.0
# Far beyond metal, and beyond the stored numbers of any scanner.
_MAX_HU = 1e6
# A grid's longest edge, mm: beyond these a file's unit of length is not the one that it states.
_SMALLEST_MM, _LARGEST_MM = 2.0, 5000.0
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Where the CT's voxels are."""

    shape: tuple[int, ...]
    affine: Matrix


def read_volume(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    label_scheme: str | None = None,
    mask: str | Path | None = None,
    series: str | None = None,
    voxel_spacing_mm: Spacing | None = None,
) -> Volume:
    """Read a CT with, optionally, its label map and content mask.

    Args:
        path: A file of Hounsfield units, or a folder of DICOM slices.
        labels: A label map on the CT's grid.
        label_scheme: Numbering of the labels, a built-in name or a TOML file (see ``bench.volume.labels``).
        mask: A content mask on the CT's grid; non-zero voxels are content.
        series: DICOM series UID, where the folder holds several.
        voxel_spacing_mm: Along (columns, rows, slices), for a file that does not state its geometry, such as a TIFF
            stack: world then has its axes along the file's (not known to be LPS) and its origin in the middle of the
            grid, voxel (i, j, k) at ((i, j, k) - size / 2) * spacing. Where such a file holds no negative number it
            is taken for a segmented bone, whose numbers are not HU: HU = number - 1000, so that attenuation is
            proportional to the number and zero where the segmentation left nothing; its scale is arbitrary.

    Returns:
        The volume; HU float32 [i, j, k], affine in LPS mm as the file states it. Numbers that do not look like
        Hounsfield units give a ``HounsfieldWarning``.

    Raises:
        VolumeError: Missing, cut short, not a 3-D scalar image, voxels that are no numbers, a geometry that is not
            stated, grids that disagree, or labels whose levels are not in cranio-caudal order.
    """
    if (labels is None) != (label_scheme is None):
        raise VolumeError(
            "labels and label_scheme go together; name the numbering of the labels, such as 'verse'"
            if label_scheme is None
            else f"label_scheme {label_scheme!r} was given without labels; name the label file too"
        )
    if label_scheme is not None:
        check_scheme(label_scheme)
    hu, affine = _read_ct(Path(path), series, voxel_spacing_mm)
    ct = _Placed(hu.shape, affine)
    volume = Volume(
        hu=hu,
        affine=affine,
        labels=None if labels is None else _labels(_read_on_grid(labels, "labels", ct, voxel_spacing_mm), labels),
        label_scheme=label_scheme,
        mask=None if mask is None else _mask(_read_on_grid(mask, "mask", ct, voxel_spacing_mm), mask),
    )
    if voxel_spacing_mm is None:
        require_order(volume, str(labels))
    return volume


def unnamed_labels(path: Path, labels: Path, *, series: str | None = None) -> tuple[str, str]:
    """The numbers of a label map whose scheme is not known, and which schemes would fit.

    Raises:
        VolumeError: Files that cannot be used, or a map that is not on the CT's grid.
    """
    grid = read_volume_grid(path, series)
    ct = _Placed(grid.array.shape, _world(grid, path, None))
    numbers = _labels(_read_on_grid(labels, "labels", ct, None), labels)
    return held_and_fitting(numbers, ct.affine)


def dicom_series(folder: str | Path) -> dict[str, str]:
    """The DICOM series of a folder: UID to a description, such as ``CT Body 3.0, 20 slices``."""
    return {uid: describe_series(headers) for uid, headers in series_of(Path(folder)).items()}


def require_image(path: str | Path) -> None:
    """Look at a file's header alone.

    Raises:
        VolumeError: It is no 3-D image of one value a voxel; the file may still be cut short.
    """
    file = Path(path)
    if is_dicom(file):
        header = read_header(file)
        _require_3d((*(int(header.number(name) or 0) for name in ("Columns", "Rows")), header.frames), file)
    elif is_nifti(file):
        _require_3d(nifti_shape(file), file)
    else:
        _require_other(file)


def read_volume_grid(path: Path, series: str | None = None) -> Grid:
    """The numbers of a file or folder with the geometry that it states.

    Raises:
        VolumeError: Missing, damaged, or not a 3-D scalar image.
    """
    file = at_home(path)
    if not file.exists():
        raise VolumeError(
            f"no such file or folder: {file}; expected a CT, label or mask file, or a folder of DICOM slices"
        )
    if file.is_dir():
        return read_folder(file, series)
    if not file.is_file():
        raise VolumeError(f"{file} is a device or pipe; expected a CT, label or mask file, or a folder of DICOM slices")
    if series is not None:
        raise VolumeError(f"series {series!r} was named, but {file} is a file; name the folder of DICOM slices")
    if is_dicom(file):
        return read_file(file)
    if is_nifti(file):
        _require_3d(nifti_shape(file), file)
        return read_nifti(file).grid
    _require_other(file)
    return read_grid(file)


def _require_other(path: Path) -> None:
    shape = image_shape(path)
    if shape.components != 1:
        raise VolumeError(f"{path}: expected one value a voxel (HU); got {shape.components}, a colour or vector image")
    _require_3d(shape.size, path)


def _require_3d(size: tuple[int, ...], path: Path) -> None:
    if len(size) != 3:
        raise VolumeError(f"{path}: expected a 3-D image; got {len(size)} axes of {size}; pick one volume of it")
    if min(size) < 2:
        raise VolumeError(f"{path}: expected at least 2 voxels along each axis; got {size}; for DICOM name the folder")


def _read_ct(path: Path, series: str | None, spacing_mm: Spacing | None) -> tuple[FloatGrid, Matrix]:
    grid = read_volume_grid(path, series)
    affine = _world(grid, path, spacing_mm)
    hu = _finite(grid, path)
    if (extreme := float(np.abs(hu).max())) > _MAX_HU:
        raise VolumeError(
            f"{path}: its numbers reach {extreme:.3g}; expected Hounsfield units (air -1000, metal 30000): convert it"
        )
    if grid.affine is None and float(hu.min()) >= 0:
        if not hu.any():
            raise VolumeError(f"{path}: a segmented bone has numbers >= 0 and some above; got none")
        return np.asarray(hu + np.float32(_AIR_HU)), affine
    warn_unless_hounsfield(hu, path)
    return hu, affine


def _world(grid: Grid, path: str | Path, spacing_mm: Spacing | None) -> Matrix:
    """The stated affine; else, where a spacing is given, the one of the file's own axes."""
    if grid.affine is not None:
        if spacing_mm is not None:
            raise VolumeError(
                f"{path}: the file states its own geometry ({grid.stated_by}); leave out voxel_spacing_mm"
            )
        _require_plausible_size(grid.affine, grid.array.shape, path)
        return grid.affine
    if spacing_mm is None:
        raise VolumeError(
            f"{path}: the file states no orientation of its voxels in the patient ({grid.stated_by}); write it into "
            "the file, or give --voxel-spacing-mm (voxel_spacing_mm: along columns, rows, slices) to read it "
            "along its own axes"
        )
    spacing = np.array(spacing_mm, dtype=np.float64)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise VolumeError(f"voxel_spacing_mm must be three positive numbers; got {spacing_mm}")
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * spacing * grid.array.shape
    return affine


def _require_plausible_size(affine: Matrix, shape: tuple[int, ...], path: str | Path) -> None:
    """Refuse lengths in metres or micrometres that a header takes for millimetres."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    longest = float((edges * shape[:3]).max())
    if not _SMALLEST_MM <= longest <= _LARGEST_MM:
        raise VolumeError(
            f"{path}: by its header the grid is {longest:.4g} mm long (voxels of {edges.round(6).tolist()} "
            f"mm); expected {_SMALLEST_MM:g} to {_LARGEST_MM:g} mm: its lengths are in another unit; correct the header"
        )


def _finite(grid: Grid, path: str | Path) -> FloatGrid:
    hu = np.ascontiguousarray(grid.array, dtype=np.float32)
    bad = hu.size - int(np.count_nonzero(np.isfinite(hu)))
    if bad:
        raise VolumeError(
            f"{path}: {bad} of {hu.size} voxels are NaN or infinite; expected finite numbers, repair them"
        )
    return hu


def _labels(grid: Grid, path: str | Path) -> LabelGrid:
    numbers = np.ascontiguousarray(grid.array)
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite(numbers).all():
        _finite(grid, path)
    whole = bool(np.all(numbers == np.rint(numbers)))
    if not whole or low < 0 or high > np.iinfo(np.uint16).max:
        raise VolumeError(f"{path}: labels must be whole numbers from 0 to 65535; got values from {low:g} to {high:g}")
    return numbers.astype(np.uint16)


def _mask(grid: Grid, path: str | Path) -> MaskGrid:
    mask = np.ascontiguousarray(grid.array != 0)
    if not mask.any():
        raise VolumeError(f"{path}: the mask is empty; expected at least one non-zero voxel")
    return mask


def _read_on_grid(path: str | Path, what: str, ct: _Placed, spacing_mm: Spacing | None) -> Grid:
    """Read a label map or mask and refuse it unless its voxels lie on the CT's."""
    _require_map(at_home(path), what)
    grid = read_volume_grid(Path(path))
    affine = _world(grid, path, None if grid.affine is not None else spacing_mm)
    if grid.array.shape != ct.shape or _grid_distance_voxels(affine, ct) > GRID_TOLERANCE_VOXELS:
        raise VolumeError(
            f"{path}: the {what} do not lie on the CT's grid; {what}: shape {grid.array.shape}, affine "
            f"{_one_line(affine)}; CT: shape {ct.shape}, affine {_one_line(ct.affine)}; "
            "resample them onto the CT"
        )
    return grid


def _require_map(path: Path, what: str) -> None:
    """Refuse DICOM files for which the messages about a CT would name the wrong remedy."""
    known = series_of(path) if path.is_dir() else {}
    if len(known) > 1:
        listed = "; ".join(f"{uid}: {describe_series(headers)}" for uid, headers in known.items())
        raise VolumeError(
            f"{path}: {len(known)} DICOM series; put that of the {what} into a folder of its own: {listed}"
        )
    first = next((headers[0] for headers in known.values()), read_header(path) if is_dicom(path) else None)
    modality = None if first is None else first.text("Modality")
    if modality in ("SEG", "RTSTRUCT"):
        raise VolumeError(
            f"{path}: {OTHER_MODALITIES[modality]} as DICOM (Modality {modality}); expected the {what} as one number a "
            "voxel: convert it to NIfTI on the CT's grid"
        )


def _grid_distance_voxels(affine: Matrix, ct: _Placed) -> float:
    """Largest distance between the two grids' corners, in the CT's smallest voxel edge."""
    unit = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = unit * (np.array(ct.shape) - 1)
    apart = np.linalg.norm(transform_points(affine, corners) - transform_points(ct.affine, corners), axis=1)
    return float(apart.max() / np.linalg.norm(ct.affine[:3, :3], axis=0).min())


def _one_line(affine: Matrix) -> str:
    return str(np.round(affine[:3], 4).tolist())
