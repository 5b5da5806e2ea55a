"""A small case with X-rays on disk: a bone of three blocks, two cameras a quarter turn apart, 16-bit TIFFs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, nominal_pose
from bench.volume import Volume
from bench.volume.write import write_image

SIZE = 96
SDD_MM = 1000.0
SPACING_MM = 1.2
CAMERA = Camera.centred(sdd_mm=SDD_MM, height=SIZE, width=SIZE, spacing_mm=SPACING_MM)
THETA = np.array([3.0, -2.0, 4.0, 3.0, -2.0, 6.0])
QUARTER = np.array([[0.0, 0, 1, -700], [0, 1, 0, 0], [-1, 0, 0, 700], [0, 0, 0, 1]])


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write a case of two views with its reference; returns the settings that open it."""
    return {"case": str(write_case(folder))}


def bone() -> Volume:
    """Three blocks of bone in air, voxels of 2 mm."""
    hu = np.full((24, 20, 30), -1000, np.float32)
    hu[6:11, 6:14, 3:27] = 700
    hu[11:19, 8:12, 3:9] = 1100
    hu[7:10, 8:12, 5:25] = 150
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-20, 10, 100)
    return Volume(hu, affine)


def true_pose() -> Matrix:
    """rig_from_world of the X-rays."""
    centre = bone().content_centre()
    return PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre).pose(THETA)


def xray(camera_from_rig: Matrix) -> NDArray[np.uint16]:
    """16-bit intensities (H, W)."""
    drr = project(AttenuationMap.from_volume(bone()), (camera_from_rig @ true_pose())[None], CAMERA)
    return np.asarray(np.rint(60000 * np.exp(-drr[0, 0].numpy())), dtype=np.uint16)


def calibration(camera: Camera = CAMERA) -> str:
    """The camera as a table of a case."""
    return f'{{kind = "matrix", K = {camera.K.tolist()}, sdd_mm = {camera.sdd_mm}, size = [{SIZE}, {SIZE}]}}'


def write_case(folder: Path, *, views: int = 2, reference: bool = True) -> Path:
    """Write CT, X-rays and ``knee.toml``; returns the path of the latter."""
    write_image(folder / "ct.nii.gz", bone().hu.astype(np.int16), bone().affine)
    lines = ['[ct]\nvolume = "ct.nii.gz"']
    for number, pose in enumerate((np.eye(4), QUARTER)[:views], start=1):
        write_image(folder / f"view{number}.tif", xray(pose).T)
        lines.append(f'[[images]]\nfile = "view{number}.tif"\nflip = "none"\ncalibration = {calibration()}')
        if number > 1:
            lines.append(f"camera_from_rig = {pose.tolist()}")
    if reference:
        lines.append(f"[reference]\npose = {true_pose().tolist()}\nuncertainty_mm = 1.5")
    path = folder / "knee.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
