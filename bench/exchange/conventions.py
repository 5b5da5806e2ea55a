"""A pose of a view in the conventions of other tools, as plain JSON: what the modules of the converters give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from bench.geometry import Camera, Matrix
from bench.geometry.converters import ConversionError
from bench.geometry.converters.astra import to_astra
from bench.geometry.converters.autoscoper import format_calibration, to_autoscoper
from bench.geometry.converters.deepfluoro import to_deepfluoro
from bench.geometry.converters.dicom import lost_by_dicom, to_dicom
from bench.geometry.converters.diffdrr import from_diffdrr, to_diffdrr
from bench.geometry.converters.nanodrr import from_nanodrr, to_nanodrr
from bench.geometry.converters.projection import to_projection_matrix
from bench.geometry.converters.prost import ProSTScene, to_prost
from bench.geometry.converters.rtk import iec_from_lps, to_rtk
from bench.geometry.converters.sopi import SOPIScene, to_sopi
from bench.geometry.converters.view import LPS_FROM_RAS, detector_mm
from bench.geometry.rigid import invert

_SOURCE_MM = 0.0
# Scenes of ProST and SOPI have their principal point at pixel N/2, half a pixel from a detector's middle.
_HALF_PX = 0.5 + 1e-6


def in_other_conventions(camera: Camera, camera_from_world: Matrix, centre: Matrix, half_edge_mm: float) -> Any:
    """The pose of one view by tool; a tool that cannot express it states why, under ``not_expressible``.

    Args:
        camera: Of the view.
        camera_from_world: 4x4, mm.
        centre: Rotation centre (LPS, mm); the isocentre of the tools that have one.
        half_edge_mm: Half the longest edge of the moving grid, by which ProST and SOPI divide lengths.
    """
    view = _View(camera, camera_from_world, centre, half_edge_mm)
    found: dict[str, Any] = {
        "camera_from_world": camera_from_world.tolist(),
        "world_from_camera": invert(camera_from_world).tolist(),
        "camera_from_world_ras": (camera_from_world @ LPS_FROM_RAS).tolist(),
        "projection_matrix": to_projection_matrix(camera, camera_from_world).tolist(),
    }
    return found | {name: _stated(describe, view) for name, describe in _TOOLS.items()}


class _View:
    """What the converters need."""

    def __init__(self, camera: Camera, pose: Matrix, centre: Matrix, half_edge_mm: float) -> None:
        self.camera, self.pose, self.centre, self.half_edge_mm = camera, pose, centre, half_edge_mm


def _stated(describe: Callable[[_View], Mapping[str, Any]], view: _View) -> Any:
    try:
        return plain(describe(view))
    except ConversionError as error:
        return {"not_expressible": str(error)}


def _diffdrr(view: _View) -> Mapping[str, Any]:
    found = to_diffdrr(view.camera, view.pose, isocentre=view.centre)
    flips = from_diffdrr(found, isocentre=view.centre)
    return {**asdict(found), "isocentre_lps_mm": view.centre, "flip_columns": flips.flip_columns}


def _nanodrr(view: _View) -> Mapping[str, Any]:
    found = to_nanodrr(view.camera, view.pose, isocentre=view.centre)
    flips = from_nanodrr(found, isocentre=view.centre)
    return {**asdict(found), "isocentre_lps_mm": view.centre, "flip_columns": flips.flip_columns}


def _rtk(view: _View) -> Mapping[str, Any]:
    fixed_from_world = iec_from_lps(view.centre)
    found = to_rtk(view.camera, view.pose, fixed_from_world=fixed_from_world)
    return {**asdict(found), "fixed_from_world": fixed_from_world, "flip_rows": True}


def _astra(view: _View) -> Mapping[str, Any]:
    return asdict(to_astra(view.camera, view.pose))


def _deepfluoro(view: _View) -> Mapping[str, Any]:
    return {**asdict(to_deepfluoro(view.camera, view.pose, extrinsic=np.eye(4))), "flip_columns": True}


def _autoscoper(view: _View) -> Mapping[str, Any]:
    return {"calibration": format_calibration(to_autoscoper(view.camera, view.pose))}


def _dicom(view: _View) -> Mapping[str, Any]:
    header = to_dicom(view.camera, view.pose, isocentre=view.centre)
    lost = lost_by_dicom(view.camera, view.pose, isocentre=view.centre)
    return {**asdict(header), "isocentre_lps_mm": view.centre, "lost": asdict(lost)}


def _sopi(view: _View) -> Mapping[str, Any]:
    sdd, spacing, _ = detector_mm(view.camera, "SOPI")
    scene = SOPIScene(
        centre=view.centre,
        norm_mm=view.half_edge_mm,
        sdd_mm=sdd,
        source_mm=_SOURCE_MM,
        spacing_mm=spacing,
        size=view.camera.width,
    )
    off = _off_px(view.camera, scene.prost.camera, "SOPI")
    parameters = to_sopi(view.pose, scene)
    return {"parameters": parameters, "scene": asdict(scene), "flip_rows": scene.prost.flip_rows, **off}


def _prost(view: _View) -> Mapping[str, Any]:
    sdd, spacing, _ = detector_mm(view.camera, "ProST")
    scene = ProSTScene(
        volume_axes=np.eye(3),
        centre=view.centre,
        norm_mm=view.half_edge_mm,
        sdd_mm=sdd,
        source_mm=_SOURCE_MM,
        spacing_mm=spacing,
        height=view.camera.height,
        width=view.camera.width,
    )
    off = _off_px(view.camera, scene.camera, "ProST")
    return {"rtvec": to_prost(view.pose, scene), "scene": asdict(scene), "flip_rows": scene.flip_rows, **off}


def _off_px(camera: Camera, scene: Camera, tool: str) -> dict[str, list[float]]:
    """How far the scene's principal point lies from the camera's, (columns, rows).

    Raises:
        ConversionError: By more than the half pixel that these tools always have, or the pixels differ.
    """
    off = scene.K - camera.K
    same = (scene.height, scene.width) == (camera.height, camera.width) and np.allclose(off[[0, 1], [0, 1]], 0)
    if not same or np.abs(off[:2, 2]).max() > _HALF_PX:
        raise ConversionError(
            f"{tool} has square pixels and its principal point in the middle of the image"
            f"{', which is square' if tool == 'SOPI' else ''}; this camera has not"
        )
    return {"principal_point_off_px": off[:2, 2].tolist()}


_TOOLS: Mapping[str, Callable[[_View], Mapping[str, Any]]] = {
    "diffdrr": _diffdrr,
    "nanodrr": _nanodrr,
    "rtk": _rtk,
    "astra": _astra,
    "deepfluoro": _deepfluoro,
    "autoscoper": _autoscoper,
    "dicom": _dicom,
    "sopi": _sopi,
    "prost": _prost,
}


def plain(value: Any) -> Any:
    """A value as JSON holds it: arrays and tuples become lists."""
    if isinstance(value, np.ndarray | np.generic):
        return cast("Any", value).tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("Sequence[Any]", value)]
    return value
