"""The type that every converter returns, and matrices that several of them share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.geometry.camera import Camera
from bench.geometry.rigid import Matrix, require_rigid

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns RAS points into LPS points and back, 4x4: half a turn about the cranial axis."""


class ConversionError(FluorobenchError):
    """A view that a tool's convention cannot express, or an invalid description of a view."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ToolView:
    """A tool's view in our convention.

    Attributes:
        camera: Intrinsics of the image as seen from the source.
        camera_from_world: 4x4, mm.
        flip_rows: The tool stores the first row where ours has the last.
        flip_columns: The tool stores the first column where ours has the last.
    """

    camera: Camera
    camera_from_world: Matrix
    flip_rows: bool = False
    flip_columns: bool = False

    def __post_init__(self) -> None:
        require_rigid(self.camera_from_world, "camera_from_world")

    def image(self, array: NDArray[Any]) -> NDArray[Any]:
        """Reorder an image between the tool's and our array order, (..., rows, columns); its own inverse."""
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return array[..., rows, columns]


def detector_mm(camera: Camera, tool: str) -> tuple[float, float, float]:
    """(SDD, pixel spacing along columns, pixel spacing along rows), mm.

    Raises:
        ConversionError: The camera has no SDD, so its detector has no size in mm.
    """
    spacing = camera.spacing_mm
    if camera.sdd_mm is None or spacing is None:
        raise ConversionError(f"{tool} describes a detector in mm, but this camera has no sdd_mm: give it one")
    return camera.sdd_mm, *spacing


def camera_matrix(*, fx: float, fy: float, cx: float, cy: float) -> Matrix:
    """K, 3x3, in pixels."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def flipped_principal_point(camera: Camera, *, rows: bool, columns: bool) -> tuple[float, float]:
    """(cx, cy) as the tool counts them when its rows or columns run the other way; its own inverse."""
    cx, cy = float(camera.K[0, 2]), float(camera.K[1, 2])
    return camera.width - 1 - cx if columns else cx, camera.height - 1 - cy if rows else cy
