"""Joseph's method on the CPU: bilinear samples in the slices across the ray's main axis.

P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE TMI 1 (1982) 192-196. Each ray
picks its own slicing axis in index space, so that between slices it moves at most one voxel along the others; the world
length of that step makes oblique, sheared and anisotropic grids right.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.drr.attenuation import AttenuationMap, PackedSlices, Words
from bench.drr.compiled import compiled, parallel_range
from bench.drr.ray_kernels import clip_ray, pixel_ray, steepest_axis, twist_derivatives
from bench.drr.rays import Rays, rotation_centres, trace_rays
from bench.geometry import Camera, Matrix

Images = NDArray[np.float32]

_NO_WORDS = np.zeros((1, 1, 1), dtype=np.uint32)
_PROBES = 9
_WIDE_CONE = 2.0


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
def sum_moments(
    words: Any, first: int, count: int, x: float, y: float, dx: float, dy: float
) -> tuple[float, float, float, float, float]:
    """Sum samples as ``sum_samples``, and their in-slice slopes, plain and weighted by the steps from ``first``.

    Returns:
        Samples; slopes along rows (b) and columns (c); the same two, weighted.
    """
    rows, columns = words.shape[1], words.shape[2]
    flat = words.reshape(-1)
    base = np.uint64(first) * np.uint64(rows * columns)
    width = np.uint64(columns)
    x0, y0, x1, y1 = np.float32(x), np.float32(y), np.float32(dx), np.float32(dy)
    total, plain_b, plain_c = np.float32(0), np.float32(0), np.float32(0)
    weighted_b, weighted_c = np.float32(0), np.float32(0)
    for step in range(count):
        along = np.float32(step)
        column, row = x0 + along * x1, y0 + along * y1
        left, top = np.int32(column), np.int32(row)
        right_part, low_part = column - np.float32(left), row - np.float32(top)
        place = base + np.uint64(step) * np.uint64(rows * columns) + np.uint64(top) * width + np.uint64(left)
        upper, lower = flat[place], flat[place + width]
        upper_left, lower_left = np.float32(np.int32(upper & 0xFFFF)), np.float32(np.int32(lower & 0xFFFF))
        upper_slope = np.float32(np.int32(upper >> 16)) - upper_left
        lower_slope = np.float32(np.int32(lower >> 16)) - lower_left
        above = upper_left + right_part * upper_slope
        slope_b = lower_left + right_part * lower_slope - above
        slope_c = upper_slope + low_part * (lower_slope - upper_slope)
        total += above + low_part * slope_b
        plain_b += slope_b
        plain_c += slope_c
        weighted_b += along * slope_b
        weighted_c += along * slope_c
    return float(total), float(plain_b), float(plain_c), float(weighted_b), float(weighted_c)


@compiled()
def cross_slices(
    words: Any, sa: float, sb: float, sc: float, da: float, db: float, dc: float
) -> tuple[int, int, float, float]:
    """The slices (a) that a ray from s along d crosses inside rows (b) and columns (c).

    Returns:
        First slice, count (0 where the ray misses), padded column and row in the first.
    """
    slope_b, slope_c = db / da, dc / da
    start_b, start_c = sb - sa * slope_b, sc - sa * slope_c
    low, high = clip_ray(start_b, slope_b, words.shape[1] - 3, 0.0, words.shape[0] - 1.0)
    low, high = clip_ray(start_c, slope_c, words.shape[2] - 3, low, high)
    if low > high or (low + high - 2.0 * sa) * da <= 0.0:
        return 0, 0, 0.0, 0.0
    first = int(np.ceil(low - 1e-9))
    count = int(np.floor(high + 1e-9)) - first + 1
    return first, count, start_c + slope_c * first + 1.0, start_b + slope_b * first + 1.0


@compiled()
def trace_ray(words: Any, sa: float, sb: float, sc: float, da: float, db: float, dc: float) -> float:
    """Sum a ray's samples; 0 where it misses."""
    first, count, column, row = cross_slices(words, sa, sb, sc, da, db, dc)
    return sum_samples(words, first, count, column, row, dc / da, db / da) if count > 0 else 0.0


@compiled()
def trace_moments(
    words: Any, sa: float, sb: float, sc: float, da: float, db: float, dc: float
) -> tuple[float, float, float, float, float]:
    """Sum a ray's samples and their slopes along (b, c), plain and weighted by the depth t; zeros where it misses."""
    first, count, column, row = cross_slices(words, sa, sb, sc, da, db, dc)
    if count <= 0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    total, plain_b, plain_c, step_b, step_c = sum_moments(words, first, count, column, row, dc / da, db / da)
    depth = (first - sa) / da
    return total, plain_b, plain_c, depth * plain_b + step_b / da, depth * plain_c + step_c / da


@compiled(parallel=True)
def render(words: Any, axes: Any, quanta: Any, rays: Any, usable: Any, images: Any) -> None:
    """Fill images (B, H, W); parallel over every row of every image.

    Args:
        words: One packed copy for each slicing axis; a token array where none is used.
        axes: (3, 3) slices, rows, columns of each copy.
        quanta: (3,) per mm.
        rays: Sources (B, 3), directions (B, 3, 3), camera_from_pixel (3, 3).
        usable: (B, 3) which copies a pose may use.
        images: (B, H, W), written.
    """
    height, width = images.shape[1], images.shape[2]
    words0, words1, words2 = words
    sources, directions, to_camera = rays
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s = sources[pose]
        for u in range(width):
            d, _, length = pixel_ray(directions[pose], to_camera, u, v)
            a = steepest_axis(d, usable[pose])
            b, c = int(axes[a, 1]), int(axes[a, 2])
            if a == 0:
                total = trace_ray(words0, s[0], s[b], s[c], d[0], d[b], d[c])
            elif a == 1:
                total = trace_ray(words1, s[1], s[b], s[c], d[1], d[b], d[c])
            else:
                total = trace_ray(words2, s[2], s[b], s[c], d[2], d[b], d[c])
            images[pose, v, u] = total * quanta[a] * length / abs(d[a])


@compiled(parallel=True)
def render_with_derivatives(
    words: Any,
    axes: Any,
    quanta: Any,
    rays: Any,
    usable: Any,
    index_from_camera: Any,
    centres: Any,
    images: Any,
    derivatives: Any,
) -> None:
    """Fill images (B, H, W) and derivatives (B, 6, H, W); arguments as of ``render``.

    Args:
        words: As of ``render``.
        axes: As of ``render``.
        quanta: As of ``render``.
        rays: As of ``render``.
        usable: As of ``render``.
        index_from_camera: (B, 3, 3).
        centres: (B, 3) rotation centre in the camera, mm.
        images: Written.
        derivatives: Written; rotations per radian, then translations per mm.
    """
    height, width = images.shape[1], images.shape[2]
    words0, words1, words2 = words
    sources, directions, to_camera = rays
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s = sources[pose]
        for u in range(width):
            d, r, length = pixel_ray(directions[pose], to_camera, u, v)
            a = steepest_axis(d, usable[pose])
            b, c = int(axes[a, 1]), int(axes[a, 2])
            if a == 0:
                moments = trace_moments(words0, s[0], s[b], s[c], d[0], d[b], d[c])
            elif a == 1:
                moments = trace_moments(words1, s[1], s[b], s[c], d[1], d[b], d[c])
            else:
                moments = trace_moments(words2, s[2], s[b], s[c], d[2], d[b], d[c])
            scale = quanta[a] * length / abs(d[a])
            images[pose, v, u] = moments[0] * scale
            out = derivatives[pose, :, v, u]
            twist_derivatives(moments, axes[a], d, r, index_from_camera[pose], centres[pose], scale, out)


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
    images = np.empty((len(rays.sources), camera.height, camera.width), dtype=np.float32)
    render(*_kernel_arguments(attenuation, rays, camera), images)
    return images


def project_joseph_with_derivatives(
    attenuation: AttenuationMap, camera_from_world: ArrayLike, camera: Camera, *, centre: ArrayLike
) -> tuple[Images, Images]:
    """As ``project_joseph``, with the six derivative images (B, 6, H, W) of the twist about ``centre`` (world mm)."""
    rays = trace_rays(attenuation, camera_from_world, camera)
    centres = rotation_centres(camera_from_world, centre)
    images = np.empty((len(centres), camera.height, camera.width), dtype=np.float32)
    derivatives = np.empty((len(centres), 6, camera.height, camera.width), dtype=np.float32)
    arguments = _kernel_arguments(attenuation, rays, camera)
    render_with_derivatives(*arguments, rays.index_from_camera, centres, images, derivatives)
    return images, derivatives


def _kernel_arguments(attenuation: AttenuationMap, rays: Rays, camera: Camera) -> tuple[Any, Any, Any, Any, Any]:
    """The first arguments of both kernels."""
    usable = usable_axes(rays, camera)
    copies = packed_copies(attenuation, usable)
    words: tuple[Words, ...] = tuple(_NO_WORDS if copy is None else copy.words for copy in copies)
    axes = np.array([(0, 1, 2) if copy is None else copy.axes for copy in copies], dtype=np.int64)
    quanta: Matrix = np.array([0.0 if copy is None else copy.quantum_per_mm for copy in copies])
    return words, axes, quanta, (rays.sources, rays.directions, rays.camera_from_pixel), usable
