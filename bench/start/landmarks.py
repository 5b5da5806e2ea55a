"""3D landmarks by name: 3D Slicer's markups, a CSV file, or the labels of the CT. All come out in LPS, mm.

* ``.mrk.json`` (Slicer 5): control points with their label; the file states LPS or RAS.
* ``.fcsv`` (Slicer 4): comma separated, its columns and its coordinate system in comment lines (0 = RAS, 1 = LPS).
* ``.csv``: a title line ``name,x,y,z`` and one landmark a line, LPS, mm.
* A label such as ``L3``: the centre of its thickest part, which of a vertebra is the centre of the vertebral body, of a
  femur the head. It lies where the distance to the label's surface is at least ``CORE`` of its greatest.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from bench.cells import CellError, table_number, table_of
from bench.errors import FluorobenchError, describe_error
from bench.geometry import Matrix, transform_points
from bench.text import parse_json, read_text
from bench.volume import Volume
from bench.volume.content import label_mask

CORE = 0.8
"""Share of the greatest distance to the surface: where the thickest part of a label begins."""

_LPS_OF_RAS = np.array([-1.0, -1.0, 1.0])
_SYSTEMS: Mapping[str, bool] = {"LPS": False, "RAS": True, "0": True, "1": False}


class LandmarkError(FluorobenchError):
    """Landmarks that cannot be used."""


def read_landmarks(path: Path) -> dict[str, Matrix]:
    """Landmarks of a file by name, (3,) each, LPS mm.

    Raises:
        LandmarkError: No such file, another kind of file, a coordinate system that is not stated, or a name that
            stands twice.
    """
    text = _text(path)
    name = path.name.lower()
    if name.endswith(".json"):
        rows = _slicer_json(path, text)
    elif name.endswith(".fcsv"):
        rows = _slicer_csv(path, text)
    elif name.endswith((".csv", ".txt")):
        rows = _plain_csv(path, text)
    else:
        raise LandmarkError(
            f"{path}: expected landmarks as .mrk.json or .fcsv (3D Slicer) or .csv (name,x,y,z; LPS mm)"
        )
    found = dict[str, Matrix]()
    for label, point in rows:
        if label in found:
            raise LandmarkError(f"{path}: two landmarks are named {label!r}; give each its own name")
        if not np.isfinite(point).all():
            raise LandmarkError(f"{path}: landmark {label!r} has no finite position; set or remove it")
        found[label] = point
    if not found:
        raise LandmarkError(f"{path}: it holds no landmark with a position; expected at least one")
    return found


def label_landmark(volume: Volume, name: str) -> Matrix:
    """Centre of the thickest part of a labelled structure, (3,), LPS mm.

    Raises:
        VolumeError: No labels, or no such structure in them.
    """
    mask = label_mask(volume, name)
    low = [int(each.min()) for each in np.nonzero(mask)]
    box = tuple(slice(start, int(each.max()) + 1) for start, each in zip(low, np.nonzero(mask), strict=True))
    padded = np.pad(mask[box], 1)
    depth = np.asarray(ndimage.distance_transform_edt(padded, sampling=volume.spacing_mm.tolist()), dtype=np.float64)
    core = np.argwhere(depth >= CORE * float(depth.max())).mean(axis=0)
    return transform_points(volume.affine, core - 1 + low)


def landmarks_by_name(names: Iterable[str], volume: Volume, path: Path | None) -> dict[str, Matrix]:
    """Positions of clicked landmarks: of the file where one is given, else of the CT's labels.

    Raises:
        LandmarkError: A name that the file does not hold, or labels that are needed and absent.
        VolumeError: A structure that the labels do not hold.
    """
    wanted = list(dict.fromkeys(names))
    if path is None:
        if volume.labels is None:
            raise LandmarkError(
                "landmarks are named, but where they are is not stated: give --landmarks FILE (3D Slicer's markups or "
                "a CSV file), or --labels with --label-scheme to click labelled bones"
            )
        return {name: label_landmark(volume, name) for name in wanted}
    known = read_landmarks(path)
    absent = [name for name in wanted if name not in known]
    if absent:
        raise LandmarkError(f"{path}: no landmark named {', '.join(absent)}; it holds {', '.join(known)}")
    return {name: known[name] for name in wanted}


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise LandmarkError(f"{path}: expected a file of landmarks: {describe_error(error)}") from None


def _slicer_json(path: Path, text: str) -> list[tuple[str, Matrix]]:
    try:
        content: dict[str, Any] = parse_json(text)
        markups: list[dict[str, Any]] = content["markups"]
        return [row for each in markups for row in _markup(path, each)]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise LandmarkError(f"{path}: not a markups file of 3D Slicer: {describe_error(error)}") from None


def _markup(path: Path, markup: dict[str, Any]) -> list[tuple[str, Matrix]]:
    unit = markup.get("coordinateUnits", "mm")
    if unit not in ("mm", ["mm", "mm", "mm"]):
        raise LandmarkError(f"{path}: its coordinates are in {unit}; expected mm")
    system = markup.get("coordinateSystem")
    points = [each for each in markup["controlPoints"] if each.get("positionStatus", "defined") == "defined"]
    return [(str(each["label"]), _lps(path, each["position"], system)) for each in points]


def _slicer_csv(path: Path, text: str) -> list[tuple[str, Matrix]]:
    notes = dict[str, str]()
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if line.startswith("#") and equals:
            notes[key.lstrip("# ").strip()] = value.strip()
    columns = [each.strip() for each in notes.get("columns", "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label").split(",")]
    if not {"x", "y", "z", "label"} <= set(columns):
        raise LandmarkError(f"{path}: expected the columns x, y, z and label; got {', '.join(columns)}")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = [dict(zip(columns, cells, strict=False)) for cells in csv.reader(lines)]
    system = notes.get("CoordinateSystem")
    return [(_cell(path, row, "label"), _lps(path, [row.get(axis) for axis in "xyz"], system)) for row in rows]


def _plain_csv(path: Path, text: str) -> list[tuple[str, Matrix]]:
    try:
        rows = table_of(text, ("name", "x", "y", "z"))
    except CellError as error:
        raise LandmarkError(f"{path}: a table of landmarks (LPS, mm): {error}") from None
    return [(_cell(path, row, "name"), _lps(path, [table_number(row[axis]) for axis in "xyz"], "LPS")) for row in rows]


def _cell(path: Path, row: Mapping[str, Any], column: str) -> str:
    value = str(row.get(column) or "").strip()
    if not value:
        raise LandmarkError(f"{path}: a landmark has no {'label' if column == 'label' else 'name'}; give it one")
    return value


def _lps(path: Path, position: object, system: object) -> Matrix:
    """A position in LPS; the file must state its coordinate system."""
    ras = _SYSTEMS.get(str(system).upper())
    if ras is None:
        raise LandmarkError(f"{path}: it does not state its coordinate system (LPS or RAS); got {system!r}")
    try:
        point = np.array(position, dtype=np.float64)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (3,):
        raise LandmarkError(f"{path}: a landmark needs three coordinates in mm; got {position}")
    return point * _LPS_OF_RAS if ras else point
