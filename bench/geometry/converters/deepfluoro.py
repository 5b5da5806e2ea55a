"""DeepFluoro: Grupp's fluoroscopy data set of six specimens (IJCARS 2020), and the frames of his xReg.

The tool's convention (hdf5_layouts/Readme.md of rg2/DeepFluoroLabeling-IPCAI2020):

* Volumes and landmarks are LPS, mm. Transforms are 4x4 on column vectors.
* Projective frame: origin at the source, x along columns, y along rows, and z from the detector *to the source*, so
  that depths are negative; ``intrinsic`` therefore has negative focal lengths (-5257.73 pixels at 0.194 mm for an SDD
  of 1020 mm) and the centre of the first pixel at (0, 0) (767.5 for 1536 columns).
* ``extrinsic`` maps the camera world frame to the projective one; ``gt-poses/cam-to-*-vol`` maps the camera world
  frame to a volume. So projective_from_volume = extrinsic @ inverse(cam_to_vol).
* Such a frame sees the detector from behind: columns are flipped for ours. ``rot-180-for-up`` marks images whose
  patient is upside down; turning them as well leaves rows flipped and columns as stored.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry.camera import Camera
from bench.geometry.converters.view import (
    ConversionError,
    ToolView,
    camera_matrix,
    detector_mm,
    flipped_principal_point,
)
from bench.geometry.rigid import Matrix, invert, require_rigid

_CAMERA_FROM_PROJECTIVE = np.diag([-1.0, 1.0, -1.0, 1.0])
_HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DeepFluoroView:
    """One projection with one object's pose, in the file's names.

    Attributes:
        intrinsic: 3x3 in pixels, negative focal lengths.
        extrinsic: Projective frame from camera world, 4x4, mm.
        cam_to_vol: Volume (LPS) from camera world, 4x4, mm.
        num_rows: Rows.
        num_cols: Columns.
        pixel_col_spacing: mm a pixel along columns.
        rot_180_for_up: Whether our image is the stored one turned by half a turn.
    """

    intrinsic: Matrix
    extrinsic: Matrix
    cam_to_vol: Matrix
    num_rows: int
    num_cols: int
    pixel_col_spacing: float
    rot_180_for_up: bool = False

    def __post_init__(self) -> None:
        if np.shape(self.intrinsic) != (3, 3) or not (self.intrinsic[0, 0] < 0 and self.intrinsic[1, 1] < 0):
            raise ConversionError(
                f"DeepFluoro's intrinsic is 3x3 with negative focal lengths; got {np.asarray(self.intrinsic).tolist()}"
            )
        require_rigid(self.extrinsic, "extrinsic")
        require_rigid(self.cam_to_vol, "cam_to_vol")


def _camera_from_projective(*, half_turn: bool) -> Matrix:
    return _HALF_TURN @ _CAMERA_FROM_PROJECTIVE if half_turn else _CAMERA_FROM_PROJECTIVE


def from_deepfluoro(view: DeepFluoroView) -> ToolView:
    """Our view of a projection."""
    half_turn = view.rot_180_for_up
    fx, fy = -float(view.intrinsic[0, 0]), -float(view.intrinsic[1, 1])
    stored = camera_matrix(fx=fx, fy=fy, cx=float(view.intrinsic[0, 2]), cy=float(view.intrinsic[1, 2]))
    as_stored = Camera(stored, view.num_rows, view.num_cols, fx * view.pixel_col_spacing)
    cx, cy = flipped_principal_point(as_stored, rows=half_turn, columns=not half_turn)
    K = camera_matrix(fx=fx, fy=fy, cx=cx, cy=cy)
    pose = _camera_from_projective(half_turn=half_turn) @ view.extrinsic @ invert(view.cam_to_vol)
    return ToolView(
        camera=Camera(K, view.num_rows, view.num_cols, as_stored.sdd_mm),
        camera_from_world=pose,
        flip_rows=half_turn,
        flip_columns=not half_turn,
    )


def to_deepfluoro(
    camera: Camera, camera_from_world: Matrix, *, extrinsic: Matrix, rot_180_for_up: bool = False
) -> DeepFluoroView:
    """The file's description of our view, given its ``extrinsic`` (any rigid transform will do for a new file)."""
    _, spacing_x, _ = detector_mm(camera, "DeepFluoro")
    cx, cy = flipped_principal_point(camera, rows=rot_180_for_up, columns=not rot_180_for_up)
    intrinsic = camera_matrix(fx=-float(camera.K[0, 0]), fy=-float(camera.K[1, 1]), cx=cx, cy=cy)
    projective_from_volume = _camera_from_projective(half_turn=rot_180_for_up) @ camera_from_world
    return DeepFluoroView(
        intrinsic=intrinsic,
        extrinsic=extrinsic,
        cam_to_vol=invert(projective_from_volume) @ extrinsic,
        num_rows=camera.height,
        num_cols=camera.width,
        pixel_col_spacing=spacing_x,
        rot_180_for_up=rot_180_for_up,
    )
