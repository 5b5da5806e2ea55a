"""A contact sheet of a dataset's patients: AP and lateral projection, axial and sagittal slice of each."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from bench.contract import Patient
from bench.files import write_whole
from bench.geometry import Matrix
from bench.report.figures import house_style
from bench.volume import FloatGrid, Volume
from bench.volume.content import label_mask
from bench.volume.labels import LUMBAR, present

Window: TypeAlias = tuple[float, float]

PER_ROW = 3
# Grey levels of the slices, HU.
_SOFT, _BONE = (-160.0, 320.0), (-200.0, 600.0)
_DARKEST, _BRIGHTEST = 4.0, 99.7


def write_sheet(path: Path, patients: Iterable[Patient], *, count: int) -> Path:
    """Write one PNG, ``PER_ROW`` patients a row in the order given, each under its id.

    Args:
        path: The file, ending in .png.
        patients: Asked for one by one, and none is kept: twenty real CTs fill a computer's memory.
        count: How many there are, at least one.
    """
    rows = -(-count // PER_ROW)
    with house_style():
        figure = Figure(figsize=(18, 1.6 * rows))
        cells: Any = figure.subplots(rows, 4 * PER_ROW, squeeze=False)
        for cell in cells.flat:
            cell.axis("off")
        for place, patient in enumerate(patients):
            row, column = divmod(place, PER_ROW)
            _draw(cells[row, 4 * column : 4 * column + 4], patient)
        figure.subplots_adjust(0.002, 0.002, 0.998, 1 - 0.16 / rows, wspace=0.02, hspace=0.1)
        return write_whole(path, lambda part: _save(figure, part))


def _draw(cells: Any, patient: Patient) -> None:
    for cell, (image, (low, high), aspect) in zip(cells, pictures(patient.volume), strict=True):
        cell.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="bilinear", aspect=aspect)
    cells[0].set_title(patient.id, fontsize=7, loc="left", pad=2)


def pictures(volume: Volume) -> list[tuple[FloatGrid, Window, float]]:
    """AP, lateral, axial and sagittal of a patient: (rows, columns), grey window, height of a pixel over its width.

    Head up; the patient's right is on the left, the front on the left in lateral and sagittal, above in axial.
    Slices go through the middle of L3, where it is labelled, else through the volume's.
    """
    hu, middle, spacing = _upright(volume)
    mu = np.clip(hu + 1000.0, 0.0, None)
    x, y, z = spacing
    ap, lateral = mu.sum(axis=1).T[::-1], mu.sum(axis=0).T[::-1]
    axial, sagittal = hu[:, :, middle[2]].T, hu[middle[0]].T[::-1]
    return [
        (ap, _window(ap), z / x), (lateral, _window(lateral), z / y), (axial, _SOFT, y / x), (sagittal, _BONE, z / y),
    ]  # fmt: skip


def _window(image: FloatGrid) -> Window:
    low, high = np.percentile(image, [_DARKEST, _BRIGHTEST])
    return float(low), float(high)


def _upright(volume: Volume) -> tuple[FloatGrid, tuple[int, int, int], tuple[float, float, float]]:
    """HU with axes nearest to left, posterior and superior, the voxel to cut at, and the spacing, mm."""
    directions: Matrix = volume.affine[:3, :3] / volume.spacing_mm
    order = [int(np.abs(directions[axis]).argmax()) for axis in range(3)]
    flips = tuple(slice(None, None, -1 if directions[axis, order[axis]] < 0 else 1) for axis in range(3))
    hu = volume.hu.transpose(order)[flips]
    level = [name for name in ("L3", *LUMBAR) if name in present(volume)][:1]
    if level:
        where = np.argwhere(label_mask(volume, level).transpose(order)[flips]).mean(axis=0)
    else:
        where = (np.array(hu.shape) - 1) / 2
    i, j, k = (int(index) for index in where)
    x, y, z = (float(volume.spacing_mm[axis]) for axis in order)
    return hu, (i, j, k), (x, y, z)


def _save(figure: Figure, path: Path) -> None:
    """Grey levels alone: a third of the size."""
    saver: Any = figure
    saver.savefig(path, dpi=90)
    with Image.open(path) as picture:
        grey = picture.convert("L")
    grey.save(path, optimize=True)
