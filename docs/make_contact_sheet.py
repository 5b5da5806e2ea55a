"""Draw the contact sheet of phantom patients: AP and lateral line integrals, axial and sagittal slices.

Run from a checkout: ``python docs/make_contact_sheet.py [OUTPUT.png]``.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from bench import registry
from bench.contract import Split
from bench.volume import FloatGrid, Volume

PATIENTS, PER_ROW = 24, 3
SOFT_WINDOW = (-160.0, 320.0)
BONE_WINDOW = (-200.0, 600.0)


def pictures(volume: Volume) -> list[tuple[FloatGrid, tuple[float, float]]]:
    """Four pictures of a patient as (rows, columns), head up, with their grey windows."""
    mu = volume.mu() * np.float32(volume.spacing_mm[0])
    labels = volume.labels
    middle = [int(index) for index in np.argwhere(labels == 22).mean(axis=0)] if labels is not None else [64, 64, 64]
    ap, lateral = mu.sum(axis=1).T[::-1], mu.sum(axis=0).T[::-1]
    axial, sagittal = volume.hu[:, :, middle[2] + 3].T, volume.hu[middle[0], :, ::-1].T
    grey = [(float(np.percentile(image, 4)), float(np.percentile(image, 99.7))) for image in (ap, lateral)]
    return [(ap, grey[0]), (lateral, grey[1]), (axial, SOFT_WINDOW), (sagittal, BONE_WINDOW)]


def draw(path: Path) -> None:
    """Write the sheet of the first test patients of the default generator."""
    mpl.use("Agg")
    from matplotlib import pyplot

    dataset = registry.load("datasets", "phantom")()
    names = list(dataset.patient_ids(Split.TEST)[:PATIENTS])
    rows = len(names) // PER_ROW
    figure, grid = pyplot.subplots(rows, 4 * PER_ROW, figsize=(18, 1.6 * rows))
    for place, name in enumerate(names):
        row, column = divmod(place, PER_ROW)
        cells: Any = grid[row, 4 * column : 4 * column + 4]
        for cell, (image, (low, high)) in zip(cells, pictures(dataset.patient(name).volume), strict=True):
            cell.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="bilinear")
            cell.axis("off")
        cells[0].set_title(name, fontsize=7, loc="left", pad=2)
    figure.subplots_adjust(0.002, 0.002, 0.998, 0.98, wspace=0.02, hspace=0.1)
    figure.savefig(path, dpi=90)
    # Grey levels alone: a third of the size.
    with Image.open(path) as picture:
        picture.convert("L").save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("phantom_contact_sheet.png"))
