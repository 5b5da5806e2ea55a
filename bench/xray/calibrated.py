"""Calibrations that give a camera and its pose: Autoscoper text, projection matrix, measured detector, fiducials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.errors import describe_error
from bench.geometry import Camera, Matrix
from bench.geometry.camera import CameraError
from bench.geometry.converters.autoscoper import from_autoscoper, parse_calibration
from bench.geometry.converters.detector import MeasuredDetector, from_detector
from bench.geometry.converters.projection import flip_pixels, from_projection_matrix
from bench.geometry.converters.view import ConversionError
from bench.text import read_text
from bench.xray.calibration_tables import (
    AutoscoperText,
    CameraFile,
    DetectorCorners,
    FiducialPoints,
    Header,
    IntrinsicMatrix,
    ProjectionMatrix,
    WithPose,
)
from bench.xray.case_tables import validated
from bench.xray.line_integrals import XrayError
from bench.xray.number_files import read_numbers, read_rows

FIDUCIAL_COLUMNS = ("x", "y", "z", "column", "row")
_P_NUMBERS = 12
# Above it a focal length from fiducials leaves depth open by centimetres.
_DOUBTFUL_FOCAL = 0.01

Pixelwise: TypeAlias = ProjectionMatrix | DetectorCorners | FiducialPoints
FindPath: TypeAlias = Callable[[str], Path]


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A camera with its pose.

    Attributes:
        camera: Of the image as seen from the source.
        camera_from_world: 4x4, mm; "world" is the calibration's.
        fit: How well it fits what was measured, for JSON and the terminal; None where nothing was fitted.
    """

    camera: Camera
    camera_from_world: Matrix
    fit: dict[str, Any] | None = None


def calibrated(table: WithPose, *, size: tuple[int, int], flip: str | None, path: FindPath) -> Calibrated:
    """Camera and pose of a calibration table.

    Args:
        table: The table.
        size: (rows, columns) of the image as seen from the source; a ``size`` in the table goes before it.
        flip: The user's statement of what turns the stored image into the one seen from the source.
        path: Finds the file that a name of the table means.

    Raises:
        XrayError: A table or file that does not describe a camera.
    """
    if isinstance(table, AutoscoperText):
        return _of_autoscoper(path(table.file))
    height, width = table.size or size
    turn = _turn(table, flip, height, width)
    try:
        if isinstance(table, ProjectionMatrix):
            return _of_matrix(table, turn @ _matrix(table, path), height, width)
        if isinstance(table, DetectorCorners):
            return _of_corners(table, turn, height, width)
        return _of_fiducials(table, turn, _fiducials(table, path), (height, width))
    except (ConversionError, CameraError) as error:
        raise XrayError(f'calibration of kind "{table.kind}": {error}') from None


def stated_camera(tables: Mapping[str, Any], *, size: tuple[int, int], name: str) -> tuple[Camera, Matrix | None]:
    """The camera of tables of a command line or file without an image, and camera_from_world where they give it.

    Args:
        tables: As of ``CameraFile``; paths are absolute or relative to the working folder.
        size: (rows, columns), unless the tables state them.
        name: What they are, for messages.

    Raises:
        CaseError: Tables of another form.
        XrayError: Tables that describe no camera by themselves.
    """
    table = validated(CameraFile, tables, name).calibration
    if isinstance(table, Header):
        raise XrayError(
            f'{name}: a calibration of kind "header" needs its image; expected a calibration that gives the camera'
        )
    if isinstance(table, IntrinsicMatrix):
        return Camera(np.array(table.K, dtype=np.float64), *(table.size or size), table.sdd_mm), None
    found = calibrated(table, size=size, flip=None, path=Path)
    return found.camera, found.camera_from_world


def describe_fit(fit: dict[str, Any]) -> str:
    """One line on the residuals of a calibration by fiducials."""
    ignored = f"; left out as wrong: number {', '.join(map(str, fit['outliers']))}" if fit["outliers"] else ""
    open_focal = (
        f"; its focal length is known to {100 * fit['focal_sd']:.1f} % only: add fiducials at other depths, or state K"
        if fit["focal_sd"] > _DOUBTFUL_FOCAL
        else ""
    )
    return (
        f"{fit['inliers']} of {len(fit['residuals_px'])} fiducials fit with {fit['rms_px']:.3f} px rms, at most "
        f"{fit['max_px']:.3f} px{ignored}{open_focal}"
    )


def _of_autoscoper(path: Path) -> Calibrated:
    try:
        view = from_autoscoper(parse_calibration(read_text(path)))
    except (OSError, ConversionError, ValueError) as error:
        raise XrayError(f"{path}: no Autoscoper calibration can be read from it: {describe_error(error)}") from None
    return Calibrated(view.camera, view.camera_from_world)


def _turn(table: Pixelwise, flip: str | None, height: int, width: int) -> Matrix:
    """From the pixels that the table counts to those of the image as seen from the source, 3x3."""
    if table.image == "seen":
        return np.eye(3)
    if flip is None:
        raise XrayError(
            f'calibration of kind "{table.kind}": image = "stored" needs the flip of the image (none, horizontal, '
            "vertical or both: what turns the stored image into the one seen from the source)"
        )
    return flip_pixels(flip=flip, height=height, width=width)


def _of_matrix(table: ProjectionMatrix, matrix: Matrix, height: int, width: int) -> Calibrated:
    view = from_projection_matrix(matrix, height=height, width=width, sdd_mm=table.sdd_mm, in_front=table.in_front)
    return Calibrated(view.camera, view.camera_from_world)


def _of_corners(table: DetectorCorners, turn: Matrix, height: int, width: int) -> Calibrated:
    corners = np.array(table.corners)
    if len(corners) == 3:
        corners = np.vstack([corners, corners[1] + corners[2] - corners[0]])
    named = corners.reshape(2, 2, 3)[:: int(turn[1, 1]), :: int(turn[0, 0])].reshape(4, 3)
    measured = MeasuredDetector(
        source=np.array(table.source), corners=named, rows=height, columns=width, corners_at=table.corners_at
    )
    view = from_detector(measured)
    return Calibrated(view.camera, view.camera_from_world)


def _of_fiducials(table: FiducialPoints, turn: Matrix, rows: Matrix, size: tuple[int, int]) -> Calibrated:
    # OpenCV is loaded for those who calibrate with fiducials alone.
    from bench.geometry.resection import Fiducials, resect

    pixels = rows[:, 3:] * np.diag(turn)[:2] + turn[:2, 2]
    K = None if table.K is None else _intrinsics(np.array(table.K), turn)
    fiducials = Fiducials(points=rows[:, :3], pixels=pixels, height=size[0], width=size[1], sdd_mm=table.sdd_mm, K=K)
    found = resect(fiducials, threshold_px=table.threshold_px)
    fit = {
        "inliers": int(found.inliers.sum()),
        "rms_px": found.rms_px,
        "max_px": float(found.residuals_px[found.inliers].max()),
        "focal_sd": found.focal_sd,
        "outliers": [int(each) + 1 for each in np.flatnonzero(~found.inliers)],
        "residuals_px": [round(float(each), 6) for each in found.residuals_px],
    }
    return Calibrated(found.camera, found.camera_from_world, fit)


def _intrinsics(K: Matrix, turn: Matrix) -> Matrix:
    """K of the turned image: the principal point moves, focal lengths stay positive."""
    turned = K.copy()
    turned[:2, 2] = K[:2, 2] * np.diag(turn)[:2] + turn[:2, 2]
    return turned


def _matrix(table: ProjectionMatrix, path: FindPath) -> Matrix:
    if (table.matrix is None) == (table.file is None):
        raise XrayError('calibration of kind "projection": give matrix (3x4) or file, one of them')
    if table.matrix is not None:
        return np.array(table.matrix)
    file = path(table.file or "")
    numbers = read_numbers(file)
    if numbers is None or len(numbers) != _P_NUMBERS:
        got = "other text" if numbers is None else f"{len(numbers)} numbers"
        raise XrayError(f"{file}: expected the 12 numbers of a 3x4 projection matrix; got {got}")
    return np.array(numbers).reshape(3, 4)


def _fiducials(table: FiducialPoints, path: FindPath) -> Matrix:
    if (table.points is None) == (table.file is None):
        raise XrayError('calibration of kind "fiducials": give points (x, y, z, column, row) or file, one of them')
    if table.points is not None:
        return np.array(table.points).reshape(-1, len(FIDUCIAL_COLUMNS))
    return read_rows(path(table.file or ""), FIDUCIAL_COLUMNS)
