"""What a CT file or folder states: grid, orientation, numbers; and which values must be given by the user."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.geometry import Matrix
from bench.volume.dicom import is_dicom, read_header
from bench.volume.dicom_series import describe_series, series_of
from bench.volume.grid import Grid
from bench.volume.hounsfield import hounsfield_doubt
from bench.volume.labels import present
from bench.volume.nifti import is_nifti, nifti_shape
from bench.volume.read import read_volume, read_volume_grid, unnamed_labels
from bench.volume.sitk_file import image_shape

_SHEAR = 1e-6
_VOLUME_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.13.1")  # CT, X-ray 3D; with their kin
_VOLUME_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd", ".vtk", ".gipl", ".h5", ".hdf5", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Description:
    """A description of a file, as rows to print.

    Attributes:
        fields: Name and value of what was read.
        calibration: Name, value and origin of what a projection needs: stated, derived (how), assumed or missing.
        missing: Values that the user must give, one phrase each.
    """

    fields: tuple[tuple[str, str], ...]
    calibration: tuple[tuple[str, str, str], ...]
    missing: tuple[str, ...]


def is_volume(path: Path) -> bool:
    """Whether a file or folder is a CT rather than an X-ray image, from its header alone.

    Raises:
        VolumeError: The header is damaged.
    """
    if path.is_dir():
        return True
    if is_dicom(path):
        header = read_header(path)
        sop_class = header.text("SOPClassUID") or ""
        placed = bool(header.of_frame(0).texts("ImagePositionPatient")) if header.number("Rows") else False
        return sop_class.startswith(_VOLUME_CLASSES) or placed or header.text("Modality") == "RTDOSE"
    if is_nifti(path):
        shape = nifti_shape(path)
        return len(shape) == 3 and min(shape) > 1
    return path.name.lower().endswith(_VOLUME_ENDINGS) and len(image_shape(path).size) == 3


def describe_volume(
    path: Path, series: str | None = None, *, labels: Path | None = None, label_scheme: str | None = None
) -> Description:
    """Describe a CT as far as it can be read without help.

    Args:
        path: File or folder.
        series: DICOM series UID; of a folder of several, None lists them.
        labels: A label map on its grid.
        label_scheme: Numbering of the labels; None lists those that fit.

    Raises:
        VolumeError: It cannot be read, whatever values are given.
    """
    known = series_of(path) if path.is_dir() else {}
    listed = tuple((f"series {uid or '(empty UID)'}", describe_series(headers)) for uid, headers in known.items())
    if series is None and len(known) > 1:
        return Description(listed, (), ("which series: give --series UID",))
    grid = read_volume_grid(path, series)
    low, high = float(grid.array.min()), float(grid.array.max())
    doubt = hounsfield_doubt(np.asarray(grid.array, dtype=np.float32))
    fields = (
        *listed,
        ("voxels along (i, j, k)", " x ".join(map(str, grid.array.shape))),
        ("numbers", f"{low:g} to {high:g}"),
        ("Hounsfield units", "plausible" if doubt is None else f"doubtful: {doubt}"),
    )
    missing = (
        ()
        if grid.affine is not None
        else ("the position of its voxels: give --voxel-spacing-mm, or write it into the file",)
    )
    if labels is not None and grid.affine is not None:
        held, unnamed = _labels(path, series, labels, label_scheme)
        fields, missing = (*fields, ("labels", held)), (*missing, *unnamed)
    return Description(fields, _geometry(grid), missing)


def _labels(path: Path, series: str | None, labels: Path, scheme: str | None) -> tuple[str, tuple[str, ...]]:
    """What a label map holds, and what is to be given by hand."""
    if scheme is not None:
        volume = read_volume(path, labels=labels, label_scheme=scheme, series=series)
        return f"{', '.join(present(volume)) or 'none'} (scheme {scheme!r})", ()
    numbers, fitting = unnamed_labels(path, labels, series=series)
    return numbers, (f"numbering of the labels: give --label-scheme; {fitting}",)


def _geometry(grid: Grid) -> tuple[tuple[str, str, str], ...]:
    if grid.affine is None:
        return (("world_from_index", "not found", f"missing: {grid.stated_by.removeprefix('missing: ')}"),)
    stated = f"stated: {grid.stated_by}"
    linear = grid.affine[:3, :3]
    edges: Matrix = np.linalg.norm(linear, axis=0)
    axes = linear / edges
    shear = float(np.abs(axes.T @ axes - np.eye(3)).max())
    skew = "perpendicular" if shear < _SHEAR else f"{np.degrees(np.arcsin(min(shear, 1.0))):.3f} deg off perpendicular"
    return (
        ("voxel spacing, mm", ", ".join(f"{edge:g}" for edge in edges), stated),
        ("first voxel (LPS), mm", ", ".join(f"{each:g}" for each in grid.affine[:3, 3]), stated),
        ("axes (i, j, k) run to", f"{''.join(_letter(axis) for axis in axes.T)}, {skew}", stated),
    )


def _letter(axis: Matrix) -> str:
    """The patient's side that an axis runs to."""
    main = int(np.abs(axis).argmax())
    return ("L", "P", "S")[main] if axis[main] > 0 else ("R", "A", "I")[main]
