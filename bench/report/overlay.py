"""Pictures of a registration: DRRs at any pose, and the edges of one image over another."""

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.contract import Image, Problem
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix

Edges: TypeAlias = NDArray[np.bool_]
Colours: TypeAlias = NDArray[np.float32]

_cv2: Any = cv2  # it has no types for numpy's arrays

# Of whole gradients, which OpenCV's detector takes: fine steps, and their sums fit.
_STEEPEST = 16000
# Pixels that a page or a viewer gives to one panel.
_SHOWN = 600

EDGE_COLOUR = (0.16, 1.0, 0.35)


def render(
    problem: Problem,
    pose: Matrix,
    *,
    view: int = 0,
    attenuation: AttenuationMap | None = None,
    kernel: str = "auto",
) -> Image:
    """The moving volume as one view sees it.

    Args:
        problem: Volume and views.
        pose: rig_from_world, 4x4, mm.
        view: Which view.
        attenuation: Of ``problem.volume``, where it has been computed already; None = compute it.
        kernel: Of ``bench.drr.project``.

    Returns:
        Line integrals, float32, (height, width).

    Raises:
        ProjectionError: A pose that cannot be rendered, such as the source inside the volume.
    """
    seen = problem.views[view]
    volume = attenuation or AttenuationMap.from_volume(problem.volume)
    found: Image = project(volume, (seen.camera_from_rig @ pose)[None], seen.camera, kernel=kernel)[0, 0].numpy()
    return found


def grey(image: Image) -> Colours:
    """Line integrals as brightness in [0, 1], bone bright; the outermost half percent of the pixels is clipped."""
    low, high = np.percentile(image, [0.5, 99.5])
    scaled = (image - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def edges(image: Image, *, sigma: float = 1.5, strongest: float = 0.12) -> Edges:
    """Canny's edges of an image.

    Args:
        image: (height, width).
        sigma: Smoothing in pixels.
        strongest: Share of the pixels whose gradient may start an edge; twice as many may continue one.

    Returns:
        True on edges; an image without contrast has none.
    """
    if not np.ptp(image) > 0:
        return np.zeros(image.shape, dtype=bool)
    smooth = _cv2.GaussianBlur(grey(image), (0, 0), sigma)
    right, down = _cv2.Sobel(smooth, _cv2.CV_32F, 1, 0), _cv2.Sobel(smooth, _cv2.CV_32F, 0, 1)
    steepness: Any = np.hypot(right, down)
    high, low = np.quantile(steepness, [1 - strongest, 1 - 2 * strongest])
    scale = _STEEPEST / max(float(steepness.max()), 1e-9)
    whole = [np.rint(scale * each).astype(np.int16) for each in (right, down)]
    found = _cv2.Canny(*whole, float(scale * low), float(scale * high), L2gradient=True)
    return np.asarray(found > 0, dtype=np.bool_)


def line_width(picture: Edges | Image) -> int:
    """Pixels of a line that is seen when the picture is shown ``_SHOWN`` pixels wide."""
    return max(1, int(np.rint(max(picture.shape) / _SHOWN)))


def thick(lines: Edges, width: int) -> Edges:
    """Lines of one pixel drawn ``width`` pixels wide."""
    if width < 2:
        return lines
    return np.asarray(ndimage.maximum_filter(lines.astype(np.uint8), size=width) > 0, dtype=np.bool_)


def overlay(target: Image, moving: Image, *, scale: int = 3) -> Colours:
    """The edges of ``moving`` in green over ``target`` in grey.

    Args:
        target: (height, width).
        moving: Same shape.
        scale: Enlargement, so that edges are thin beside the target's pixels.

    Returns:
        RGB in [0, 1], (scale * height, scale * width, 3).
    """
    enlarged, picture = enlarge(moving, scale), backdrop(target, scale)
    width = line_width(enlarged)
    lines = thick(np.asarray(ndimage.binary_dilation(edges(enlarged, sigma=1.5 * max(scale, width)))), width)
    picture[lines] = EDGE_COLOUR
    return picture


def backdrop(target: Image, scale: int) -> Colours:
    """An image in dimmed grey to draw on, each pixel ``scale`` x ``scale``: RGB, (scale * height, scale * width, 3)."""
    large = np.repeat(np.repeat(grey(target), scale, axis=0), scale, axis=1)
    return np.asarray(np.repeat(0.85 * large[..., None], 3, axis=2), dtype=np.float32)


def enlarge(image: Image, scale: int) -> Image:
    """Linear interpolation between pixel centres, the border repeated."""
    found: Any = _cv2.resize(image, None, fx=scale, fy=scale, interpolation=_cv2.INTER_LINEAR)
    return np.asarray(found, dtype=np.float32)
