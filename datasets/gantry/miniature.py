"""A small phantom of three blocks and three X-rays at known gantry angles, in the plug-in's layout."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, compose
from bench.geometry.rigid import rotation_from_angles
from bench.volume import Volume
from bench.volume.write import write_image

SIZE = 80
SAD_MM, SDD_MM, PIXEL_MM = 1000.0, 1500.0, 1.6
ANGLES = (-20, 0, 20)
ISO_FROM_CT = compose(rotation_from_angles([2.0, -1.0, 1.5]), (-4.0, 6.0, 3.0))


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write CT, X-rays and geometry; returns the settings that open them."""
    return {"folder": str(write_folder(folder / "blocks"))}


def camera_from_iso(angle: int) -> Matrix:
    """The source at 1000 (sin g, -cos g, 0) mm from the isocentre (LPS), the patient's head upwards in the image."""
    turn = np.radians(angle)
    axes = [[np.cos(turn), np.sin(turn), 0.0], [0.0, 0.0, -1.0], [-np.sin(turn), np.cos(turn), 0.0]]
    return compose(np.array(axes), (0.0, 0.0, SAD_MM))


def blocks() -> Volume:
    """A body with three blocks of bone."""
    hu = np.full((26, 22, 30), -1000, np.float32)
    hu[4:22, 4:18, 2:28] = 0
    hu[6:11, 6:14, 3:27] = 700
    hu[14:20, 8:12, 3:9] = 1100
    hu[12:18, 12:16, 18:24] = 900
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-22, -18, -30)
    return Volume(hu, affine)


def write_folder(root: Path) -> Path:
    """Write everything below ``root`` and return it."""
    write_image(root / "ct.nii.gz", blocks().hu.astype(np.int16), blocks().affine)
    camera = Camera.centred(sdd_mm=SDD_MM, height=SIZE, width=SIZE, spacing_mm=PIXEL_MM)
    attenuation = AttenuationMap.from_volume(blocks())
    for angle in ANGLES:
        drr = project(attenuation, (camera_from_iso(angle) @ ISO_FROM_CT)[None], camera)[0, 0].numpy()
        pixels: NDArray[np.uint8] = np.rint(200 * np.exp(-drr)).astype(np.uint8)
        write_image(root / f"epid_g{angle:+03d}.png", pixels.T)
    truth = {
        "camera_from_iso": {str(angle): camera_from_iso(angle).tolist() for angle in ANGLES},
        "iso_from_ct_mm": ISO_FROM_CT.tolist(),
        "A_to_B": {"mtre_mm": 1.5},
        "K": camera.K.tolist(),
        "sdd_mm": SDD_MM,
    }
    (root / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return root
