"""X-rays of a run for figures: one case of each, and the part round an outlined bone."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bench.cases.records import ImageProvenance
from bench.contract import Problem, View
from bench.geometry import Camera
from bench.report.kinds import image_name
from bench.score.provenance import image_provenance
from bench.score.statistics import text_column


def round_outline(view: View, margin_px: int) -> View:
    """The view cut to the box of its valid pixels with a margin; whole where all are valid.

    Args:
        view: With an image.
        margin_px: On all sides, as far as there are pixels.
    """
    if view.valid is None or not view.valid.any():
        return view
    rows, columns = (np.flatnonzero(view.valid.any(axis=axis)) for axis in (1, 0))
    top, left = (max(0, int(each[0]) - margin_px) for each in (rows, columns))
    part = (slice(top, int(rows[-1]) + margin_px + 1), slice(left, int(columns[-1]) + margin_px + 1))
    valid = np.ascontiguousarray(view.valid[part])
    K = view.camera.K.copy()
    K[:2, 2] -= (left, top)
    camera = Camera(K, valid.shape[0], valid.shape[1], view.camera.sdd_mm)
    image = None if view.image is None else np.ascontiguousarray(view.image[part])
    return replace(view, camera=camera, image=image, valid=valid)


def cut_round_outline(problem: Problem, margin_px: int) -> Problem:
    """The problem with its first view alone, cut by ``round_outline``."""
    return replace(problem, views=(round_outline(problem.views[0], margin_px),))


def one_case_an_image(rows: pd.DataFrame) -> dict[str, str]:
    """The first case of each real X-ray, by the X-ray's name; of simulated ones, the first case of each content."""
    found = dict[str, str]()
    for case_id, images in sorted(zip(text_column(rows, "case_id"), image_provenance(rows), strict=True), key=_case_id):
        found.setdefault(image_name(images), case_id)
    return found


def _case_id(pair: tuple[str, ImageProvenance]) -> str:
    return pair[0]
