"""Distribution of the masks that outlines drawn by hand round a bone could make.

LGFF-Reg (Yang et al., Journal of Image and Graphics 30(8), 2025, section 3.6) masks one vertebra of a real X-ray by
hand. A network for such images is trained on similar masks of its renderings: near the bone's silhouette, not exactly
on it, and cut off at the row where the hand-drawn outlines end.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix
from bench.xray.outline import Mask, OutlineError

_KNOTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineDistribution:
    """Masks that hold every pixel nearer to the bone's silhouette than a margin, which varies along the outline.

    Attributes:
        margin_mm: Range of the mean margin, at the bone; drawn uniformly.
        wander_mm: Standard deviation of the margin along the outline.
        shift_mm: Largest shift of the whole outline along columns and along rows.
    """

    margin_mm: tuple[float, float] = (1.0, 4.0)
    wander_mm: float = 0.8
    shift_mm: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.margin_mm
        if not (0 <= low <= high < np.inf and self.wander_mm >= 0 and self.shift_mm >= 0):
            raise OutlineError(
                "an outline's distribution needs 0 <= margin_mm (low, high), wander_mm and shift_mm of at least 0; got "
                f"{self.margin_mm}, {self.wander_mm:g}, {self.shift_mm:g}"
            )

    def draw(self, silhouette: Mask, random: np.random.Generator, *, pixel_mm: float) -> Mask:
        """Draw an outline round a silhouette (H, W).

        Args:
            silhouette: Pixels that the bone covers.
            random: Random generator.
            pixel_mm: Millimetres at the bone that one pixel shows.
        """
        margin = random.uniform(*self.margin_mm) + self.wander_mm * _wandering(silhouette.shape, random)
        shift = random.uniform(-self.shift_mm, self.shift_mm, size=2) / pixel_mm
        moved = ndimage.shift(silhouette.astype(np.float32), shift, order=1) > 0.5
        if not moved.any():
            return moved
        away = np.asarray(ndimage.distance_transform_edt(~moved), dtype=np.float64)
        return np.asarray(away * pixel_mm <= np.maximum(margin, 0), dtype=np.bool_)


def _wandering(shape: tuple[int, ...], random: np.random.Generator) -> Matrix:
    """A smooth field of mean 0 and deviation about 1, (H, W)."""
    knots = random.normal(size=(_KNOTS, _KNOTS))
    rows, columns = (np.linspace(0, _KNOTS - 1, size) for size in shape)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"))
    field: Matrix = ndimage.map_coordinates(knots, places, order=3, mode="nearest")
    return field
