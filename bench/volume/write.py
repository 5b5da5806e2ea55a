"""Write a grid with its affine as an image file. Imports SimpleITK."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from bench.files import write_whole
from bench.geometry import Matrix
from bench.text import one_line
from bench.volume.volume import VolumeError

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK
_HEADERS = (".mhd", ".nhdr", ".hdr")


def write_image(path: Path, grid: NDArray[Any], affine: Matrix | None = None) -> Path:
    """Write a grid by (i, j, k), or an image by (column, row), in the format that the file's ending names.

    Args:
        path: Missing folders are made.
        grid: 2D or 3D, of the data type to be written.
        affine: world_from_index of a volume, 4x4, LPS mm, columns at right angles; None = unit spacing, origin zero.

    Returns:
        The path.

    Raises:
        VolumeError: A header with its numbers in another file (.mhd, .nhdr, .hdr), an ending or a data type that the
            library does not write, or the disk has no room.
        OSError: No such file can be made there.
    """
    image = _sitk.GetImageFromArray(np.ascontiguousarray(grid.T))
    if affine is not None:
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((affine[:3, :3] / spacing).reshape(-1).tolist())
        image.SetOrigin(affine[:3, 3].tolist())
    if path.suffix.lower() in _HEADERS:
        raise VolumeError(f"{path}: expected a format of one file, so that it is whole or not there; name a .nii.gz")
    try:
        return write_whole(path, lambda part: _sitk.WriteImage(image, str(part)))
    except RuntimeError as error:  # the library's only kind of error
        reason = one_line((str(error).splitlines() or [""])[-1], 200)
        raise VolumeError(
            f"{path} could not be written whole ({reason}); name another ending or data type, or make room on its disk"
        ) from None
