"""ASTRA toolbox: one row of a ``cone_vec`` projection geometry.

The tool's convention (astra-toolbox.com/docs/geom3d.html; checked in astra-toolbox/astra-toolbox at bf7acad):

* Twelve numbers (src, d, u, v): the source, the centre of the detector, the step from pixel (0, 0) to (0, 1), that is
  to the next column, and the step from pixel (0, 0) to (1, 0), to the next row. Any unit; here mm.
* The detector has ``det_row_count`` x ``det_col_count`` pixels; the centre of pixel (row, column) is
  d + (column - (W - 1) / 2) u + (row - (H - 1) / 2) v.
* The volume is axis-aligned in ASTRA's world and by default centred on its origin; its array is indexed (z, y, x). The
  world here is our LPS one unless the caller moves it: give ``astra_from_world``.
* Nothing fixes which side the image is seen from: where u x v points to the source, columns are flipped for ours.
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
from bench.geometry.rigid import Matrix, compose, invert

ORTHOGONAL_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AstraConeVec:
    """One projection.

    Attributes:
        vector: (12,) src, d, u, v in ASTRA's world, mm.
        det_row_count: Rows.
        det_col_count: Columns.
    """

    vector: Matrix
    det_row_count: int
    det_col_count: int

    def __post_init__(self) -> None:
        if np.shape(self.vector) != (12,) or not np.isfinite(self.vector).all():
            raise ConversionError(f"a cone_vec row has 12 finite numbers (src, d, u, v); got {np.shape(self.vector)}")
        _, d_from_src, u, v = self.parts()
        lengths = np.linalg.norm(u) * np.linalg.norm(v)
        if not lengths > 0 or abs(u @ v) > ORTHOGONAL_TOLERANCE * lengths:
            raise ConversionError(f"u and v must be perpendicular and not zero; got {u.tolist()} and {v.tolist()}")
        if np.cross(u, v) @ d_from_src == 0:
            raise ConversionError("the source must not lie in the detector's plane; move src or d")

    def parts(self) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """(source, centre of the detector as seen from the source, u, v), (3,) each, mm."""
        source, centre, u, v = np.asarray(self.vector, dtype=np.float64).reshape(4, 3)
        return source, centre - source, u, v


def from_astra(view: AstraConeVec, *, astra_from_world: Matrix | None = None) -> ToolView:
    """Our view of a ``cone_vec`` row; ``astra_from_world`` (4x4, mm) is the identity unless given."""
    source, centre, u, v = view.parts()
    spacing = np.array([np.linalg.norm(u), np.linalg.norm(v)])
    x, y = u / spacing[0], v / spacing[1]
    flip = bool(np.cross(x, y) @ centre < 0)
    x = -x if flip else x
    rotation = np.stack([x, y, np.cross(x, y)])
    offset = rotation @ centre
    middle = (np.array([view.det_col_count, view.det_row_count]) - 1) / 2
    cx, cy = (middle - offset[:2] / spacing).tolist()
    fx, fy = (offset[2] / spacing).tolist()
    K = camera_matrix(fx=fx, fy=fy, cx=cx, cy=cy)
    camera = Camera(K, view.det_row_count, view.det_col_count, float(offset[2]))
    pose = compose(rotation, -rotation @ source)
    to_astra = np.eye(4) if astra_from_world is None else astra_from_world
    return ToolView(camera=camera, camera_from_world=pose @ to_astra, flip_columns=flip)


def to_astra(
    camera: Camera, camera_from_world: Matrix, *, astra_from_world: Matrix | None = None, flip_columns: bool = False
) -> AstraConeVec:
    """The ``cone_vec`` row of our view; ``flip_columns`` gives the image as seen from the detector's back."""
    to_astra_world = np.eye(4) if astra_from_world is None else astra_from_world
    sdd, step_x, step_y = detector_mm(camera, "ASTRA")
    world_from_camera = to_astra_world @ invert(camera_from_world)
    sign = -1.0 if flip_columns else 1.0
    u = sign * step_x * world_from_camera[:3, 0]
    v = step_y * world_from_camera[:3, 1]
    source = world_from_camera[:3, 3]
    cx, cy = flipped_principal_point(camera, rows=False, columns=flip_columns)
    steps = np.array([(camera.width - 1) / 2 - cx, (camera.height - 1) / 2 - cy])
    centre = source + sdd * world_from_camera[:3, 2] + steps[0] * u + steps[1] * v
    return AstraConeVec(
        vector=np.concatenate([source, centre, u, v]), det_row_count=camera.height, det_col_count=camera.width
    )
