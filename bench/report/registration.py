"""Pictures of one registration: edges before, edges after, and a checkerboard of X-ray and rendering, view by view."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
import PIL.Image

from bench.contract import Image, Problem
from bench.files import write_whole
from bench.geometry import Matrix
from bench.register.focus import focused
from bench.report.overlay import Colours, grey, overlay, render
from bench.single.moving import prepared_once

_SIDE = 480
# Of an image's longer side: what is shown about the content.
_MARGIN = 0.1
_TILES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One view cut to the content, with the content rendered at the start and at the answer.

    Attributes:
        number: Of the view, from 1.
        image: The X-ray, (H, W), as the others.
        before: The rendering at the start.
        after: The rendering at the answer.
    """

    number: int
    image: Image
    before: Image
    after: Image


def shown(problem: Problem, pose: Matrix) -> tuple[Shown, ...]:
    """The views of a problem that have images, for pictures of an answer; rendered once for all of them.

    Args:
        problem: With images.
        pose: rig_from_world, 4x4, mm.
    """
    return _shown(problem, pose.tobytes())


@lru_cache(maxsize=1)
def _shown(problem: Problem, pose_bytes: bytes) -> tuple[Shown, ...]:
    pose: Matrix = np.frombuffer(pose_bytes).reshape(4, 4)
    attenuation = prepared_once(problem.volume).attenuation[1]
    cut = cut_to_content(problem, pose)

    def rendered(view: int, each: Matrix) -> Image:
        return render(cut, each, view=view, attenuation=attenuation, kernel="separable")

    return tuple(
        Shown(index + 1, view.image, rendered(index, cut.start), rendered(index, pose))
        for index, view in enumerate(cut.views)
        if view.image is not None
    )


def registration_picture(problem: Problem, pose: Matrix) -> Colours:
    """One row a view: the start's edges, the answer's edges, a checkerboard of X-ray and rendered answer.

    Views are cut to the content at the start and at the answer, with a margin.

    Args:
        problem: With images.
        pose: rig_from_world, 4x4, mm.

    Returns:
        RGB in [0, 1]; rows are filled up with black on the right.
    """
    rows = list[Colours]()
    for view in shown(problem, pose):
        scale = max(1, _SIDE // max(view.image.shape))
        panels = [overlay(view.image, each, scale=scale) for each in (view.before, view.after)]
        rows.append(np.concatenate([*panels, checkerboard(view.image, view.after, scale=scale)], axis=1))
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
    return write_whole(path, lambda part: save_png(picture, part))


def save_png(picture: Colours, target: Path | IO[bytes]) -> None:
    """Save RGB in [0, 1] with 8 bits, little compressed: PNG's best compression of an X-ray takes a second."""
    pixels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(target, format="PNG", compress_level=1)
