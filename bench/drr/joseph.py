"""Joseph's method on the CPU: bilinear samples where a ray crosses the slices it meets most squarely.

P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE TMI 1 (1982) 192-196. Each ray
picks its own slicing axis in index space, so that between slices it moves at most one voxel along the others; the world
length of that step makes oblique, sheared and anisotropic grids right.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.drr.attenuation import AttenuationMap, PackedSlices, Words
from bench.drr.compiled import compiled, parallel_range
from bench.drr.rays import Rays, trace_rays
from bench.geometry import Camera, Matrix

Images = NDArray[np.float32]

_NO_WORDS = np.zeros((1, 1, 1), dtype=np.uint32)
_PROBES = 9
_WIDE_CONE = 2.0


@compiled()
def clip_ray(start: float, slope: float, size: int, low: float, high: float) -> tuple[float, float]:
    """Shrink a range of slices to where ``start + slope * slice`` is in the padded width [-1, size]."""
    if abs(slope) < 1e-12:
        if start < -1.0 or start > size:
            return 1.0, 0.0
        return low, high
    first, last = (-1.0 - start) / slope, (size - start) / slope
    return max(low, min(first, last)), min(high, max(first, last))


@compiled()
def sum_samples(words: Any, first: int, count: int, x: float, y: float, dx: float, dy: float) -> float:
    """Sum ``count`` bilinear samples, one a slice from ``first`` on; (x, y) is the padded place in the first."""
    rows, columns = words.shape[1], words.shape[2]
    flat = words.reshape(-1)
    base = np.uint64(first) * np.uint64(rows * columns)
    width = np.uint64(columns)
    x0, y0, x1, y1 = np.float32(x), np.float32(y), np.float32(dx), np.float32(dy)
    total = np.float32(0)
    for step in range(count):
        along = np.float32(step)
        column, row = x0 + along * x1, y0 + along * y1
        left, top = np.int32(column), np.int32(row)
        right_part, low_part = column - np.float32(left), row - np.float32(top)
        place = base + np.uint64(step) * np.uint64(rows * columns) + np.uint64(top) * width + np.uint64(left)
        upper, lower = flat[place], flat[place + width]
        upper_left, lower_left = np.float32(np.int32(upper & 0xFFFF)), np.float32(np.int32(lower & 0xFFFF))
        upper_right, lower_right = np.float32(np.int32(upper >> 16)), np.float32(np.int32(lower >> 16))
        above = upper_left + right_part * (upper_right - upper_left)
        below = lower_left + right_part * (lower_right - lower_left)
        total += above + low_part * (below - above)
    return float(total)


@compiled()
def trace_ray(words: Any, sa: float, sb: float, sc: float, da: float, db: float, dc: float) -> float:
    """Sum the slices (a) that a ray from s along d crosses inside rows (b) and columns (c); 0 where it misses."""
    slope_b, slope_c = db / da, dc / da
    start_b, start_c = sb - sa * slope_b, sc - sa * slope_c
    low, high = clip_ray(start_b, slope_b, words.shape[1] - 3, 0.0, words.shape[0] - 1.0)
    low, high = clip_ray(start_c, slope_c, words.shape[2] - 3, low, high)
    if low > high or (low + high - 2.0 * sa) * da <= 0.0:
        return 0.0
    first = int(np.ceil(low - 1e-9))
    count = int(np.floor(high + 1e-9)) - first + 1
    column, row = start_c + slope_c * first + 1.0, start_b + slope_b * first + 1.0
    return sum_samples(words, first, count, column, row, slope_c, slope_b)


@compiled(parallel=True)
def render(
    words: Any, axes: Any, quanta: Any, sources: Any, directions: Any, camera_from_pixel: Any, usable: Any, images: Any
) -> None:
    """Fill images (B, H, W); parallel over every row of every image.

    Args:
        words: One packed copy for each slicing axis; a token array where none is used.
        axes: (3, 3) slices, rows, columns of each copy.
        quanta: (3,) per mm.
        sources: (B, 3).
        directions: (B, 3, 3).
        camera_from_pixel: (3, 3).
        usable: (B, 3) which copies a pose may use.
        images: (B, H, W), written.
    """
    height, width = images.shape[1], images.shape[2]
    words0, words1, words2 = words
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s, D = sources[pose], directions[pose]
        for u in range(width):
            d = (
                D[0, 0] * u + D[0, 1] * v + D[0, 2],
                D[1, 0] * u + D[1, 1] * v + D[1, 2],
                D[2, 0] * u + D[2, 1] * v + D[2, 2],
            )
            axis, steepest = 0, -1.0
            for candidate in range(3):
                if usable[pose, candidate] and abs(d[candidate]) > steepest:
                    axis, steepest = candidate, abs(d[candidate])
            b, c = axes[axis, 1], axes[axis, 2]
            if axis == 0:
                total = trace_ray(words0, s[0], s[b], s[c], d[0], d[b], d[c])
            elif axis == 1:
                total = trace_ray(words1, s[1], s[b], s[c], d[1], d[b], d[c])
            else:
                total = trace_ray(words2, s[2], s[b], s[c], d[2], d[b], d[c])
            x = camera_from_pixel[0, 0] * u + camera_from_pixel[0, 2]
            y = camera_from_pixel[1, 1] * v + camera_from_pixel[1, 2]
            images[pose, v, u] = total * quanta[axis] * np.sqrt(x * x + y * y + 1.0) / steepest


def usable_axes(rays: Rays, camera: Camera) -> NDArray[np.bool_]:
    """Which slicing axes (B, 3) the rays of each pose need, from a coarse grid of probes that includes the corners.

    A ray between probes that would rather have another axis takes the best of these: right, a little coarser. A
    cone too wide for the probes may use every axis.
    """
    if max(camera.width / camera.K[0, 0], camera.height / camera.K[1, 1]) > _WIDE_CONE:
        return np.ones((len(rays.sources), 3), dtype=np.bool_)
    u, v = np.linspace(0, camera.width - 1, _PROBES), np.linspace(0, camera.height - 1, _PROBES)
    pixels = np.stack([*(grid.ravel() for grid in np.meshgrid(u, v)), np.ones(_PROBES**2)])
    steepest = np.abs(rays.directions @ pixels).argmax(axis=1)
    return np.asarray((steepest[:, :, None] == np.arange(3)).any(axis=1))


def packed_copies(attenuation: AttenuationMap, usable: NDArray[np.bool_]) -> list[PackedSlices | None]:
    """The packed copies that any pose needs."""
    return [attenuation.packed(axis) if usable[:, axis].any() else None for axis in range(3)]


def project_joseph(attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera) -> Images:
    """Line integrals (B, H, W) float32, dimensionless, by Joseph's method on all cores.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm.
        camera: Intrinsics.

    Raises:
        ProjectionError: A pose is not rigid, or the source lies inside the volume's box.
    """
    rays = trace_rays(attenuation, camera_from_world, camera)
    usable = usable_axes(rays, camera)
    copies = packed_copies(attenuation, usable)
    words: tuple[Words, ...] = tuple(_NO_WORDS if copy is None else copy.words for copy in copies)
    axes = np.array([(0, 1, 2) if copy is None else copy.axes for copy in copies], dtype=np.int64)
    quanta: Matrix = np.array([0.0 if copy is None else copy.quantum_per_mm for copy in copies])
    images = np.empty((len(rays.sources), camera.height, camera.width), dtype=np.float32)
    render(words, axes, quanta, rays.sources, rays.directions, rays.camera_from_pixel, usable, images)
    return images
