"""A measured C-arm: the source and three or four corners of the detector as world points.

The convention:

* World is the measurement's (a tracker, a coordinate measuring machine, a simulation), mm.
* Corners are named as seen from the source, image upright: top left, top right, bottom left and, where measured, bottom
  right. They are the outer corners of the detector (``edges``) or the centres of the corner pixels (``centres``).
* The detector is a rectangle. Measured corners are fitted: axes may differ from perpendicular by 1e-4 rad, the fourth
  corner from the rectangle by 1e-4 of the diagonal.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry.camera import Camera
from bench.geometry.converters.astra import AstraConeVec, from_astra, to_astra
from bench.geometry.converters.projection import PERPENDICULAR_TOLERANCE
from bench.geometry.converters.view import ConversionError, ToolView
from bench.geometry.rigid import Matrix

_NAMES = "top left, top right, bottom left[, bottom right]"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MeasuredDetector:
    """Measured positions of source and detector.

    Attributes:
        source: (3,), mm.
        corners: (3, 3) or (4, 3), mm: top left, top right, bottom left, bottom right.
        rows: Of the image.
        columns: Of the image.
        corners_at: ``edges`` or ``centres`` (of the corner pixels).
    """

    source: Matrix
    corners: Matrix
    rows: int
    columns: int
    corners_at: str = "edges"

    def __post_init__(self) -> None:
        if np.shape(self.source) != (3,) or np.shape(self.corners) not in ((3, 3), (4, 3)):
            raise ConversionError(
                f"a detector needs source = [x, y, z] and 3 or 4 corners [x, y, z] ({_NAMES}); got "
                f"{np.size(self.source)} numbers and corners of shape {np.shape(self.corners)}"
            )
        if not (np.isfinite(self.source).all() and np.isfinite(self.corners).all()):
            raise ConversionError("source and corners of a detector must be finite points in mm")


def from_detector(measured: MeasuredDetector) -> ToolView:
    """Our view, with the SDD and pixel spacing that follow from the corners.

    Raises:
        ConversionError: Corners that do not form a rectangle, on one line, mirrored, or in one plane with the source.
    """
    centre, across, down = _rectangle(np.asarray(measured.corners, dtype=np.float64))
    inner = 0 if measured.corners_at == "edges" else 1
    steps = across / max(measured.columns - inner, 1), down / max(measured.rows - inner, 1)
    vector = np.concatenate([np.asarray(measured.source, dtype=np.float64), centre, *steps])
    distance = abs(float(np.cross(*steps) @ (centre - vector[:3])) / float(np.linalg.norm(np.cross(*steps))))
    if distance < PERPENDICULAR_TOLERANCE * float(np.linalg.norm(across)):
        raise ConversionError("the source lies in the plane of the detector; check source and corners")
    view = from_astra(AstraConeVec(vector=vector, det_row_count=measured.rows, det_col_count=measured.columns))
    if view.flip_columns:
        raise ConversionError(
            f"these corners are listed as seen from behind the detector; list them as seen from the source ({_NAMES})"
        )
    return view


def to_detector(camera: Camera, camera_from_world: Matrix, *, corners_at: str = "edges") -> MeasuredDetector:
    """Source and four corners of our view; the camera needs an SDD."""
    row = to_astra(camera, camera_from_world)
    source, from_source, across, down = row.parts()
    inner = 0 if corners_at == "edges" else 1
    half_across, half_down = (camera.width - inner) / 2 * across, (camera.height - inner) / 2 * down
    middle = source + from_source
    corners = [middle + x * half_across + y * half_down for y in (-1, 1) for x in (-1, 1)]
    return MeasuredDetector(
        source=source, corners=np.stack(corners), rows=camera.height, columns=camera.width, corners_at=corners_at
    )


def _rectangle(corners: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Centre, and the edges across and down of the rectangle that fits the corners."""
    top_left, top_right, bottom_left = corners[:3]
    opposite = corners[3] if len(corners) == 4 else top_right + bottom_left - top_left
    across = (top_right - top_left + opposite - bottom_left) / 2
    down = (bottom_left - top_left + opposite - top_right) / 2
    lengths = np.array([np.linalg.norm(across), np.linalg.norm(down)])
    diagonal = float(np.hypot(*lengths))
    if not lengths.min() > 0:
        raise ConversionError(f"two corners of the detector coincide; got {corners.tolist()}")
    off = float(np.linalg.norm(top_left + opposite - top_right - bottom_left)) / diagonal
    if off > PERPENDICULAR_TOLERANCE:
        raise ConversionError(
            f"the fourth corner is {off * diagonal:.3g} mm off the plane rectangle of the other three (at most "
            f"{PERPENDICULAR_TOLERANCE:g} of its diagonal is taken); expected {_NAMES}; check their order"
        )
    cosine = float(across @ down / lengths.prod())
    if abs(cosine) > 1 - PERPENDICULAR_TOLERANCE:
        raise ConversionError(f"the corners of the detector lie on one line; got {corners.tolist()}")
    if abs(cosine) > PERPENDICULAR_TOLERANCE:
        raise ConversionError(
            f"the edges of the detector are {abs(cosine):.2g} rad off perpendicular (at most "
            f"{PERPENDICULAR_TOLERANCE:g} is taken); expected corners of a rectangle: {_NAMES}"
        )
    directions = np.column_stack([across, down]) / lengths
    u, _, v = np.linalg.svd(directions, full_matrices=False)
    nearest = np.asarray((u @ v) * lengths, dtype=np.float64)
    middle = np.asarray((top_left + opposite + top_right + bottom_left) / 4, dtype=np.float64)
    return middle, nearest[:, 0], nearest[:, 1]
