"""Joseph's method for feature volumes, and its transpose: float values of any sign, many channels, one geometry.

Images and derivative images are linear in the volume. Both kernels share a ray's few numbers (a sample's sum and the
slopes along two axes, plain and weighted by depth), so the transpose spreads five coefficients along each ray.
"""

from typing import Any

import numpy as np

from bench.drr.compiled import compiled, parallel_range
from bench.drr.ray_kernels import clip_ray, pixel_ray, steepest_axis, twist_derivatives

PAD_LOW, PAD_HIGH = 1, 2
SLICES_AT_ONCE = 16


@compiled()
def other_axes(a: int) -> tuple[int, int]:
    """The two axes across ``a``, rising."""
    return 0 if a > 0 else 1, 1 if a == 2 else 2


@compiled()
def slice_range(shape: Any, s: Any, d: Any, a: int, b: int, c: int) -> tuple[int, int]:
    """First slice that a ray from s along d crosses inside rows and columns, and how many (0 where it misses)."""
    slope_b, slope_c = d[b] / d[a], d[c] / d[a]
    low, high = clip_ray(s[b] - s[a] * slope_b, slope_b, shape[b], 0.0, shape[a] - 1.0)
    low, high = clip_ray(s[c] - s[a] * slope_c, slope_c, shape[c], low, high)
    if low > high or (low + high - 2.0 * s[a]) * d[a] <= 0.0:
        return 0, 0
    first = int(np.ceil(low - 1e-9))
    return first, int(np.floor(high + 1e-9)) - first + 1


@compiled()
def sum_float_moments(
    flat: Any, base: int, strides: Any, count: int, start: Any, slope: Any
) -> tuple[float, float, float, float, float]:
    """Sums of samples and of their slopes, plain and weighted by the steps; as ``joseph.sum_moments``, of floats.

    Args:
        flat: One padded channel.
        base: Place of the first slice's padded corner in it.
        strides: Distance of neighbours along slices, rows, columns.
        count: Slices.
        start: Padded row and column in the first slice.
        slope: Their change from slice to slice.
    """
    kind = flat.dtype.type
    along, down, across = np.uint64(strides[0]), np.uint64(strides[1]), np.uint64(strides[2])
    y0, x0, dy, dx = kind(start[0]), kind(start[1]), kind(slope[0]), kind(slope[1])
    total, plain_b, plain_c, weighted_b, weighted_c = kind(0), kind(0), kind(0), kind(0), kind(0)
    corner = np.uint64(base)
    for index in range(count):
        step = kind(index)
        row, column = y0 + step * dy, x0 + step * dx
        top, left = np.int32(row), np.int32(column)
        low_part, right_part = row - kind(top), column - kind(left)
        place = corner + np.uint64(index) * along + np.uint64(top) * down + np.uint64(left) * across
        upper_left, upper_right = flat[place], flat[place + across]
        lower_left, lower_right = flat[place + down], flat[place + down + across]
        above = upper_left + right_part * (upper_right - upper_left)
        slope_b = lower_left + right_part * (lower_right - lower_left) - above
        slope_c = (upper_right - upper_left) + low_part * ((lower_right - lower_left) - (upper_right - upper_left))
        total += above + low_part * slope_b
        plain_b += slope_b
        plain_c += slope_c
        weighted_b += step * slope_b
        weighted_c += step * slope_c
    return float(total), float(plain_b), float(plain_c), float(weighted_b), float(weighted_c)


@compiled()
def spread_moments(flat: Any, base: int, strides: Any, count: int, start: Any, slope: Any, coefficients: Any) -> None:
    """The transpose of ``sum_float_moments``: add the five sums' coefficients into the voxels."""
    kind = flat.dtype.type
    along, down, across = np.uint64(strides[0]), np.uint64(strides[1]), np.uint64(strides[2])
    y0, x0, dy, dx = kind(start[0]), kind(start[1]), kind(slope[0]), kind(slope[1])
    value, plain_b, plain_c = kind(coefficients[0]), kind(coefficients[1]), kind(coefficients[2])
    weighted_b, weighted_c = kind(coefficients[3]), kind(coefficients[4])
    corner, one = np.uint64(base), kind(1)
    for index in range(count):
        step = kind(index)
        row, column = y0 + step * dy, x0 + step * dx
        top, left = np.int32(row), np.int32(column)
        low_part, right_part = row - kind(top), column - kind(left)
        place = corner + np.uint64(index) * along + np.uint64(top) * down + np.uint64(left) * across
        by_b, by_c = plain_b + step * weighted_b, plain_c + step * weighted_c
        upper, lower = value * (one - low_part) - by_b, value * low_part + by_b
        flat[place] += upper * (one - right_part) - by_c * (one - low_part)
        flat[place + across] += upper * right_part + by_c * (one - low_part)
        flat[place + down] += lower * (one - right_part) - by_c * low_part
        flat[place + down + across] += lower * right_part + by_c * low_part


@compiled()
def moment_coefficients(
    by_image: float, by_twist: Any, abc: Any, d: Any, r: Any, index_from_camera: Any, centre: Any, scale: float
) -> tuple[float, float, float, float, float]:
    """The transpose of ``twist_derivatives`` with the image: coefficients of a ray's five sums, weighted by depth t."""
    a, b, c = abc
    q0, q1, q2 = by_twist[0], by_twist[1], by_twist[2]
    p0 = scale * (q1 * centre[2] - q2 * centre[1] - by_twist[3])
    p1 = scale * (q2 * centre[0] - q0 * centre[2] - by_twist[4])
    p2 = scale * (q0 * centre[1] - q1 * centre[0] - by_twist[5])
    w0 = scale * (q2 * r[1] - q1 * r[2])
    w1 = scale * (q0 * r[2] - q2 * r[0])
    w2 = scale * (q1 * r[0] - q0 * r[1])
    M = index_from_camera
    plain_a = (M[a, 0] * p0 + M[a, 1] * p1 + M[a, 2] * p2) / d[a]
    weighted_a = (M[a, 0] * w0 + M[a, 1] * w1 + M[a, 2] * w2) / d[a]
    plain_b = M[b, 0] * p0 + M[b, 1] * p1 + M[b, 2] * p2 - plain_a * d[b]
    plain_c = M[c, 0] * p0 + M[c, 1] * p1 + M[c, 2] * p2 - plain_a * d[c]
    weighted_b = M[b, 0] * w0 + M[b, 1] * w1 + M[b, 2] * w2 - weighted_a * d[b]
    weighted_c = M[c, 0] * w0 + M[c, 1] * w1 + M[c, 2] * w2 - weighted_a * d[c]
    return scale * by_image - weighted_a, plain_b, plain_c, weighted_b, weighted_c


@compiled(parallel=True)
def render_features(volumes: Any, owners: Any, rays: Any, usable: Any, places: Any, images: Any, slopes: Any) -> None:
    """Fill images (B, C, H, W) and slopes (B, C, 6, H, W); parallel over every row of every image.

    Args:
        volumes: (N, C, i + 3, j + 3, k + 3), padded by ``PAD_LOW`` and ``PAD_HIGH`` zeros.
        owners: (B), which of the N volumes a pose sees.
        rays: sources (B, 3), directions (B, 3, 3), camera_from_pixel (3, 3), as of ``Rays``.
        usable: (B, 3), which slicing axes a pose may use.
        places: index_from_camera (B, 3, 3) and the rotation centre in the camera (B, 3), mm.
        images: Written.
        slopes: Written; rotations per radian, then translations per mm.
    """
    channels, height, width = images.shape[1], images.shape[2], images.shape[3]
    sources, directions, to_camera = rays
    shape = (volumes.shape[2] - 3, volumes.shape[3] - 3, volumes.shape[4] - 3)
    strides = (volumes.shape[3] * volumes.shape[4], volumes.shape[4], 1)
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s = sources[pose]
        for u in range(width):
            d, r, length = pixel_ray(directions[pose], to_camera, u, v)
            a = steepest_axis(d, usable[pose])
            b, c = other_axes(a)
            first, count = slice_range(shape, s, d, a, b, c)
            scale = length / abs(d[a])
            slope = (d[b] / d[a], d[c] / d[a])
            start = (s[b] + (first - s[a]) * slope[0] + 1.0, s[c] + (first - s[a]) * slope[1] + 1.0)
            around, depth = (strides[a], strides[b], strides[c]), (first - s[a]) / d[a]
            base = (first + PAD_LOW) * strides[a]
            for channel in range(channels):
                flat = volumes[owners[pose], channel].reshape(-1)
                total, pb, pc, wb, wc = sum_float_moments(flat, base, around, max(count, 0), start, slope)
                moments = (total, pb, pc, depth * pb + wb / d[a], depth * pc + wc / d[a])
                images[pose, channel, v, u] = total * scale
                out = slopes[pose, channel, :, v, u]
                twist_derivatives(moments, (a, b, c), d, r, places[0][pose], places[1][pose], scale, out)


@compiled(parallel=True)
def backproject(
    volumes: Any, owners: Any, rays: Any, usable: Any, places: Any, by_images: Any, by_slopes: Any, a: int
) -> None:
    """Add into volumes the transpose of ``render_features`` over the rays whose slices lie across ``a``.

    A sample touches one slice alone, so tasks with disjoint slices never write to the same voxel: no locks, and the
    same sum for any number of threads. Arguments as of ``render_features``, which this mirrors.
    """
    channels, height, width = by_images.shape[1], by_images.shape[2], by_images.shape[3]
    sources, directions, to_camera = rays
    shape = (volumes.shape[2] - 3, volumes.shape[3] - 3, volumes.shape[4] - 3)
    strides = (volumes.shape[3] * volumes.shape[4], volumes.shape[4], 1)
    b, c = other_axes(a)
    around = (strides[a], strides[b], strides[c])
    slabs = (shape[a] + SLICES_AT_ONCE - 1) // SLICES_AT_ONCE
    for task in parallel_range(volumes.shape[0] * slabs):
        owner, slab = task // slabs, (task % slabs) * SLICES_AT_ONCE
        for ray in range(len(sources) * height * width):
            pose, v, u = ray // (height * width), ray // width % height, ray % width
            if owners[pose] != owner or not usable[pose, a]:
                continue
            s = sources[pose]
            d, r, length = pixel_ray(directions[pose], to_camera, u, v)
            if steepest_axis(d, usable[pose]) != a:
                continue
            crossed, count = slice_range(shape, s, d, a, b, c)
            first, end = max(crossed, slab), min(crossed + count, slab + SLICES_AT_ONCE)
            if first >= end:
                continue
            scale, depth = length / abs(d[a]), (first - s[a]) / d[a]
            slope = (d[b] / d[a], d[c] / d[a])
            start = (s[b] + (first - s[a]) * slope[0] + 1.0, s[c] + (first - s[a]) * slope[1] + 1.0)
            for channel in range(channels):
                by_image, by_twist = by_images[pose, channel, v, u], by_slopes[pose, channel, :, v, u]
                value, pb, pc, wb, wc = moment_coefficients(
                    by_image, by_twist, (a, b, c), d, r, places[0][pose], places[1][pose], scale
                )
                coefficients = (value, pb + depth * wb, pc + depth * wc, wb / d[a], wc / d[a])
                flat = volumes[owner, channel].reshape(-1)
                base = (first + PAD_LOW) * strides[a]
                spread_moments(flat, base, around, end - first, start, slope, coefficients)
