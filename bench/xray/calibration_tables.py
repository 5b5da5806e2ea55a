"""The tables ``[images.calibration]`` and ``[images.distortion]`` of a case file, unknown keys are refused.

::

    [images.calibration]
    kind = "projection"                 # a 3x4 projection matrix, any scale and sign
    matrix = [[...], [...], [...]]      # or file = "P.txt": 12 numbers
    in_front = [0, 0, 0]                # optional: a world point between source and detector
    sdd_mm = 1000.0                     # optional; also size = [rows, columns] and image, see below

    kind = "detector"                   # the source and 3 or 4 corners of the detector as measured, mm
    source = [0, -700, 0]
    corners = [[...], [...], [...]]     # top left, top right, bottom left[, bottom right] as seen from the source
    corners_at = "edges"                # or "centres" of the corner pixels

    kind = "fiducials"                  # 3D points and the pixels they are seen at
    file = "beads.csv"                  # lines x,y,z,column,row; or points = [[x, y, z, column, row], ...]
    threshold_px = 3.0                  # optional: up to which reprojection error a fiducial counts as right
    K = [[...], [...], [...]]           # optional: known intrinsics; then 4 points suffice

    [images.distortion]                 # the image is resampled first; its calibration is that of the undistorted one
    kind = "grid"
    file = "grid.csv"                   # lines column,row,true_column,true_row; or points = [[...], ...]
    degree = 5                          # optional: a polynomial fit instead of interpolation

    kind = "polynomial"                 # where an undistorted pixel lies in the stored image
    column = [...]                      # coefficients of 1, u, v, u^2, u v, v^2, ...; see bench.xray.distortion
    row = [...]

``image = "seen"`` (default): pixels are counted in the image as seen from the source; ``image = "stored"``:
they are those of the file, which the image's ``flip`` then turns.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Row2: TypeAlias = tuple[float, float]
Row3: TypeAlias = tuple[float, float, float]
Row4: TypeAlias = tuple[float, float, float, float]
Row5: TypeAlias = tuple[float, float, float, float, float]
Spacing: TypeAlias = PositiveFloat | tuple[PositiveFloat, PositiveFloat]
Size: TypeAlias = tuple[PositiveInt, PositiveInt]
Image: TypeAlias = Literal["seen", "stored"]


class Table(BaseModel):
    """A table of a case file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Header(Table):
    """Calibration from the file's own header; values stated here override it."""

    kind: Literal["header"]
    sdd_mm: PositiveFloat | None = None
    spacing_mm: Spacing | None = None
    principal_point_px: Row2 | None = None


class IntrinsicMatrix(Table):
    """Calibration as a matrix K of the image as seen from the source; ``size`` is (rows, columns)."""

    kind: Literal["matrix"]
    K: tuple[Row3, Row3, Row3]
    sdd_mm: PositiveFloat | None = None
    size: tuple[int, int] | None = None


class AutoscoperText(Table):
    """Calibration text of Autoscoper and XMALab."""

    kind: Literal["autoscoper"]
    file: str


class ProjectionMatrix(Table):
    """A 3x4 projection matrix, written here or in a file of 12 numbers."""

    kind: Literal["projection"]
    matrix: tuple[Row4, Row4, Row4] | None = None
    file: str | None = None
    in_front: Row3 = (0.0, 0.0, 0.0)
    sdd_mm: PositiveFloat | None = None
    size: Size | None = None
    image: Image = "seen"


class DetectorCorners(Table):
    """Source and corners of the detector as measured, mm."""

    kind: Literal["detector"]
    source: Row3
    corners: tuple[Row3, Row3, Row3] | tuple[Row3, Row3, Row3, Row3]
    corners_at: Literal["edges", "centres"] = "edges"
    size: Size | None = None
    image: Image = "seen"


class FiducialPoints(Table):
    """Points (x, y, z in mm) and pixels (column, row), written here or in a CSV file."""

    kind: Literal["fiducials"]
    points: tuple[Row5, ...] | None = None
    file: str | None = None
    threshold_px: PositiveFloat = 3.0
    K: tuple[Row3, Row3, Row3] | None = None
    sdd_mm: PositiveFloat | None = None
    size: Size | None = None
    image: Image = "seen"


WithPose: TypeAlias = AutoscoperText | ProjectionMatrix | DetectorCorners | FiducialPoints
"""Kinds that give camera and pose."""

Calibration: TypeAlias = Annotated[
    Header | IntrinsicMatrix | AutoscoperText | ProjectionMatrix | DetectorCorners | FiducialPoints,
    Field(discriminator="kind"),
]

KINDS = ("header", "matrix", "autoscoper", "projection", "detector", "fiducials")
"""Kinds of calibration, as ``kind`` names them."""


class DistortionGrid(Table):
    """Beads or crossings: where they are seen (column, row), and where without distortion."""

    kind: Literal["grid"]
    points: tuple[Row4, ...] | None = None
    file: str | None = None
    degree: PositiveInt | None = None
    image: Image = "seen"


class DistortionPolynomial(Table):
    """Coefficients of the map from undistorted to stored pixels."""

    kind: Literal["polynomial"]
    column: tuple[float, ...]
    row: tuple[float, ...]
    image: Image = "seen"


Distortion: TypeAlias = Annotated[DistortionGrid | DistortionPolynomial, Field(discriminator="kind")]


DISTORTION_KINDS = ("grid", "polynomial")
"""Kinds of distortion, as ``kind`` names them."""


class CameraFile(Table):
    """A TOML file of its own with the tables ``[calibration]`` and, optionally, ``[distortion]`` of one image."""

    calibration: Calibration
    distortion: Distortion | None = None


TABLES: tuple[type[Table], ...] = (
    Header,
    IntrinsicMatrix,
    AutoscoperText,
    ProjectionMatrix,
    DetectorCorners,
    FiducialPoints,
    DistortionGrid,
    DistortionPolynomial,
    CameraFile,
)
