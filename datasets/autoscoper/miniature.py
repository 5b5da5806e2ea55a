"""One frame of two cameras and a small bone, in Autoscoper's folders, with its reference pose."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, compose
from bench.geometry.converters.autoscoper import format_calibration, to_autoscoper
from bench.volume import Volume
from bench.volume.write import write_image

SPACING_MM = (0.5, 0.6, 0.8)
SIZE = 96
FRAME = "0007"
HALF_TURN = np.diag([1.0, -1.0, -1.0])


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write calibrations, X-rays, volume and reference; returns the settings that open them."""
    root = write_folder(folder / "knee")
    return {"folder": str(root), "voxel_spacing_mm": SPACING_MM, "binning": 1}


def cameras() -> list[tuple[Camera, Matrix]]:
    """Two cameras about the origin of the calibration's world, 500 mm away, a quarter turn apart."""
    K = np.array([[900.0, 0, 50], [0, 910, 46], [0, 0, 1]])
    sideways = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])
    return [(Camera(K, SIZE, SIZE, None), compose(turn, (1.0, 2, 500))) for turn in (HALF_TURN, sideways)]


def bone() -> NDArray[np.uint16]:
    """The stored stack by (slice, row, column)."""
    stack = np.zeros((20, 24, 30), np.uint16)
    stack[3:17, 6:12, 5:25] = 1500
    stack[3:8, 12:20, 5:10] = 3000
    return stack


def write_folder(root: Path) -> Path:
    """Write everything below ``root`` and return it."""
    write_image(root / "Models" / "bone.tif", bone().T)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = -0.5 * np.array(SPACING_MM) * (30, 24, 20)
    attenuation = AttenuationMap.from_volume(Volume(np.ascontiguousarray(bone().T).astype(np.float32) - 1000, affine))
    (root / "Calibration").mkdir(parents=True)
    shift = (2.0, -1.0, 3.0)
    for number, (camera, camera_from_world) in enumerate(cameras(), start=1):
        text = format_calibration(to_autoscoper(camera, camera_from_world))
        (root / "Calibration" / f"cam{number:02}.txt").write_text(text, encoding="utf-8")
        drr = project(attenuation, (camera_from_world @ compose(np.eye(3), shift))[None], camera)[0, 0].numpy()
        pixels = np.rint(60000 * np.exp(-drr)).astype(np.uint16)
        write_image(root / "XMA_UND" / f"cam{number:02}" / f"und.{FRAME}.tif", pixels.T)
    frames = {FRAME: {"R": np.eye(3).tolist(), "t_mm": shift}}
    reference = json.dumps({"frames": frames, "uncertainty": "below 1.5 mm mTRE"})
    (root / "reference.json").write_text(reference, encoding="utf-8")
    return root
