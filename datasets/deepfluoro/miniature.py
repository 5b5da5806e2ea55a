"""A small HDF5 file of DeepFluoro's published structure: two specimens with two projections each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Matrix, compose, invert
from bench.volume.hdf5 import write_hdf5
from bench.xray.miniature import COLUMNS, INTRINSIC, LANDMARKS, ROWS, SPACING_MM, disc, grid, pixel, turn

SPECIMENS = ("17-1882", "18-1109")


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write the file; returns the settings that open it."""
    return {"file": str(write_file(folder / "deepfluoro.h5")), "crop_px": 10, "binning": 2}


def poses() -> tuple[Matrix, Matrix]:
    """Extrinsic (projective from camera world) and volume from camera world."""
    extrinsic = compose(turn(5, -3, 90), (4.0, -6.0, 11.0))
    projective_from_volume = compose(turn(90, 8, 176), (6.0, -9.0, -700.0))
    return extrinsic, invert(projective_from_volume) @ extrinsic


def write_file(path: Path) -> Path:
    """Write the file and return its path."""
    arrays: dict[str, Any] = {
        "proj-params/intrinsic": INTRINSIC.astype("f4"),
        "proj-params/extrinsic": poses()[0].astype("f4"),
        "proj-params/num-rows": ROWS,
        "proj-params/num-cols": COLUMNS,
        "proj-params/pixel-col-spacing": SPACING_MM,
        "proj-params/pixel-row-spacing": SPACING_MM,
    }
    for name in SPECIMENS:
        arrays |= {f"{name}/{key}": value for key, value in _specimen().items()}
    return write_hdf5(path, arrays)


def _specimen() -> dict[str, Any]:
    values, spacing, origin = grid()
    labels = (values > 0).astype("u1")
    labels[2:5, 2:5, 2:5] = 5  # a femur
    arrays = _image("vol", values, spacing, origin) | _image("vol-seg/image", labels, spacing, origin)
    arrays["vol-seg/labels-def/1"] = "left-hemipelvis"
    arrays |= {f"vol-landmarks/{mark}": np.array(point)[:, None] for mark, point in LANDMARKS.items()}
    for index, half_turn in enumerate((0, 1)):
        arrays |= {f"projections/{index:03}/{key}": value for key, value in _projection(half_turn).items()}
    return arrays


def _projection(half_turn: int) -> dict[str, Any]:
    extrinsic, cam_to_vol = poses()
    places = {mark: pixel(extrinsic @ invert(cam_to_vol), point) for mark, point in LANDMARKS.items()}
    image = disc(places["ASIS-l"], air=60000, dark=6000)
    return {
        **_image("image", image, np.full(2, SPACING_MM), np.zeros(2)),
        **{f"gt-landmarks/{mark}": place for mark, place in places.items()},
        **{f"gt-poses/cam-to-{bone}-vol": cam_to_vol.astype("f4") for bone in ("pelvis", "left-femur", "right-femur")},
        "gt-poses/left-femur-good-fov": half_turn,
        "gt-poses/right-femur-good-fov": 0,
        "rot-180-for-up": half_turn,
    }


def _image(name: str, pixels: NDArray[Any], spacing: Matrix, origin: Matrix) -> dict[str, Any]:
    """An image group; spacing and origin are columns, as the published file has them."""
    return {
        f"{name}/pixels": pixels,
        f"{name}/spacing": spacing[:, None],
        f"{name}/origin": origin[:, None],
        f"{name}/dir-mat": np.eye(len(spacing)),
    }
