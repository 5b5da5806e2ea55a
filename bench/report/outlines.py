"""Where the outline of the rendered content and the edges inside it lie on the X-ray, in two colours.

A spin about the long axis of a bone moves the edges inside and leaves the silhouette where it was: drawn apart, it is
seen.
"""

import numpy as np
from scipy import ndimage

from bench.contract import Image
from bench.report.overlay import Colours, Edges, backdrop, edges, enlarge, line_width, thick

SILHOUETTE_COLOUR = (1.0, 0.62, 0.1)
INNER_COLOUR = (0.2, 1.0, 0.4)

# Of the greatest line integral: what counts as content.
_CONTENT = 0.02
# Pixels of the enlarged picture: edges nearer to the silhouette are its own.
_OWN = 3
_SIGMA = 1.5


def silhouette(image: Image) -> Edges:
    """The outermost pixels of the rendered content, bool (H, W); none where the rendering is empty."""
    content = np.asarray(image > _CONTENT * max(float(image.max()), 1e-6), dtype=np.bool_)
    # The image's own border is no outline.
    return np.asarray(content & ~ndimage.binary_erosion(content, border_value=1), dtype=np.bool_)


def inner_edges(image: Image) -> Edges:
    """Edges of the rendering that are not its silhouette, bool (H, W)."""
    width = line_width(image)
    far = ndimage.distance_transform_edt(~silhouette(image)) > _OWN * width
    return np.asarray(edges(image, sigma=_SIGMA * width) & far, dtype=np.bool_)


def outlined(target: Image, moving: Image, *, scale: int = 1) -> Colours:
    """Silhouette (orange) and inner edges (green) of ``moving`` over ``target`` in grey.

    Args:
        target: (H, W).
        moving: Same shape.
        scale: Enlargement, so that lines are thin beside the target's pixels.

    Returns:
        RGB in [0, 1], (scale * H, scale * W, 3).
    """
    enlarged, picture = enlarge(moving, scale), backdrop(target, scale)
    width = line_width(enlarged)
    picture[thick(inner_edges(enlarged), width)] = INNER_COLOUR
    picture[thick(silhouette(enlarged), width)] = SILHOUETTE_COLOUR
    return picture
