"""DICOM positioner angles of a C-arm: Positioner Primary Angle (0018,1510) and Secondary Angle (0018,1511).

The tool's convention (PS3.3 C.8.7.5.1.2):

* Angles in degrees, with respect to the patient: where the *detector* is, seen from the isocentre. At (0, 0) the
  patient faces the detector, so that the source is behind: our PA. Primary is like a longitude in the transaxial
  plane, positive towards the patient's left (LAO), in [-180, 180]; secondary like a latitude, positive towards the
  head (cranial), in [-90, 90].
* Distances in mm: Distance Source to Detector (0018,1110), Distance Source to Patient (0018,1111), taken as the
  distance to the isocentre. Imager Pixel Spacing (0018,1164) is (between rows, between columns).

Two angles are lossy: they hold no rotation of the image in its plane, no shift of the isocentre from the axis and no
principal point. Angles -> pose -> angles is exact; pose -> angles -> pose is not, and ``lost_by_dicom`` states by how
much. At a secondary angle of +-90 degrees the primary one is undetermined. Whether the stored pixels are mirrored is
stated by other attributes (FOV Rotation, FOV Horizontal Flip, Patient Orientation), not by these: no flip is set here.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry.camera import Camera
from bench.geometry.converters.view import ConversionError, ToolView, camera_matrix, detector_mm
from bench.geometry.rigid import Matrix, compose

_POLE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DicomPositioner:
    """The geometry in a header.

    Attributes:
        primary_angle_deg: Positioner Primary Angle.
        secondary_angle_deg: Positioner Secondary Angle.
        source_to_detector_mm: Distance Source to Detector.
        source_to_patient_mm: Distance Source to Patient.
        imager_pixel_spacing_mm: (between rows, between columns).
        rows: Rows.
        columns: Columns.
    """

    primary_angle_deg: float
    secondary_angle_deg: float
    source_to_detector_mm: float
    source_to_patient_mm: float
    imager_pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if not (abs(self.primary_angle_deg) <= 180 and abs(self.secondary_angle_deg) <= 90):
            raise ConversionError(
                "positioner angles lie in [-180, 180] and [-90, 90] degrees; "
                f"got {self.primary_angle_deg} and {self.secondary_angle_deg}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomLoss:
    """The part of a pose that positioner angles cannot express.

    Attributes:
        in_plane_deg: Turn of the image, clockwise on the screen.
        shift_mm: Isocentre off the axis, along (columns, rows).
    """

    in_plane_deg: float
    shift_mm: tuple[float, float]


def _rotation(primary_deg: float, secondary_deg: float) -> Matrix:
    """R whose rows are the camera's axes in LPS."""
    (sin_p, sin_s), (cos_p, cos_s) = (f(np.radians([primary_deg, secondary_deg])).tolist() for f in (np.sin, np.cos))
    to_detector = np.array([sin_p * cos_s, -cos_p * cos_s, sin_s])
    down = np.array([sin_p * sin_s, -cos_p * sin_s, -cos_s])
    return np.stack([np.cross(down, to_detector), down, to_detector])


def from_dicom(positioner: DicomPositioner, *, isocentre: Matrix) -> ToolView:
    """Our view, with the isocentre (LPS, mm) on the axis, the head upwards and a centred detector."""
    rotation = _rotation(positioner.primary_angle_deg, positioner.secondary_angle_deg)
    offset = np.array([0.0, 0.0, positioner.source_to_patient_mm])
    between_rows, between_columns = positioner.imager_pixel_spacing_mm
    sdd = positioner.source_to_detector_mm
    centre = ((positioner.columns - 1) / 2, (positioner.rows - 1) / 2)
    K = camera_matrix(fx=sdd / between_columns, fy=sdd / between_rows, cx=centre[0], cy=centre[1])
    return ToolView(
        camera=Camera(K, positioner.rows, positioner.columns, sdd),
        camera_from_world=compose(rotation, offset - rotation @ isocentre),
    )


def to_dicom(camera: Camera, camera_from_world: Matrix, *, isocentre: Matrix) -> DicomPositioner:
    """The header of our view; lossy, see ``lost_by_dicom``.

    Raises:
        ConversionError: The axis runs along the body, where the primary angle means nothing, or there is no SDD.
    """
    left, back, head = camera_from_world[2, :3].tolist()
    if np.hypot(left, back) < _POLE_TOLERANCE:
        raise ConversionError("the beam runs along the body's axis, where DICOM's primary angle is undetermined")
    sdd, between_columns, between_rows = detector_mm(camera, "DICOM")
    return DicomPositioner(
        primary_angle_deg=float(np.degrees(np.arctan2(left, -back))),
        secondary_angle_deg=float(np.degrees(np.arctan2(head, np.hypot(left, back)))),
        source_to_detector_mm=sdd,
        source_to_patient_mm=float((camera_from_world[:3, :3] @ isocentre + camera_from_world[:3, 3])[2]),
        imager_pixel_spacing_mm=(between_rows, between_columns),
        rows=camera.height,
        columns=camera.width,
    )


def lost_by_dicom(camera: Camera, camera_from_world: Matrix, *, isocentre: Matrix) -> DicomLoss:
    """The in-plane turn and the shift of the isocentre that ``to_dicom`` drops."""
    header = to_dicom(camera, camera_from_world, isocentre=isocentre)
    kept = _rotation(header.primary_angle_deg, header.secondary_angle_deg)
    turn = camera_from_world[:3, :3] @ kept.T
    shift = (camera_from_world[:3, :3] @ isocentre + camera_from_world[:3, 3]).tolist()
    return DicomLoss(in_plane_deg=float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))), shift_mm=(shift[0], shift[1]))
