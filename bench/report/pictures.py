"""A picture in a cell of a figure, and landmarks over it."""

from typing import Any

import numpy as np

from bench.contract import View
from bench.geometry import Matrix, transform_points
from bench.report.figures import GREY, Axes

TARGET_COLOUR, FOUND_COLOUR = "#E4572E", "#3A86FF"


def show(axes: Axes, picture: Any, *, otherwise: str = "") -> None:
    """A grey picture from 0 to 1 without ticks or frame; where there is none, a grey field with the reason."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if picture is None:
        axes.set_box_aspect(1)
        axes.set_facecolor("#EEEEEE")
        axes.text(0.5, 0.5, otherwise, ha="center", va="center", color=GREY, transform=axes.transAxes, fontsize=7)
        return
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def mark(axes: Axes, view: View, pose: Matrix, points: Matrix, *, found: bool) -> None:
    """World points (n, 3) where the view sees them at a pose: blue dots of an answer, red rings of the truth.

    Rings stay visible where an answer is right. Points beyond the detector are left out.
    """
    camera = view.camera
    pixels = camera.project(transform_points(view.camera_from_rig @ pose, points))
    inside = np.isfinite(pixels).all(axis=1) & (pixels > -0.5).all(axis=1)
    inside &= (pixels < [camera.width - 0.5, camera.height - 0.5]).all(axis=1)
    look: dict[str, Any] = {"s": 22, "facecolors": "none", "edgecolors": TARGET_COLOUR, "linewidths": 1.0}
    if found:
        look = {"s": 6, "color": FOUND_COLOUR, "linewidths": 0}
    axes.scatter(*pixels[inside].T, zorder=3, **look)
