"""How a stored X-ray image is turned and mirrored against the one seen from the source.

Field of View Rotation was applied clockwise to the detector's image before Field of View Horizontal Flip (PS3.3
C.8.11.4), and the detector's image is read as seen from the source. Patient Orientation names where rows and columns
run to; RT Image Orientation states it in the axes of the image receptor, which are those seen from the source (IEC
61217).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Matrix
from bench.geometry.converters.dicom import DicomPositioner, from_dicom
from bench.geometry.converters.view import ConversionError
from bench.volume.dicom import DicomHeader
from bench.xray.found import Found, derived, missing, stated

# LPS axes of the letters of Patient Orientation.
_LETTERS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Orientation:
    """What was done to the image as seen from the source before it was stored.

    Attributes:
        quarter_turns: Clockwise quarter turns.
        mirrored: Whether left and right were exchanged after that.
    """

    quarter_turns: int
    mirrored: bool

    def undo(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image as seen from the source, of a stored one (H, W)."""
        unmirrored = image[:, ::-1] if self.mirrored else image
        return np.asarray(np.rot90(unmirrored, self.quarter_turns))

    def undo_point(self, point: Point, *, height: int, width: int) -> Point:
        """(column, row) as seen from the source, of a stored image's point; the size is the stored image's."""
        column, row = point
        if self.mirrored:
            column = width - 1 - column
        for _ in range(self.quarter_turns % 4):
            column, row = row, width - 1 - column
            height, width = width, height
        return column, row

    def apply_point(self, point: Point, *, height: int, width: int) -> Point:
        """(column, row) of the stored image, of a point as seen from the source; the size is the stored image's."""
        if self.quarter_turns % 2:
            height, width = width, height
        column, row = point
        for _ in range(self.quarter_turns % 4):
            column, row = height - 1 - row, column
            height, width = width, height
        return (width - 1 - column if self.mirrored else column), row


def orientation_of(header: DicomHeader, angles_deg: tuple[float, float] | None) -> Found[Orientation]:
    """The orientation that a header states.

    Args:
        header: Of the frame.
        angles_deg: Positioner (primary, secondary) angles, needed to interpret Patient Orientation.
    """
    flip = header.text("FieldOfViewHorizontalFlip")
    if flip in ("YES", "NO"):
        turns, rest = divmod(header.number("FieldOfViewRotation") or 0.0, 90)
        if rest:
            return missing("FieldOfViewRotation is not a multiple of 90 degrees")
        return stated(Orientation(int(turns) % 4, flip == "YES"), "FieldOfViewHorizontalFlip, FieldOfViewRotation")
    receptor = header.numbers("RTImageOrientation", 6)
    if receptor:
        # Rows of the camera's axes: right is the receptor's x, down its -y.
        axes = np.array(receptor).reshape(2, 3)
        found = _from_axes(np.stack([axes[:, 0], -axes[:, 1]]))
        return missing("RTImageOrientation is oblique") if found is None else stated(found, "RTImageOrientation")
    letters = header.texts("PatientOrientation")
    if angles_deg is None or len(letters) != 2 or not all(part and set(part) <= set(_LETTERS) for part in letters):
        return missing()
    found = _from_letters(letters, angles_deg)
    how = f"PatientOrientation {letters[0]}/{letters[1]} seen at the positioner's angles"
    return missing() if found is None else derived(found, how)


def _from_letters(letters: tuple[str, ...], angles_deg: tuple[float, float]) -> Orientation | None:
    """Compare where rows and columns run with the axes of the camera that the positioner's angles describe.

    The first letter is the main direction. An answer is given only where it is plain: each axis within 60 degrees of
    one of the camera's.
    """
    try:
        positioner = DicomPositioner(
            primary_angle_deg=angles_deg[0],
            secondary_angle_deg=angles_deg[1],
            source_to_detector_mm=1000.0,
            source_to_patient_mm=500.0,
            imager_pixel_spacing_mm=(1.0, 1.0),
            rows=2,
            columns=2,
        )
    except ConversionError:
        return None
    axes = from_dicom(positioner, isocentre=np.zeros(3)).camera_from_world[:2, :3]
    return _from_axes(axes @ np.array([_LETTERS[part[0]] for part in letters], dtype=np.float64).T)


def _from_axes(stored: Matrix) -> Orientation | None:
    """Of the stored row and column directions, columns of a 2x2 in the camera's (right, down)."""
    turned = np.rint(np.where(np.abs(stored) > 0.5, np.sign(stored), 0.0)).astype(int)
    if abs(round(float(np.linalg.det(turned)))) != 1:
        return None
    mirrored = round(float(np.linalg.det(turned))) < 0
    # Unmirrored, the first column of ``turned`` turns.
    along_rows = -turned[:, 0] if mirrored else turned[:, 0]
    turns = {(1, 0): 0, (0, -1): 1, (-1, 0): 2, (0, 1): 3}[(int(along_rows[0]), int(along_rows[1]))]
    return Orientation(turns, mirrored)
