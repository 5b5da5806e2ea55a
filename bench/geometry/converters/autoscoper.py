"""Autoscoper and XMALab: the calibration text file ("MayaCam 2.0").

The tool's convention (Documentation/file-specifications/camera-calibration.md of BrownBiomechanics/Autoscoper;
XMALab's wiki, which names the OpenCV pinhole model):

* Four blocks, each a title and its numbers: ``image size`` (height,width), ``camera matrix`` (3x3, pixels),
  ``rotation`` (3x3) and ``translation`` (3 lines, mm). x_camera = rotation @ x_world + translation, u = K x_camera.
* World is the calibration cube's, not a patient's; all cameras of a trial share it: ``Rig.from_calibrations``.
* No SDD and no pixel spacing: detector-mm figures do not exist.

Numbers in files have about 12 digits, so that a rotation read from one is orthonormal to about 1e-11.
"""

import re
from dataclasses import dataclass

import numpy as np

from bench.cells import cells_of, plain_number
from bench.geometry.camera import Camera
from bench.geometry.converters.view import ConversionError, ToolView
from bench.geometry.rigid import Matrix, compose, require_rigid

_MAYACAM_1_ROWS = 5
_MAX_PX = 100_000
_BLOCKS = {"image size": (1, 2), "camera matrix": (3, 3), "rotation": (3, 3), "translation": (3, 1)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AutoscoperCalibration:
    """The content of one file.

    Attributes:
        image_size: (height, width).
        camera_matrix: 3x3, pixels.
        rotation: 3x3.
        translation: (3,), mm.
    """

    image_size: tuple[int, int]
    camera_matrix: Matrix
    rotation: Matrix
    translation: Matrix


def from_autoscoper(calibration: AutoscoperCalibration) -> ToolView:
    """Our view of a calibration; "world" is the calibration's."""
    pose = require_rigid(compose(calibration.rotation, calibration.translation), "Autoscoper's rotation")
    camera = Camera(calibration.camera_matrix, *calibration.image_size, None)
    return ToolView(camera=camera, camera_from_world=pose)


def to_autoscoper(camera: Camera, camera_from_world: Matrix) -> AutoscoperCalibration:
    """The calibration of our view. The SDD is lost: the file has no place for it."""
    return AutoscoperCalibration(
        image_size=(camera.height, camera.width),
        camera_matrix=camera.K,
        rotation=camera_from_world[:3, :3],
        translation=camera_from_world[:3, 3],
    )


def parse_calibration(text: str) -> AutoscoperCalibration:
    """Read the text of a calibration file.

    Raises:
        ConversionError: A block is missing, or its numbers have another shape.
    """
    _refuse_others(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    blocks = {title: _block(lines, title, shape) for title, shape in _BLOCKS.items()}
    height, width = blocks["image size"].ravel().tolist()
    if not (height.is_integer() and width.is_integer() and min(height, width) >= 1 and max(height, width) <= _MAX_PX):
        raise ConversionError(f"an Autoscoper calibration has an image size of whole pixels; got {height:g},{width:g}")
    return AutoscoperCalibration(
        image_size=(int(height), int(width)),
        camera_matrix=blocks["camera matrix"],
        rotation=blocks["rotation"],
        translation=blocks["translation"].ravel(),
    )


def _block(lines: list[str], title: str, shape: tuple[int, int]) -> Matrix:
    expected = f'"{title}" followed by {shape[0]} lines of {shape[1]} numbers'
    if title not in lines:
        raise ConversionError(f"an Autoscoper calibration has {expected}; the title is missing")
    start = lines.index(title) + 1
    rows = lines[start : start + shape[0]]
    try:
        numbers = np.array([[plain_number(cell) for cell in _cells(row, shape[1])] for row in rows])
    except ValueError:
        numbers = np.empty((0, 0))
    if numbers.shape != shape:
        hint = "; decimal commas? write 6500.1,0,880" if _too_many_commas(rows, shape) else ""
        raise ConversionError(f"an Autoscoper calibration has {expected}; got {rows}{hint}")
    return numbers


def _cells(row: str, columns: int) -> list[str]:
    return [row.replace(",", ".")] if columns == 1 else cells_of(row)


def _too_many_commas(rows: list[str], shape: tuple[int, int]) -> bool:
    return len(rows) == shape[0] and any(row.count(",") >= shape[1] for row in rows)


def _refuse_others(text: str) -> None:
    """Recognise other camera files by name, instead of reporting a missing title.

    Raises:
        ConversionError: A VTK camera or a calibration of MayaCam 1.0.
    """
    if re.search(r'"?(camera-position|focal-point|CameraPosition|FocalPoint)"?', text, re.IGNORECASE):
        raise ConversionError("a VTK camera; expected a MayaCam 2.0 calibration: export that from XMALab or Autoscoper")
    rows = [row.split(",") for row in text.split()]
    if len(rows) == _MAYACAM_1_ROWS and all(len(row) == 3 for row in rows) and not re.search("[a-df-z]", text):
        raise ConversionError(
            "a MayaCam 1.0 calibration (five rows of three numbers); expected MayaCam 2.0: export that from XMALab"
        )


def format_calibration(calibration: AutoscoperCalibration) -> str:
    """The text of a calibration file, with all digits."""
    height, width = calibration.image_size
    parts = [
        f"image size\n{height},{width}",
        f"camera matrix\n{_lines(calibration.camera_matrix)}",
        f"rotation\n{_lines(calibration.rotation)}",
        f"translation\n{_lines(calibration.translation[:, np.newaxis])}",
    ]
    return "\n\n".join(parts) + "\n"


def _lines(matrix: Matrix) -> str:
    return "\n".join(",".join(repr(value) for value in row) for row in matrix.tolist())
