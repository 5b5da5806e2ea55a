"""Small HDF5 files of the published structure of DeepFluoro and of Ljubljana's conversion, written by their documents.

Pixels are drawn where the documents' own equations put a point, so that nothing of the loaders is used to test them.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix, compose, invert

h5py: Any = import_module("h5py")

ROWS, COLUMNS = 160, 176
SPACING_MM = 1.6
SDD_MM = 1020.0
INTRINSIC = np.array([[-SDD_MM / SPACING_MM, 0, 84.5], [0, -SDD_MM / SPACING_MM, 79.0], [0, 0, 1]])
SPECIMENS = ("17-1882", "18-1109")
LANDMARKS = {"ASIS-l": (-20.0, 12.0, 31.0), "FH-r": (24.0, -9.0, -22.0), "MOF-l": (3.0, 18.0, 6.0)}
DISC = 6


def turn(*degrees: float) -> Matrix:
    return np.asarray(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())


def pixel(projective_from_point: Matrix, point: Any) -> Matrix:
    """(column, row) in the stored array: intrinsic @ projective_from_point @ point, as the layouts' documents say."""
    homogeneous = INTRINSIC @ (projective_from_point @ np.append(point, 1.0))[:3]
    return np.asarray(homogeneous[:2] / homogeneous[2])


def disc(centre: Matrix, *, air: float, dark: float) -> NDArray[np.float32]:
    """Intensities: a dark disc on air."""
    rows, columns = np.indices((ROWS, COLUMNS))
    inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < DISC**2
    return np.where(inside, dark, air).astype(np.float32)


def grid() -> tuple[NDArray[np.float32], Matrix, Matrix]:
    """Values by (slice, row, column) with one dense blob at the first landmark; spacing; origin."""
    spacing, origin = np.array([2.0, 2.0, 2.5]), np.array([-50.0, -40.0, -60.0])
    values = np.full((48, 40, 50), -1000.0, np.float32)
    i, j, k = np.rint((np.array(LANDMARKS["ASIS-l"]) - origin) / spacing).astype(int)
    values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 1500
    return values, spacing, origin


def write_image(group: Any, pixels: NDArray[Any], spacing: Matrix, origin: Matrix) -> None:
    group["pixels"] = pixels
    group["spacing"], group["origin"] = spacing[:, None], origin[:, None]  # columns, as the file has them
    group["dir-mat"] = np.eye(len(spacing))


def deepfluoro_poses() -> tuple[Matrix, Matrix]:
    """Extrinsic (projective from camera world) and volume from camera world."""
    extrinsic = compose(turn(5, -3, 90), (4.0, -6.0, 11.0))
    projective_from_volume = compose(turn(90, 8, 176), (6.0, -9.0, -700.0))
    return extrinsic, invert(projective_from_volume) @ extrinsic


def write_deepfluoro(path: Path) -> Path:
    extrinsic, cam_to_vol = deepfluoro_poses()
    values, spacing, origin = grid()
    with h5py.File(path, "w") as file:
        parameters = file.create_group("proj-params")
        parameters["intrinsic"], parameters["extrinsic"] = INTRINSIC.astype("f4"), extrinsic.astype("f4")
        parameters["num-rows"], parameters["num-cols"] = ROWS, COLUMNS
        parameters["pixel-col-spacing"] = parameters["pixel-row-spacing"] = SPACING_MM
        for name in SPECIMENS:
            specimen = file.create_group(name)
            write_image(specimen.create_group("vol"), values, spacing, origin)
            labels = (values > 0).astype("u1")
            labels[2:5, 2:5, 2:5] = 5  # a femur
            write_image(specimen.create_group("vol-seg/image"), labels, spacing, origin)
            specimen["vol-seg/labels-def/1"] = "left-hemipelvis"
            for mark, point in LANDMARKS.items():
                specimen[f"vol-landmarks/{mark}"] = np.array(point)[:, None]
            for index, half_turn in enumerate((0, 1)):
                _write_projection(specimen.create_group(f"projections/{index:03}"), cam_to_vol, half_turn)
    return path


def _write_projection(shot: Any, cam_to_vol: Matrix, half_turn: int) -> None:
    extrinsic, _ = deepfluoro_poses()
    projective_from_volume = extrinsic @ invert(cam_to_vol)
    places = {mark: pixel(projective_from_volume, point) for mark, point in LANDMARKS.items()}
    write_image(
        shot.create_group("image"), disc(places["ASIS-l"], air=60000, dark=6000), np.full(2, SPACING_MM), np.zeros(2)
    )
    for mark, place in places.items():
        shot[f"gt-landmarks/{mark}"] = place
    for bone in ("pelvis", "left-femur", "right-femur"):
        shot[f"gt-poses/cam-to-{bone}-vol"] = cam_to_vol.astype("f4")
    shot["gt-poses/left-femur-good-fov"], shot["gt-poses/right-femur-good-fov"] = half_turn, 0
    shot["rot-180-for-up"] = half_turn


def ljubljana_poses() -> dict[str, Matrix]:
    """Projective from the conversion's world."""
    return {
        "ap": compose(turn(90, 4, 2), (3.0, -5.0, -720.0)),
        "lat": compose(turn(90, 0, 92), (-4.0, 6.0, -690.0)),
    }


def write_ljubljana(path: Path) -> Path:
    values, spacing, origin = grid()
    # By (x, y, z), its first axis against the world's x; a 3D-DSA's numbers.
    numbers = np.ascontiguousarray(np.where(values > 0, 5000.0, 300.0).astype(np.float32).T[::-1])
    with h5py.File(path, "w") as file:
        for name in ("subject01", "subject02"):
            subject = file.create_group(name)
            subject["volume/pixels"], subject["volume/spacing"] = numbers, spacing
            subject["volume/origin"] = origin
            subject["points"] = np.array(list(LANDMARKS.values()))
            for view, extrinsic in ljubljana_poses().items():
                place = pixel(extrinsic, LANDMARKS["ASIS-l"])
                for ending in ("", "-max"):
                    shot = subject.create_group(f"proj-{view}{ending}")
                    shot["pixels"] = disc(place, air=2000, dark=500)
                    shot["intrinsic"], shot["extrinsic"] = INTRINSIC.astype("f4"), extrinsic.astype("f4")
                    shot["col-spacing"] = shot["row-spacing"] = SPACING_MM
    return path
