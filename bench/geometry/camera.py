"""The pinhole model of a C-arm: OpenCV's camera, its origin at the X-ray source.

x is right (columns), y down (rows), z from source to detector. The centre of pixel (0, 0) lies at (0, 0), so a centred
detector of W columns has cx = (W - 1) / 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.errors import FluorobenchError
from bench.geometry.rigid import Matrix


class CameraError(FluorobenchError):
    """An invalid camera, or one without a quantity that is needed."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Intrinsics of one view.

    Attributes:
        K: 3x3 in pixels: focal lengths f = sdd / pixel spacing, principal point, no skew.
        height: Rows.
        width: Columns.
        sdd_mm: Source to detector; None where a calibration does not state it (no detector-mm metrics then).
    """

    K: Matrix
    height: int
    width: int
    sdd_mm: float | None

    def __post_init__(self) -> None:
        good_K = self.K.shape == (3, 3) and np.isfinite(self.K).all() and self.K[0, 0] > 0 and self.K[1, 1] > 0
        if not good_K or self.K[0, 1] != 0 or not np.array_equal(self.K[[1, 2, 2, 2], [0, 0, 1, 2]], [0, 0, 0, 1]):
            raise CameraError(f"K must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0; got {self.K.tolist()}")
        if self.height < 1 or self.width < 1:
            raise CameraError(f"a detector needs at least 1 x 1 pixels; got {self.height} x {self.width}")
        if self.sdd_mm is not None and not self.sdd_mm > 0:
            raise CameraError(f"sdd_mm must be positive; got {self.sdd_mm}")

    @classmethod
    def centred(cls, *, sdd_mm: float, height: int, width: int, spacing_mm: float) -> "Camera":
        """A detector of square pixels whose centre lies on the axis."""
        f = sdd_mm / spacing_mm
        K = np.array([[f, 0, (width - 1) / 2], [0, f, (height - 1) / 2], [0, 0, 1.0]])
        return cls(K, height, width, sdd_mm)

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """Pixel spacing on the detector along (columns, rows), mm; None without an SDD."""
        if self.sdd_mm is None:
            return None
        return self.sdd_mm / float(self.K[0, 0]), self.sdd_mm / float(self.K[1, 1])

    def binned(self, factor: int) -> "Camera":
        """The camera of the image whose pixels are means of ``factor`` x ``factor`` blocks.

        Rows and columns at the end that fill no block are cut.
        """
        K = self.K.copy()
        K[:2] /= factor
        K[:2, 2] += 0.5 / factor - 0.5
        return Camera(K, self.height // factor, self.width // factor, self.sdd_mm)

    def project(self, points_cam: ArrayLike) -> Matrix:
        """Pixel (column, row) of camera points (..., 3) in mm. Points at or behind the source give NaN."""
        points = np.asarray(points_cam, dtype=np.float64)
        depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        pixels: Matrix = (points[..., :2] / depth) * self.K[[0, 1], [0, 1]] + self.K[:2, 2]
        return pixels
