"""Write line integrals: as numbers (TIFF, NIfTI) or as a picture (PNG). Imports SimpleITK."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from bench.files import write_whole
from bench.xray.line_integrals import Pixels, XrayError

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK

ENDINGS = (".png", ".tif", ".tiff", ".nii", ".nii.gz")


def write_integrals(path: Path, image: Pixels, spacing_mm: tuple[float, float]) -> Path:
    """Write an image (H, W): float32 line integrals, or for ``.png`` 8 bits over its own range, bone bright.

    Args:
        path: Its ending, one of ``ENDINGS``, selects the format; missing folders are made.
        image: Line integrals.
        spacing_mm: At the detector, along (columns, rows); written where the format has a place that readers trust
            (NIfTI).

    Raises:
        XrayError: The disk has no room for it.
        OSError: No such file can be made there.
    """
    pixels: Any = image
    if path.suffix.lower() == ".png":
        low, high = float(image.min()), float(image.max())
        pixels = np.rint(255 * (image - low) / max(high - low, 1e-6)).astype(np.uint8)
    file = _sitk.GetImageFromArray(np.ascontiguousarray(pixels))
    file.SetSpacing(spacing_mm)
    try:
        return write_whole(path, lambda part: _sitk.WriteImage(file, str(part)))
    except RuntimeError:
        raise XrayError(f"{path} could not be written whole; make room on its disk, or write elsewhere") from None
