"""nanodrr: ``make_rt_inv`` and ``make_k_inv``.

The tool's convention (read in eigenvivek/nanodrr, files camera/extrinsics, camera/intrinsics and drr/renderer at
9836a4e):

* World is the file's RAS, mm, not moved. Camera is OpenCV's: x along columns, y along rows, z from source to
  detector.
* rt_inv = world_from_camera = [R | R t + isocenter] @ reorient, R = Rz Rx Ry of ``rotation`` (degrees, in that
  order). reorient depends on the orientation "AP", "PA" or None.
* K has f = sdd / del and c = x0 / delx + W / 2, in coordinates whose pixel centres lie at + 0.5; ours lie at
  integers.
* "PA" is a reflection: its images are mirrored, and columns are flipped for ours. (At 6821119 and before, "PA" was
  the same matrix as "AP".)
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry.camera import Camera
from bench.geometry.converters.reorient import camera_from_world, horizontal_sign, rotation_and_translation
from bench.geometry.converters.view import ToolView, camera_matrix, detector_mm, flipped_principal_point
from bench.geometry.rigid import Matrix

Orientation: TypeAlias = Literal["AP", "PA"] | None

_CONVENTION: Final = "ZXY"
_REORIENT: dict[Orientation, Matrix] = {
    "AP": np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0.0]]),
    "PA": np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0.0]]),
    None: np.diag([-1.0, -1.0, 1.0]),
}
_ROWS_ALONG_Y = 1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NanoDRRView:
    """A pose and a detector in nanodrr's names.

    Attributes:
        rotation: (3,) Euler angles about z, x, y, degrees.
        translation: (3,) mm.
        sdd: Source to detector, mm.
        delx: Spacing of columns, mm.
        dely: Spacing of rows, mm.
        height: Rows.
        width: Columns.
        x0: Principal point from the detector's centre along columns, mm.
        y0: The same along rows.
        orientation: As given to ``make_rt_inv``.
    """

    rotation: Matrix
    translation: Matrix
    sdd: float
    delx: float
    dely: float
    height: int
    width: int
    x0: float = 0.0
    y0: float = 0.0
    orientation: Orientation = "AP"


def _axes(orientation: Orientation) -> Matrix:
    return np.diag([horizontal_sign(_REORIENT[orientation], _ROWS_ALONG_Y), _ROWS_ALONG_Y, 1.0])


def _is_mirrored(orientation: Orientation) -> bool:
    return bool(_axes(orientation)[0, 0] < 0)


def from_nanodrr(view: NanoDRRView, *, isocentre: Matrix) -> ToolView:
    """Our view; ``isocentre`` is nanodrr's isocenter as an LPS point, mm (zeros where none was given to it)."""
    mirrored = _is_mirrored(view.orientation)
    cx = view.x0 / view.delx + (view.width - 1) / 2
    cy = view.y0 / view.dely + (view.height - 1) / 2
    cx = view.width - 1 - cx if mirrored else cx
    K = camera_matrix(fx=view.sdd / view.delx, fy=view.sdd / view.dely, cx=cx, cy=cy)
    rotation = Rotation.from_euler(_CONVENTION, view.rotation, degrees=True).as_matrix()
    pose = camera_from_world(
        np.asarray(rotation, dtype=np.float64),
        view.translation,
        reorient=_REORIENT[view.orientation],
        axes=_axes(view.orientation),
        isocentre=isocentre,
    )
    camera = Camera(K, view.height, view.width, view.sdd)
    return ToolView(camera=camera, camera_from_world=pose, flip_columns=mirrored)


def to_nanodrr(camera: Camera, pose: Matrix, *, isocentre: Matrix, orientation: Orientation = "AP") -> NanoDRRView:
    """The description in nanodrr's terms of our camera and camera_from_world."""
    sdd, delx, dely = detector_mm(camera, "nanodrr")
    cx, cy = flipped_principal_point(camera, rows=False, columns=_is_mirrored(orientation))
    rotation, translation = rotation_and_translation(
        pose, reorient=_REORIENT[orientation], axes=_axes(orientation), isocentre=isocentre
    )
    angles = Rotation.from_matrix(rotation).as_euler(_CONVENTION, degrees=True)
    return NanoDRRView(
        rotation=np.asarray(angles, dtype=np.float64),
        translation=translation,
        sdd=sdd,
        delx=delx,
        dely=dely,
        height=camera.height,
        width=camera.width,
        x0=delx * (cx - (camera.width - 1) / 2),
        y0=dely * (cy - (camera.height - 1) / 2),
        orientation=orientation,
    )
