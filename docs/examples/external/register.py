"""A registration in plain numpy and scipy: own ray caster, correlation, Powell's search. Nothing of fluorobench.

``python register.py CASE_FOLDER`` writes ``answer.json`` into the folder of a case;
``python register.py PROBLEMS_FOLDER answers.csv`` answers all cases of an export.
"""

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

Array = NDArray[Any]
PIXELS, STEPS, RENDERINGS = 32, 64, 250


def numbers(folder: Path, file: dict[str, Any], shape: tuple[int, ...]) -> Array:
    """Raw little-endian numbers of a file, from the place that ``case.json`` states."""
    return np.fromfile(folder / file["path"], file["type"], int(np.prod(shape)), offset=file["offset_bytes"]).reshape(
        shape
    )


def attenuation(folder: Path, volume: dict[str, Any]) -> Array:
    """Attenuation per mm, indexed [i, j, k]: in the files i runs fastest."""
    shape = tuple(volume["shape"])[::-1]
    mu = volume["mu_water_per_mm"] * np.maximum(0, 1 + numbers(folder, volume["hu"], shape) / 1000)
    return np.asarray((mu if volume["mask"] is None else mu * numbers(folder, volume["mask"], shape)).T)


def binned(image: Array, factor: int) -> Array:
    """Means of blocks of pixels."""
    rows, columns = (size // factor for size in image.shape)
    return np.asarray(
        image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    )


def render(
    mu: Array, index_from_world: Array, camera_from_world: Array, rays: Array, reach: tuple[float, float]
) -> Array:
    """Line integrals along rays (rows, columns, 3) from the source, by samples between two depths."""
    depths, step = np.linspace(*reach, STEPS, retstep=True)
    index_from_camera = index_from_world @ np.linalg.inv(camera_from_world)
    ahead = rays @ index_from_camera[:3, :3].T
    points = index_from_camera[:3, 3] + depths[:, None, None, None] * ahead
    values = map_coordinates(mu, np.moveaxis(points, -1, 0), order=1)
    return np.asarray(values.sum(axis=0) * step * np.linalg.norm(rays, axis=-1))


def register(folder: Path) -> Array:
    """rig_from_world of a case (4x4, mm), by its first view."""
    case = json.loads((folder / "case.json").read_text())
    view, volume, centre = case["views"][0], case["volume"], np.array(case["centre"])
    mu = attenuation(folder, volume)
    factor = max(1, view["width"] // PIXELS)
    image = binned(numbers(folder, view["image"], (view["height"], view["width"])), factor)
    K, middle = np.array(view["K"]), (factor - 1) / 2
    v, u = np.indices(image.shape) * factor + middle
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], axis=-1)
    index_from_world = np.linalg.inv(np.array(volume["world_from_index"]))
    nominal, camera_from_rig = np.array(case["nominal"]), np.array(view["camera_from_rig"])
    depth = float((nominal[:3, :3] @ centre + nominal[:3, 3])[2])
    half = float(np.linalg.norm(np.linalg.norm(volume["world_from_index"], axis=0)[:3] * volume["shape"])) / 2 + 50
    scale = np.maximum(np.array(case["search"]), 1e-3)

    def moved(theta: Array) -> Array:
        """The nominal pose, turned by theta[:3] (degrees) about the centre and shifted by theta[3:] (mm)."""
        pose = nominal.copy()
        pose[:3, :3] = Rotation.from_euler("XYZ", theta[:3], degrees=True).as_matrix() @ nominal[:3, :3]
        pose[:3, 3] = nominal[:3, :3] @ centre + nominal[:3, 3] + theta[3:] - pose[:3, :3] @ centre
        return pose

    def dissimilarity(unit: Array) -> float:
        made = render(mu, index_from_world, camera_from_rig @ moved(unit * scale), rays, (depth - half, depth + half))
        return -float(np.corrcoef(made.ravel(), image.ravel())[0, 1]) if made.std() > 0 else 1.0

    starts = [np.clip(np.array(case["theta_start"]) / scale, -1, 1), np.zeros(6)]
    found = [
        minimize(
            dissimilarity, each, method="Powell", bounds=[(-1, 1)] * 6, options={"maxfev": RENDERINGS, "xtol": 1e-3}
        )
        for each in starts
    ]
    return moved(min(found, key=lambda each: float(each.fun)).x * scale)


def main() -> None:
    """Answer one case, or all of an export."""
    folder = Path(sys.argv[1])
    if (folder / "case.json").is_file():
        (folder / "answer.json").write_text(json.dumps({"pose": register(folder).tolist()}))
        return
    index = json.loads((folder / "index.json").read_text())
    with Path(sys.argv[2]).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["case", "label", "pose", "seconds", "problems"])
        for each in index["cases"]:
            began = time.perf_counter()
            pose = " ".join(map(repr, register(folder / each["folder"]).ravel().tolist()))
            seconds = f"{time.perf_counter() - began:.3f}"
            table.writerow([each["case"], "numpy example", pose, seconds, index["problems"]])


if __name__ == "__main__":
    main()
