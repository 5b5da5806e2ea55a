"""Kernels of the shear-warp projector: slices summed on a plane, the plane carried to the detector.

`separable` describes the method and its source.
"""

from typing import Any

import numpy as np

from bench.drr.compiled import compiled, parallel_range
from bench.drr.ray_kernels import pixel_ray, twist_derivatives

BLOCK_ROWS = 48
"""Rows of a plane that one task fills."""


@compiled()
def resample_row(words: Any, place: np.uint64, start: float, step: float, span: Any, out: Any) -> tuple[int, int]:
    """Linear interpolation of one row of a slice at padded columns start + step * j; returns the written range of j.

    Args:
        words: Packed pairs, flat.
        place: Index of the row's first word.
        start: Padded column of j = 0.
        step: Columns from one j to the next, positive.
        span: First and one-past-last padded column that is not zero.
        out: (columns,), written where the row is not zero.
    """
    # Content that begins beyond the last column leaves an empty range there, not one outside of the arrays.
    low = min(max(0, int(np.ceil((span[0] - 1 - start) / step))), out.shape[0])
    high = max(low, min(out.shape[0], int(np.floor((span[1] - start) / step)) + 1))
    out[:low] = 0.0
    out[high:] = 0.0
    x0, x1 = np.float32(start), np.float32(step)
    for j in range(low, high):
        column = x0 + np.float32(j) * x1
        left = np.int32(column)
        word = words[place + np.uint64(left)]
        value = np.float32(np.int32(word & 0xFFFF))
        out[j] = value + (column - np.float32(left)) * (np.float32(np.int32(word >> 16)) - value)
    return low, high


@compiled()
def fetch_row(
    flat: Any, k: int, source: int, height: int, width: int, start: float, step: float, spans: Any, out: Any
) -> tuple[int, int]:
    """``resample_row`` of row ``source`` of slice k; an empty one is all zeros."""
    if spans[k, source, 0] >= spans[k, source, 1]:
        out[:] = 0.0
        return out.shape[0], 0
    place = (np.uint64(k) * np.uint64(height) + np.uint64(source)) * np.uint64(width)
    return resample_row(flat, place, start, step, spans[k, source], out)


@compiled()
def add_blend(total: Any, upper: Any, lower: Any, part: float, weight: float, low: int, high: int) -> None:
    """Add to ``total``: weight * ((1 - part) * upper + part * lower) on a range of columns."""
    first, second = np.float32(weight * (1.0 - part)), np.float32(weight * part)
    for j in range(low, high):
        total[j] += first * upper[j] + second * lower[j]


@compiled()
def add_slice(words: Any, spans: Any, k: int, geometry: Any, first: int, totals: Any, moments: Any, rows: Any) -> None:
    """Add one slice to a block of rows of I and, where ``moments`` has any rows, of M.

    Every row of the slice is resampled once; a row of the plane is a blend of the two that it falls between.

    Args:
        words: (slices, rows, columns) packed pairs.
        spans: (slices, rows, 2) of what is not zero.
        k: The slice.
        geometry: Padded row and column of the plane's first pixel in this slice, their step, and 1 / r.
        first: The block's first row in the plane.
        totals: (block, columns), added to.
        moments: (block, columns) or (0, columns), added to.
        rows: (2, columns) scratch.
    """
    flat = words.reshape(-1)
    row_start, column_start, step, inverse = geometry
    height, width = words.shape[1], words.shape[2]
    top = row_start + step * first
    i = max(0, int(np.ceil(-top / step)))
    source = int(top + step * i)
    low, high = 0, 0
    fresh = False
    while i < totals.shape[0] and source + 1 < height:
        upper_low, upper_high = low, high
        if not fresh:
            upper_low, upper_high = fetch_row(
                flat, k, source, height, width, column_start, step, spans, rows[source & 1]
            )
        low, high = fetch_row(flat, k, source + 1, height, width, column_start, step, spans, rows[(source + 1) & 1])
        begin, end = min(upper_low, low), max(upper_high, high)
        while i < totals.shape[0] and top + step * i < source + 1:
            part = top + step * i - source
            add_blend(totals[i], rows[source & 1], rows[(source + 1) & 1], part, 1.0, begin, end)
            if moments.shape[0] > 0:
                add_blend(moments[i], rows[source & 1], rows[(source + 1) & 1], part, inverse, begin, end)
            i += 1
        following = int(top + step * i)
        fresh = following == source + 1
        source = following


@compiled(parallel=True)
def accumulate(words: Any, spans: Any, sources: Any, plane: Any, pitch: float, planes: Any, weighted: Any) -> None:
    """Fill the intermediate planes; parallel over blocks of rows of every pose.

    Args:
        words: (slices, rows, columns) packed pairs.
        spans: (slices, rows, 2).
        sources: (B, 3) along (slices, rows, columns), voxels.
        plane: References (B,) and origins (B, 2).
        pitch: Voxels.
        planes: (B, H, W), zeros, written: I.
        weighted: Same, or (0, H, W): M.
    """
    references, origins = plane
    height, width = planes.shape[1], planes.shape[2]
    blocks = (height + BLOCK_ROWS - 1) // BLOCK_ROWS
    for task in parallel_range(planes.shape[0] * blocks):
        pose, first = task // blocks, (task % blocks) * BLOCK_ROWS
        last = min(height, first + BLOCK_ROWS)
        rows = np.zeros((2, width), dtype=np.float32)
        sa, sb, sc = sources[pose, 0], sources[pose, 1], sources[pose, 2]
        totals = planes[pose, first:last]
        moments = weighted[pose, first:last] if weighted.shape[0] > 0 else weighted[:0].reshape(0, width)
        for k in range(words.shape[0]):
            r = (k - sa) / (references[pose] - sa)
            row_start = sb + (origins[pose, 0] - sb) * r + 1.0
            column_start = sc + (origins[pose, 1] - sc) * r + 1.0
            add_slice(words, spans, k, (row_start, column_start, pitch * r, 1.0 / r), first, totals, moments, rows)


@compiled()
def cubic_weights(part: float) -> tuple[float, float, float, float]:
    """Catmull-Rom weights of four neighbours; ``part`` is the place between the middle two, 0 to 1."""
    p2, p3 = part * part, part * part * part
    return (
        0.5 * (2.0 * p2 - p3 - part),
        0.5 * (2.0 - 5.0 * p2 + 3.0 * p3),
        0.5 * (part + 4.0 * p2 - 3.0 * p3),
        0.5 * (p3 - p2),
    )


@compiled()
def cubic_slopes(part: float) -> tuple[float, float, float, float]:
    """Derivatives of ``cubic_weights``."""
    p2 = part * part
    return (
        0.5 * (4.0 * part - 3.0 * p2 - 1.0),
        0.5 * (9.0 * p2 - 10.0 * part),
        0.5 * (1.0 + 8.0 * part - 9.0 * p2),
        0.5 * (3.0 * p2 - 2.0 * part),
    )


@compiled()
def tap(plane: Any, top: int, left: int, rows: Any, columns: Any) -> float:
    """Weighted sum of the 4 x 4 pixels from (top, left) on."""
    total = np.float32(0)
    for i in range(4):
        line = np.float32(0)
        for j in range(4):
            line += np.float32(columns[j]) * plane[top + i, left + j]
        total += np.float32(rows[i]) * line
    return float(total)


@compiled()
def land(origin: Any, pitch: float, x: float, y: float, shape: Any) -> tuple[int, int, float, float]:
    """First of the four rows and columns about the place (x, y) of a plane and the parts between; -1 outside."""
    row, column = (x - origin[0]) / pitch, (y - origin[1]) / pitch
    top, left = int(np.floor(row)), int(np.floor(column))
    if top < 1 or left < 1 or top + 2 >= shape[0] or left + 2 >= shape[1]:
        return -1, -1, 0.0, 0.0
    return top - 1, left - 1, row - top, column - left


@compiled()
def intersect(
    s: Any, d: Any, axes: Any, reference: float, origin: Any, pitch: float, shape: Any
) -> tuple[float, tuple[int, int, float, float]]:
    """The depth at which a ray from s along d intersects a plane, and the place there; behind the source is outside."""
    a, b, c = int(axes[0]), int(axes[1]), int(axes[2])
    t = (reference - s[a]) / d[a]
    place = land(origin, pitch, s[b] + t * d[b], s[c] + t * d[c], shape)
    return (t, place) if t > 0.0 else (t, (-1, -1, 0.0, 0.0))


@compiled(parallel=True)
def warp(planes: Any, plane: Any, pitch: float, rays: Any, axes: Any, quantum: float, images: Any) -> None:
    """Carry planes (B, h, w) to images (B, H, W); rays as of Joseph's kernel, ``plane`` as of ``accumulate``."""
    sources, directions, to_camera = rays
    references, origins = plane
    a = int(axes[0])
    height, width = images.shape[1], images.shape[2]
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s = sources[pose]
        for u in range(width):
            d, _, length = pixel_ray(directions[pose], to_camera, u, v)
            _, place = intersect(s, d, axes, references[pose], origins[pose], pitch, planes.shape[1:])
            images[pose, v, u] = 0.0
            if place[0] >= 0:
                total = tap(planes[pose], place[0], place[1], cubic_weights(place[2]), cubic_weights(place[3]))
                images[pose, v, u] = total * quantum * length / abs(d[a])


@compiled()
def plane_moments(totals: Any, weighted: Any, place: Any, pitch: float, t: float) -> tuple[float, ...]:
    """Image, slopes along rows and columns, and the same two weighted by depth, from I and M about one place."""
    rows, columns = cubic_weights(place[2]), cubic_weights(place[3])
    row_slopes, column_slopes = cubic_slopes(place[2]), cubic_slopes(place[3])
    top, left = place[0], place[1]
    return (
        tap(totals, top, left, rows, columns),
        tap(weighted, top, left, row_slopes, columns) / pitch,
        tap(weighted, top, left, rows, column_slopes) / pitch,
        tap(totals, top, left, row_slopes, columns) * t / pitch,
        tap(totals, top, left, rows, column_slopes) * t / pitch,
    )


@compiled(parallel=True)
def warp_with_derivatives(
    planes: Any, plane: Any, pitch: float, rays: Any, axes: Any, quantum: float, frame: Any, images: Any, out: Any
) -> None:
    """As ``warp``, with six derivative images (B, 6, H, W).

    Args:
        planes: I and M, each (B, h, w).
        plane: As of ``accumulate``.
        pitch: Voxels.
        rays: As of ``warp``.
        axes: Slices, rows, columns.
        quantum: Per mm.
        frame: index_from_camera (B, 3, 3) and rotation centres in the camera (B, 3), mm.
        images: (B, H, W), written.
        out: (B, 6, H, W), written.
    """
    totals, weighted = planes
    sources, directions, to_camera = rays
    references, origins = plane
    index_from_camera, centres = frame
    a = int(axes[0])
    height, width = images.shape[1], images.shape[2]
    for task in parallel_range(images.shape[0] * height):
        pose, v = task // height, task % height
        s = sources[pose]
        for u in range(width):
            d, r, length = pixel_ray(directions[pose], to_camera, u, v)
            t, place = intersect(s, d, axes, references[pose], origins[pose], pitch, totals.shape[1:])
            images[pose, v, u] = 0.0
            out[pose, :, v, u] = 0.0
            if place[0] >= 0:
                scale = quantum * length / abs(d[a])
                moments = plane_moments(totals[pose], weighted[pose], place, pitch, t)
                images[pose, v, u] = moments[0] * scale
                twist_derivatives(
                    moments, axes, d, r, index_from_camera[pose], centres[pose], scale, out[pose, :, v, u]
                )
