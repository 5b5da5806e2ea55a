"""A small case with X-rays on disk: a bone of two blocks, two cameras a quarter turn apart, 16-bit TIFFs."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import tifffile
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, nominal_pose
from bench.volume import Volume

sitk: Any = SimpleITK  # no types

SIZE = 96
SDD = 1000.0
SPACING = 1.2
CAMERA = Camera.centred(sdd_mm=SDD, height=SIZE, width=SIZE, spacing_mm=SPACING)
THETA = np.array([3.0, -2.0, 4.0, 3.0, -2.0, 6.0])
QUARTER = np.array([[0.0, 0, 1, -700], [0, 1, 0, 0], [-1, 0, 0, 700], [0, 0, 0, 1]])


def bone() -> Volume:
    """Air with an L of bone, 2 mm voxels."""
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


def write_volume(path: Path) -> Path:
    """The bone as NIfTI."""
    volume = bone()
    image = sitk.GetImageFromArray(volume.hu.T.astype(np.int16))
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetOrigin(volume.affine[:3, 3].tolist())
    sitk.WriteImage(image, str(path))
    return path


def xray(camera_from_rig: Matrix) -> NDArray[np.uint16]:
    """16-bit intensities."""
    drr = project(AttenuationMap.from_volume(bone()), (camera_from_rig @ true_pose())[None], CAMERA)
    return np.asarray(np.rint(60000 * np.exp(-drr[0, 0].numpy())), dtype=np.uint16)


def calibration(camera: Camera = CAMERA) -> str:
    """The camera as a table of a case."""
    return f'{{kind = "matrix", K = {camera.K.tolist()}, sdd_mm = {camera.sdd_mm}, size = [{SIZE}, {SIZE}]}}'


def write_case(folder: Path, *, views: int = 2, reference: bool = True) -> Path:
    """CT, X-rays and ``knee.toml``."""
    write_volume(folder / "ct.nii.gz")
    lines = ['[ct]\nvolume = "ct.nii.gz"']
    for number, pose in enumerate((np.eye(4), QUARTER)[:views], start=1):
        tifffile.imwrite(folder / f"view{number}.tif", xray(pose), photometric="minisblack")
        lines.append(f'[[images]]\nfile = "view{number}.tif"\nflip = "none"\ncalibration = {calibration()}')
        if number > 1:
            lines.append(f"camera_from_rig = {pose.tolist()}")
    if reference:
        lines.append(f"[reference]\npose = {true_pose().tolist()}\nuncertainty_mm = 1.5")
    path = folder / "knee.toml"
    path.write_text("\n".join(lines))
    return path
