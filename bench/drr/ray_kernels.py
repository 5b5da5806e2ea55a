"""Ray set-up and derivative kernels of the compiled projectors: Joseph, shear-warp, features.

Siddon sets up its own rays: it is compiled without fast-math, for exact float64 arithmetic.
"""

from typing import Any

import numpy as np

from bench.drr.compiled import compiled


@compiled()
def pixel_ray(
    directions: Any, to_camera: Any, u: int, v: int
) -> tuple[tuple[float, float, float], tuple[float, float, float], float]:
    """Set up the ray of pixel (u, v).

    Args:
        directions: (3, 3), of ``Rays.directions`` for one pose.
        to_camera: (3, 3), ``Rays.camera_from_pixel``.
        u: Column.
        v: Row.

    Returns:
        The direction in voxel indices per mm of depth; the ray's point at a depth of 1 mm in the camera, mm; the
        distance of that point from the source, mm.
    """
    d = (
        directions[0, 0] * u + directions[0, 1] * v + directions[0, 2],
        directions[1, 0] * u + directions[1, 1] * v + directions[1, 2],
        directions[2, 0] * u + directions[2, 1] * v + directions[2, 2],
    )
    x = to_camera[0, 0] * u + to_camera[0, 2]
    y = to_camera[1, 1] * v + to_camera[1, 2]
    return d, (x, y, 1.0), np.sqrt(x * x + y * y + 1.0)


@compiled()
def steepest_axis(d: Any, usable: Any) -> int:
    """The usable axis along which a direction runs fastest."""
    axis, steepest = 0, -1.0
    for candidate in range(3):
        if usable[candidate] and abs(d[candidate]) > steepest:
            axis, steepest = candidate, abs(d[candidate])
    return axis


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
def twist_derivatives(
    moments: Any, abc: Any, d: Any, r: Any, index_from_camera: Any, centre: Any, scale: float, out: Any
) -> None:
    """Six derivatives of a ray's integral with respect to the twist of the volume about ``centre``, camera axes.

    Moving the volume by a small twist is moving the ray by its opposite, so with the volume's gradient g along the ray
    and p = t r: dI = -integral of g . (omega x (p - c) + v). Only slopes across the ray are summed; along it,
    integral of g . d is 0 and integral of t g . d is minus the image, by parts.
    """
    total, plain_b, plain_c, weighted_b, weighted_c = moments
    a, b, c = abc[0], abc[1], abc[2]
    plain_a = -(plain_b * d[b] + plain_c * d[c]) / d[a]
    weighted_a = -(total + weighted_b * d[b] + weighted_c * d[c]) / d[a]
    M = index_from_camera
    gx = scale * (M[a, 0] * plain_a + M[b, 0] * plain_b + M[c, 0] * plain_c)
    gy = scale * (M[a, 1] * plain_a + M[b, 1] * plain_b + M[c, 1] * plain_c)
    gz = scale * (M[a, 2] * plain_a + M[b, 2] * plain_b + M[c, 2] * plain_c)
    hx = scale * (M[a, 0] * weighted_a + M[b, 0] * weighted_b + M[c, 0] * weighted_c)
    hy = scale * (M[a, 1] * weighted_a + M[b, 1] * weighted_b + M[c, 1] * weighted_c)
    hz = scale * (M[a, 2] * weighted_a + M[b, 2] * weighted_b + M[c, 2] * weighted_c)
    out[0] = centre[1] * gz - centre[2] * gy - (r[1] * hz - r[2] * hy)
    out[1] = centre[2] * gx - centre[0] * gz - (r[2] * hx - r[0] * hz)
    out[2] = centre[0] * gy - centre[1] * gx - (r[0] * hy - r[1] * hx)
    out[3], out[4], out[5] = -gx, -gy, -gz
