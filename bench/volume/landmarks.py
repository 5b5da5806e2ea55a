"""Points spread over the surface of a volume's content, to measure target registration errors at."""

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix, transform_points
from bench.volume.content import BODY_HU, bone_mask
from bench.volume.volume import MaskGrid, Volume, VolumeError

# Farthest-point sampling looks at every candidate for every point; a random draw this large spreads as evenly.
_CANDIDATES = 20_000


def surface_landmarks(volume: Volume, count: int = 200, seed: int = 0, *, fewer: bool = False) -> Matrix:
    """Spread points over the surface of the content: of the mask, else of the bone, else of all that is no air.

    Farthest-point sampling of the surface's voxel centres: each point is the one farthest from those before it, so any
    first part of the list is spread out too. Faces where the grid cuts the content are no surface.

    Args:
        volume: The CT.
        count: How many points.
        seed: Of the first point and of the candidates drawn; the same seed gives the same points.
        fewer: Take all of a surface that has fewer voxels, instead of refusing it; of a content that fills the grid,
            which has no surface, take points throughout.

    Returns:
        (count, 3), LPS mm.

    Raises:
        VolumeError: Fewer surface voxels than points asked for.
    """
    if count < 1:
        raise VolumeError(f"count must be at least 1; got {count}")
    content = _content(volume)
    surface = np.argwhere(_surface(content))
    if fewer:
        surface = surface if len(surface) else np.argwhere(content)
        count = min(count, max(1, len(surface)))
    if len(surface) < count:
        raise VolumeError(f"{count} landmarks asked, but the content's surface has {len(surface)} voxels; ask fewer")
    rng = np.random.default_rng(seed)
    if len(surface) > _CANDIDATES:
        surface = surface[np.sort(rng.choice(len(surface), max(_CANDIDATES, count), replace=False))]
    candidates = transform_points(volume.affine, surface)
    return candidates[_farthest(candidates, count, int(rng.integers(len(candidates))))]


def _content(volume: Volume) -> MaskGrid:
    if volume.mask is not None:
        return volume.mask
    try:
        return bone_mask(volume)
    except VolumeError:
        return np.asarray(volume.hu > BODY_HU)


def _surface(mask: MaskGrid) -> MaskGrid:
    """Content voxels with a face neighbour outside the content but inside the grid."""
    return np.asarray(mask & ~ndimage.binary_erosion(mask, border_value=1))


def _farthest(points: Matrix, count: int, first: int) -> list[int]:
    chosen = [first]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1), out=distance)
        chosen.append(int(distance.argmax()))
    return chosen
