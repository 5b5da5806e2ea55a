"""RTK: one projection of ``ThreeDCircularProjectionGeometry``, which follows IEC 61217.

The tool's convention (documentation/docs/Geometry.md of RTKConsortium/RTK):

* Fixed frame: the tomography's, origin at the isocentre, mm, angles in degrees. In IEC 61217 the y axis points from
  the isocentre to the gantry and z up, so for a patient lying supine, head to the gantry, (x, y, z) are left, head
  and front: ``iec_from_lps``. Whoever hands RTK a CT in LPS makes that the fixed frame: pass the transform of what
  was done.
* M_R = Rz(-InPlaneAngle) Rx(-OutOfPlaneAngle) Ry(-GantryAngle) turns fixed coordinates into the detector's, where the
  source is at (SourceOffsetX, SourceOffsetY, SourceToIsocenterDistance) and the detector's physical origin at
  (ProjectionOffsetX, ProjectionOffsetY, SourceToIsocenterDistance - SourceToDetectorDistance).
* The projection is an ITK image: the centre of pixel (column, row) is at ``origin + spacing * (column, row)`` on the
  detector, so rows run along +y, against ours: rows are flipped to see the image from the source.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry.camera import Camera
from bench.geometry.converters.view import (
    ConversionError,
    ToolView,
    camera_matrix,
    detector_mm,
    flipped_principal_point,
)
from bench.geometry.rigid import Matrix, compose

_CAMERA_FROM_ROTATED = np.diag([1.0, -1.0, -1.0])
_IEC_FROM_LPS = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RTKProjection:
    """The nine parameters, and the grid of the projection image.

    Attributes:
        source_to_isocenter_mm: SourceToIsocenterDistance.
        source_to_detector_mm: SourceToDetectorDistance.
        gantry_angle_deg: GantryAngle.
        out_of_plane_angle_deg: OutOfPlaneAngle.
        in_plane_angle_deg: InPlaneAngle.
        source_offset_mm: (SourceOffsetX, SourceOffsetY).
        projection_offset_mm: (ProjectionOffsetX, ProjectionOffsetY).
        origin_mm: Centre of the first pixel, (x, y).
        spacing_mm: Along (columns, rows).
        height: Rows.
        width: Columns.
    """

    source_to_isocenter_mm: float
    source_to_detector_mm: float
    gantry_angle_deg: float
    out_of_plane_angle_deg: float = 0.0
    in_plane_angle_deg: float = 0.0
    source_offset_mm: tuple[float, float] = (0.0, 0.0)
    projection_offset_mm: tuple[float, float] = (0.0, 0.0)
    origin_mm: tuple[float, float]
    spacing_mm: tuple[float, float]
    height: int
    width: int

    def __post_init__(self) -> None:
        if not (self.source_to_detector_mm > 0 and min(self.spacing_mm) > 0):
            raise ConversionError(
                "only cone beams with positive SourceToDetectorDistance and spacing convert; "
                f"got {self.source_to_detector_mm} and {self.spacing_mm}"
            )


def iec_from_lps(isocentre: Matrix) -> Matrix:
    """IEC 61217 fixed frame from LPS for a supine patient, head to the gantry; ``isocentre`` is an LPS point, mm."""
    return compose(_IEC_FROM_LPS, -_IEC_FROM_LPS @ np.asarray(isocentre, dtype=np.float64))


def centred_origin(*, height: int, width: int, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """``origin_mm`` of an image whose middle is the detector's physical origin."""
    return -spacing_mm[0] * (width - 1) / 2, -spacing_mm[1] * (height - 1) / 2


def from_rtk(projection: RTKProjection, *, fixed_from_world: Matrix) -> ToolView:
    """Our view of a projection; ``fixed_from_world`` is 4x4, mm (see ``iec_from_lps``)."""
    angles = (projection.gantry_angle_deg, projection.out_of_plane_angle_deg, projection.in_plane_angle_deg)
    fixed_from_rotated = Rotation.from_euler("YXZ", angles, degrees=True).as_matrix()
    source = np.array([*projection.source_offset_mm, projection.source_to_isocenter_mm])
    first_pixel = np.array(projection.projection_offset_mm) + np.array(projection.origin_mm)
    spacing = np.array(projection.spacing_mm)
    column, row = ((source[:2] - first_pixel) / spacing).tolist()
    fx, fy = (projection.source_to_detector_mm / spacing).tolist()
    K = camera_matrix(fx=fx, fy=fy, cx=column, cy=projection.height - 1 - row)
    pose = compose(_CAMERA_FROM_ROTATED @ fixed_from_rotated.T, -_CAMERA_FROM_ROTATED @ source) @ fixed_from_world
    camera = Camera(K, projection.height, projection.width, projection.source_to_detector_mm)
    return ToolView(camera=camera, camera_from_world=pose, flip_rows=True)


def to_rtk(
    camera: Camera, camera_from_world: Matrix, *, fixed_from_world: Matrix, origin_mm: tuple[float, float] | None = None
) -> RTKProjection:
    """RTK's nine parameters of our view.

    Args:
        camera: Intrinsics, with an SDD.
        camera_from_world: 4x4, mm.
        fixed_from_world: 4x4, mm; its origin is the isocentre.
        origin_mm: Of the projection image; centred unless given.
    """
    sdd, *spacing = detector_mm(camera, "RTK")
    spacing_mm = (spacing[0], spacing[1])
    origin = origin_mm or centred_origin(height=camera.height, width=camera.width, spacing_mm=spacing_mm)
    camera_from_fixed = camera_from_world @ np.linalg.inv(fixed_from_world)
    rotated_from_fixed = _CAMERA_FROM_ROTATED @ camera_from_fixed[:3, :3]
    source_x, source_y, sid = (-_CAMERA_FROM_ROTATED @ camera_from_fixed[:3, 3]).tolist()
    gantry, out_of_plane, in_plane = Rotation.from_matrix(rotated_from_fixed.T).as_euler("YXZ", degrees=True).tolist()
    column, row = flipped_principal_point(camera, rows=True, columns=False)
    return RTKProjection(
        source_to_isocenter_mm=sid,
        source_to_detector_mm=sdd,
        gantry_angle_deg=gantry % 360,
        out_of_plane_angle_deg=out_of_plane % 360,
        in_plane_angle_deg=in_plane % 360,
        source_offset_mm=(source_x, source_y),
        projection_offset_mm=(
            source_x - origin[0] - column * spacing_mm[0],
            source_y - origin[1] - row * spacing_mm[1],
        ),
        origin_mm=origin,
        spacing_mm=spacing_mm,
        height=camera.height,
        width=camera.width,
    )
