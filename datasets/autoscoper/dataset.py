"""The plug-in: settings, ids, files to patients."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Acquisition, View
from bench.errors import FluorobenchError
from bench.geometry import Matrix, Rig, compose, require_rigid
from bench.geometry.converters.autoscoper import from_autoscoper, parse_calibration
from bench.geometry.converters.view import ConversionError, ToolView
from bench.text import parse_json, read_text
from bench.volume import Volume
from bench.xray.one_patient import OnePatient
from bench.xray.outline import polygon_mask

_FRAME = re.compile(r"\.(\d+)\.tiff?$", re.IGNORECASE)
_TIE = re.compile(r"below ([\d.]+) mm")
# An image intensifier is dim along its rim, up to a tenth of the air level; a wrist is brighter.
_RIM = 0.1


class AutoscoperError(FluorobenchError):
    """A folder without the layout of Autoscoper's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscoper(OnePatient):
    """A folder with ``Calibration``, ``XMA_UND`` and ``Models``: one bone with its biplane frames.

    Attributes:
        voxel_spacing_mm: Of the TIFF volume along (columns, rows, slices), mm; the file's own tags do not state it.
        model: File name in ``Models``; needed where there are several.
        other_references: By frame, a second reference (4x4, mm, first camera from volume), such as the answer of
            another similarity that ``fluorobench reference`` writes.
        outlines: By frame, one polygon a camera round the bone, drawn by hand: (column, row) in pixels of the X-ray
            file. Pixels beyond are not valid. None = the whole X-ray.
    """

    voxel_spacing_mm: tuple[float, float, float]
    model: str | None = None
    binning: int = 4
    other_references: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=lambda: dict[str, Any]())
    outlines: Mapping[str, Sequence[Sequence[Sequence[float]]]] | None = None

    def __post_init__(self) -> None:
        OnePatient.__post_init__(self)
        if not all(np.isfinite(edge) and edge > 0 for edge in self.voxel_spacing_mm):
            raise AutoscoperError(f"voxel_spacing_mm must be three positive numbers; got {self.voxel_spacing_mm}")

    def volume(self) -> Volume:
        """Read the bone."""
        # SimpleITK is loaded only where a file is read.
        from bench.volume.read import read_volume

        return read_volume(self._model_path(), voxel_spacing_mm=self.voxel_spacing_mm)

    def _model_path(self) -> Path:
        models = _files(self.root / "Models", r"\.tiff?$", "a TIFF volume")
        if self.model is None and len(models) == 1:
            return models[0]
        chosen = [path for path in models if path.name == self.model]
        if not chosen:
            names = ", ".join(path.name for path in models)
            raise AutoscoperError(f"{self.root / 'Models'}: choose model=NAME; it holds {names}; got {self.model}")
        return chosen[0]

    def acquisitions(self) -> tuple[Acquisition, ...]:
        """Read calibration, X-rays and references."""
        calibrations = [_calibration(path) for path in _files(self.root / "Calibration", r"\.txt$", "calibration text")]
        images = _images(self.root / "XMA_UND", len(calibrations))
        frames = sorted(frame for frame in images[0] if all(frame in camera for camera in images))
        if not frames:
            raise AutoscoperError(
                f"{self.root / 'XMA_UND'}: no frame number that every camera has; names end .NNNN.tif"
            )
        if unknown := sorted(set(self.other_references) - set(frames)):
            raise AutoscoperError(
                f"other_references names unknown frames: {', '.join(unknown)}; name frames of the X-rays"
            )
        references, uncertainty = _references(self.root / "reference.json")
        rig = Rig.from_calibrations(
            [view.camera for view in calibrations], [view.camera_from_world for view in calibrations]
        )
        first = calibrations[0].camera_from_world
        return tuple(
            Acquisition(
                id=frame,
                views=self._outlined(frame, self._views(rig, [camera[frame] for camera in images])),
                reference=first @ references[frame] if frame in references else None,
                reference_uncertainty_mm=uncertainty if frame in references else None,
                other_reference=self._other(frame),
            )
            for frame in frames
        )

    def _other(self, frame: str) -> Matrix | None:
        if frame not in self.other_references:
            return None
        return require_rigid(self.other_references[frame], f"other_references of frame {frame}")

    def _outlined(self, frame: str, views: tuple[View, ...]) -> tuple[View, ...]:
        """The views with all but the outlined bone masked, where outlines are given."""
        if self.outlines is None:
            return views
        polygons = self.outlines.get(frame, ())
        if len(polygons) != len(views):
            raise AutoscoperError(
                f"outlines need one polygon a camera for every frame; got {len(polygons)} for frame {frame} with "
                f"{len(views)} cameras"
            )
        return tuple(self._masked(view, polygon) for view, polygon in zip(views, polygons, strict=True))

    def _masked(self, view: View, polygon: Sequence[Sequence[float]]) -> View:
        # Pixel centres are at whole numbers, so a block's centre is half a block off its first pixel's.
        corners = [[(each + 0.5) / self.binning - 0.5 for each in corner] for corner in polygon]
        inside = polygon_mask(corners, height=view.camera.height, width=view.camera.width)
        return replace(view, valid=inside if view.valid is None else inside & view.valid)

    def _views(self, rig: Rig, paths: Sequence[Path]) -> tuple[View, ...]:
        from bench.xray.calibration import view_of
        from bench.xray.read import read_xray

        # XMALab writes images as its calibration's camera saw them: nothing to unflip.
        images = [read_xray(path, flip="none", bright="air") for path in paths]
        return tuple(
            view_of(
                image,
                member.camera,
                camera_from_rig=member.camera_from_rig,
                binning=self.binning,
                dark_fraction=_RIM,
            )
            for image, member in zip(images, rig.cameras, strict=True)
        )


def _files(folder: Path, pattern: str, what: str) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in found if path.is_file() and re.search(pattern, path.name, re.IGNORECASE)]
    if not files:
        raise AutoscoperError(f"no {what} in {folder}; expected the folders Calibration, XMA_UND/CAMERA and Models")
    return files


def _calibration(path: Path) -> ToolView:
    try:
        return from_autoscoper(parse_calibration(read_text(path)))
    except (ConversionError, ValueError) as error:
        raise AutoscoperError(f"{path}: {error}") from None


def _images(folder: Path, cameras: int) -> list[dict[str, Path]]:
    """Frame number to file, camera by camera."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if len(folders) != cameras:
        raise AutoscoperError(
            f"{folder}: expected one folder of X-rays for each of {cameras} calibrations; got {len(folders)} folders"
        )
    return [
        {match[1]: path for path in _files(camera, r"\.tiff?$", "X-ray TIFF") if (match := _FRAME.search(path.name))}
        for camera in folders
    ]


def _references(path: Path) -> tuple[dict[str, Matrix], float | None]:
    """calibration_from_volume by frame, and the mTRE (mm) below which two answers are a tie."""
    if not path.is_file():
        return {}, None
    try:
        content: Mapping[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        poses = {
            frame: require_rigid(compose(entry["R"], entry["t_mm"]), f"{path}: reference of frame {frame}")
            for frame, entry in content["frames"].items()
        }
        tie = _TIE.search(str(content.get("uncertainty", "")))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise AutoscoperError(
            f'{path}: expected {{"frames": {{"NNNN": {{"R": 3x3, "t_mm": 3}}}}}}; got {type(error).__name__}: {error}'
        ) from None
    return poses, None if tie is None else float(tie[1])
