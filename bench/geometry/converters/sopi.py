"""SOPI (Chen et al., ICASSP 2024): its six parameters and the normalised vector that its renderer takes.

The tool's convention (read in its public code, m1nhengChen/SOPI at a3187a7):

* The renderer is ProST's (see ``prost``), with the CT's array order reversed: the volume frame's axes are CT z, y, x.
  That is left-handed, so the image is mirrored: its rows run towards the head, and are flipped to see it from the
  source.
* The tuple is (rx, ry, rz in degrees; tx, ty, tz in mm). rx turns about the image's vertical and is 90 at AP, ry
  about its horizontal, rz in plane; tx is depth (source to centre = tx + source_mm), ty runs along columns, tz along
  rows.
* rtvec = (rx, rz, ry in rad; -tz, -ty, tx, each / norm), and p_volume = Rz(rtvec[2]) Ry(rtvec[1]) Rx(rtvec[0])
  (p_camera + norm * rtvec[3:]): points are moved first and turned second.

To first order about (90, 0, 0, tx, 0, 0) in AP, our parameters are those of SOPI that ``OURS_OF_SOPI`` names, with the
signs (ry, 90 - rx, rz, ty, -tz, tx); beyond that the order of the rotations differs, and only the matrices are exact.
World axes are LPS along the CT's index axes, as SimpleITK gives them for an identity direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry.converters.prost import ProSTScene
from bench.geometry.converters.view import ToolView
from bench.geometry.pose import PARAMETER_NAMES
from bench.geometry.rigid import Matrix

SOPIParameters: TypeAlias = tuple[float, float, float, float, float, float]

OURS_OF_SOPI = {"rx": "ry", "ry": "rx", "rz": "rz", "tx": "tz", "ty": "tx", "tz": "ty"}
"""Our name of each parameter in SOPI's order: SOPI's tx is depth, and its rx turns about the image's vertical."""

NATIVE_SPACING_MM = 0.19959
"""Pixel spacing of SOPI's detector before binning, which its code also takes for the volume's."""

VOLUME_AXES = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0.0]])
"""SOPI's volume frame in LPS: the array order (z, y, x) read as (x, y, z)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SOPIScene:
    """SOPI's renderer; the defaults are the published ones for a CT of 128^3 voxels.

    Attributes:
        centre: World point (LPS, mm) at voxel index N / 2 along every axis: the fixed point of SOPI's rotations.
        norm_mm: Half the edge of the CT cube; N / 2 times the voxel spacing along y.
        sdd_mm: Source to detector.
        source_mm: Source to the origin of the camera frame.
        spacing_mm: Of square pixels.
        size: Rows and columns.
    """

    centre: Matrix
    norm_mm: float
    sdd_mm: float = 5069.9 * NATIVE_SPACING_MM
    source_mm: float = 64 * NATIVE_SPACING_MM
    spacing_mm: float = 4 * NATIVE_SPACING_MM
    size: int = 256

    @property
    def prost(self) -> ProSTScene:
        """The same renderer in ProST's terms."""
        return ProSTScene(
            volume_axes=VOLUME_AXES,
            centre=self.centre,
            norm_mm=self.norm_mm,
            sdd_mm=self.sdd_mm,
            source_mm=self.source_mm,
            spacing_mm=self.spacing_mm,
            height=self.size,
            width=self.size,
        )


def ours_from_sopi(magnitudes: Sequence[float]) -> tuple[float, ...]:
    """Six magnitudes (without sign, such as widths) from SOPI's order to ours."""
    ours = dict(zip(OURS_OF_SOPI.values(), magnitudes, strict=True))
    return tuple(float(ours[name]) for name in PARAMETER_NAMES)


def rtvec_from_parameters(parameters: SOPIParameters, norm_mm: float) -> Matrix:
    """SOPI's normalised vector (6,) of its tuple (degrees, mm)."""
    rx, ry, rz, tx, ty, tz = parameters
    return np.concatenate([np.radians([rx, rz, ry]), np.array([-tz, -ty, tx]) / norm_mm])


def parameters_from_rtvec(rtvec: Matrix, norm_mm: float) -> SOPIParameters:
    """SOPI's tuple (degrees, mm) of its normalised vector (6,)."""
    rx, rz, ry = np.degrees(rtvec[:3]).tolist()
    back, left, tx = (np.asarray(rtvec[3:]) * norm_mm).tolist()
    return rx, ry, rz, tx, -left, -back


def from_sopi(parameters: SOPIParameters, scene: SOPIScene) -> ToolView:
    """Our view of SOPI's tuple."""
    rtvec = rtvec_from_parameters(parameters, scene.norm_mm)
    rotation = np.asarray(Rotation.from_euler("xyz", rtvec[:3]).as_matrix(), dtype=np.float64)
    prost = scene.prost
    pose = prost.camera_from_world(rotation, rotation @ rtvec[3:] * scene.norm_mm)
    return ToolView(camera=prost.camera, camera_from_world=pose, flip_rows=prost.flip_rows)


def to_sopi(camera_from_world: Matrix, scene: SOPIScene) -> SOPIParameters:
    """SOPI's tuple of our pose: rx in (-180, 180] degrees and rz, the middle rotation, in [-90, 90]."""
    rotation, translation_mm = scene.prost.volume_from_prost(camera_from_world)
    angles = Rotation.from_matrix(rotation).as_euler("xyz")
    rtvec = np.concatenate([angles, rotation.T @ translation_mm / scene.norm_mm])
    return parameters_from_rtvec(rtvec, scene.norm_mm)
