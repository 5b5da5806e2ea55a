"""Pictures of one registration: edges before, edges after, and a checkerboard of X-ray and rendering, view by view."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image

from bench.contract import Image, Problem
from bench.drr import AttenuationMap
from bench.files import write_whole
from bench.geometry import Matrix
from bench.register.focus import focused
from bench.report.overlay import Colours, grey, overlay, render

_SIDE = 480
# Of an image's longer side: what is shown about the content.
_MARGIN = 0.1
_TILES = 12


def registration_picture(problem: Problem, pose: Matrix) -> Colours:
    """One row a view: the start's edges, the answer's edges, a checkerboard of X-ray and rendered answer.

    Views are cut to the content at the start and at the answer, with a margin.

    Args:
        problem: With images.
        pose: rig_from_world, 4x4, mm.

    Returns:
        RGB in [0, 1]; rows are filled up with black on the right.
    """
    attenuation = AttenuationMap.from_volume(problem.volume)
    problem = cut_to_content(problem, pose)
    rows = list[Colours]()
    for index, view in enumerate(problem.views):
        if view.image is None:
            continue
        before, after = (render(problem, each, view=index, attenuation=attenuation) for each in (problem.start, pose))
        scale = max(1, _SIDE // max(view.image.shape))
        panels = [overlay(view.image, each, scale=scale) for each in (before, after)]
        rows.append(np.concatenate([*panels, checkerboard(view.image, after, scale=scale)], axis=1))
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    return np.concatenate(filled)


def cut_to_content(problem: Problem, pose: Matrix) -> Problem:
    """The problem with its views cut to the content at the start and at a pose, with a margin, for pictures."""
    longest = max(max(view.camera.height, view.camera.width) for view in problem.views)
    shown = replace(problem, nominal=pose, search=np.zeros(6))
    return focused(shown, problem.volume.content_corners(), margin_px=round(_MARGIN * longest))


def checkerboard(target: Image, moving: Image, *, scale: int = 1) -> Colours:
    """Tiles of both images in turn, each image in its own range of brightness, RGB in [0, 1]."""
    tile = max(1, max(target.shape) // _TILES)
    rows, columns = np.indices(target.shape) // tile
    mixed = np.where((rows + columns) % 2 == 0, grey(target), grey(moving))
    large = np.repeat(np.repeat(mixed, scale, axis=0), scale, axis=1)
    return np.asarray(np.repeat(large[..., None], 3, axis=2), dtype=np.float32)


def write_picture(path: Path, picture: Colours) -> Path:
    """Write RGB in [0, 1] as an 8-bit PNG."""
    pixels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return write_whole(path, lambda part: PIL.Image.fromarray(pixels).save(part, format="PNG"))
