"""A small HDF5 file of the structure of Ljubljana's conversion: two subjects, frontal and lateral angiograms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.geometry import Matrix, compose
from bench.volume.hdf5 import write_hdf5
from bench.xray.miniature import INTRINSIC, LANDMARKS, SPACING_MM, disc, grid, pixel, turn

SUBJECTS = ("subject01", "subject02")


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write the file; returns the settings that open it."""
    return {"file": str(write_file(folder / "ljubljana.h5")), "binning": 2}


def poses() -> dict[str, Matrix]:
    """Projective from the conversion's world, by view."""
    return {
        "ap": compose(turn(90, 4, 2), (3.0, -5.0, -720.0)),
        "lat": compose(turn(90, 0, 92), (-4.0, 6.0, -690.0)),
    }


def write_file(path: Path) -> Path:
    """Write the file and return its path."""
    arrays: dict[str, Any] = {}
    for name in SUBJECTS:
        arrays |= {f"{name}/{key}": value for key, value in _subject().items()}
    return write_hdf5(path, arrays)


def _subject() -> dict[str, Any]:
    values, spacing, origin = grid()
    # By (x, y, z), its first axis against the world's x; a 3D-DSA's numbers.
    numbers = np.ascontiguousarray(np.where(values > 0, 5000.0, 300.0).astype(np.float32).T[::-1])
    arrays: dict[str, Any] = {
        "volume/pixels": numbers,
        "volume/spacing": spacing,
        "volume/origin": origin,
        "points": np.array(list(LANDMARKS.values())),
    }
    for view, extrinsic in poses().items():
        for ending in ("", "-max"):
            arrays |= {f"proj-{view}{ending}/{key}": value for key, value in _projection(extrinsic).items()}
    return arrays


def _projection(extrinsic: Matrix) -> dict[str, Any]:
    return {
        "pixels": disc(pixel(extrinsic, LANDMARKS["ASIS-l"]), air=2000, dark=500),
        "intrinsic": INTRINSIC.astype("f4"),
        "extrinsic": extrinsic.astype("f4"),
        "col-spacing": SPACING_MM,
        "row-spacing": SPACING_MM,
    }
