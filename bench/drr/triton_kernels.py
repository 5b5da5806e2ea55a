"""Joseph's method on a GPU, image and six derivative images in one pass; the model of ``bench.drr.joseph``.

The only file of the projector that imports Triton. Its interpreter runs the same code on a CPU where TRITON_INTERPRET=1
stood in the environment before this file was imported.
"""

# Triton's language is no Python that a type checker knows.
# pyright: basic
# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"

import triton
import triton.language as tl

# Numbers of one pose in the float table: source 3, directions 9, index_from_camera 9, centre 3, camera_from_pixel 4.
FLOATS_A_POSE = 28
# And in the integer table: where its copy begins, and the strides of the three axes in it.
INTEGERS_A_POSE = 4
WARP_WIDTH, WARP_HEIGHT = 8, 4


@triton.jit
def clip_to(start, slope, size, low, high):
    """Shrink a range of slices to where ``start + slope * slice`` is in the padded width [-1, size]."""
    safe = tl.where(tl.abs(slope) < 1e-12, 1e-12, slope)
    first, last = (-1.0 - start) / safe, (size - start) / safe
    return tl.maximum(low, tl.minimum(first, last)), tl.minimum(high, tl.maximum(first, last))


@triton.jit
def pick(axis, each):
    """The component along an axis that differs from ray to ray."""
    return tl.where(axis == 0, each[0], tl.where(axis == 1, each[1], each[2]))


@triton.jit
def load_three(table, place):
    """Three consecutive numbers."""
    return tl.load(table + place), tl.load(table + place + 1), tl.load(table + place + 2)


@triton.jit
def load_ray(table, u, v):
    """Source, direction in voxels and direction in the camera (its third component is 1) of the rays of pixels."""
    m, n, p = load_three(table, 3), load_three(table, 6), load_three(table, 9)
    direction = (m[0] * u + m[1] * v + m[2], n[0] * u + n[1] * v + n[2], p[0] * u + p[1] * v + p[2])
    rx = tl.load(table + 24) * u + tl.load(table + 25)
    ry = tl.load(table + 26) * v + tl.load(table + 27)
    return load_three(table, 0), direction, rx, ry


@triton.jit
def slicing_axes(d):
    """The axis a that a ray runs along most, and the other two, rising."""
    e0, e1, e2 = tl.abs(d[0]), tl.abs(d[1]), tl.abs(d[2])
    a = tl.where((e0 >= e1) & (e0 >= e2), 0, tl.where(e1 >= e2, 1, 2))
    return a, tl.where(a == 0, 1, 0), tl.where(a == 2, 1, 2)


@triton.jit
def cross_slices(seen, s, d, n, split, splits):
    """First slice and number of slices of a ray's part; ``s``, ``d`` and voxels ``n`` along the axes (a, b, c)."""
    slope_b, slope_c = d[1] / d[0], d[2] / d[0]
    low, high = tl.zeros_like(d[0]), n[0].to(tl.float32) - 1.0
    low, high = clip_to(s[1] - s[0] * slope_b, slope_b, n[1].to(tl.float32), low, high)
    low, high = clip_to(s[2] - s[0] * slope_c, slope_c, n[2].to(tl.float32), low, high)
    hit = seen & (low <= high) & ((low + high - 2.0 * s[0]) * d[0] > 0.0)
    # A missed ray's limits may be infinite; whole numbers must come from sane ones.
    low, high = tl.where(hit, low, 0.0), tl.where(hit, high, -1.0)
    first = tl.ceil(low - 1e-6).to(tl.int32)
    count = tl.maximum(tl.floor(high + 1e-6).to(tl.int32) - first + 1, 0)
    part = (count + splits - 1) // splits
    return first + split * part, tl.minimum(part, count - split * part)


@triton.jit
def sum_moments(corner, strides, count, y0, x0, slope_b, slope_c, JACOBIAN: tl.constexpr):
    """Sum ``count`` bilinear samples, one a slice from ``corner`` on, and with JACOBIAN their slopes.

    Args:
        corner: Where the first slice begins.
        strides: To the next slice, row and column.
        count: Slices.
        y0: Padded row in the first slice.
        x0: Padded column there.
        slope_b: Rows from slice to slice.
        slope_c: Columns from slice to slice.
        JACOBIAN: Whether slopes are wanted.

    Returns:
        Samples; slopes along rows (b) and columns (c); the same two, weighted by the steps from the first slice.
    """
    along, down, across = strides
    total, plain_b, plain_c = tl.zeros_like(x0), tl.zeros_like(x0), tl.zeros_like(x0)
    weighted_b, weighted_c = tl.zeros_like(x0), tl.zeros_like(x0)
    for step in range(tl.max(count, axis=0)):
        inside = step < count
        row, column = y0 + step * slope_b, x0 + step * slope_c
        top, left = row.to(tl.int32), column.to(tl.int32)
        low_part, right_part = row - top.to(tl.float32), column - left.to(tl.float32)
        place = corner + step * along + top * down + left * across
        upper_left = tl.load(place, mask=inside, other=0.0)
        upper_right = tl.load(place + across, mask=inside, other=0.0)
        lower_left = tl.load(place + down, mask=inside, other=0.0)
        lower_right = tl.load(place + down + across, mask=inside, other=0.0)
        upper, lower = upper_right - upper_left, lower_right - lower_left
        above = upper_left + right_part * upper
        rise_b = tl.where(inside, lower_left + right_part * lower - above, 0.0)
        total += tl.where(inside, above, 0.0) + low_part * rise_b
        if JACOBIAN:
            rise_c = upper + low_part * (lower - upper)
            plain_b += rise_b
            plain_c += rise_c
            weighted_b += step * rise_b
            weighted_c += step * rise_c
    return total, plain_b, plain_c, weighted_b, weighted_c


@triton.jit
def in_camera(table, a, ga, gb, gc, scale):
    """A gradient along a ray's axes (a and the other two, rising), scaled, in camera axes."""
    g0 = tl.where(a == 0, ga, gb) * scale
    g1 = pick(a, (gb, ga, gc)) * scale
    g2 = tl.where(a == 2, ga, gc) * scale
    m, n, p = load_three(table, 12), load_three(table, 15), load_three(table, 18)
    return m[0] * g0 + n[0] * g1 + p[0] * g2, m[1] * g0 + n[1] * g1 + p[1] * g2, m[2] * g0 + n[2] * g1 + p[2] * g2


@triton.jit
def store_twist(place, size, seen, table, a, d, moments, ahead, rx, ry, scale):
    """Write the six derivatives with respect to the twist, ``size`` numbers apart; ``d`` along the axes (a, b, c)."""
    total, plain_b, plain_c, weighted_b, weighted_c = moments
    centre = load_three(table, 21)
    # Arms from the rotation centre: with those from the source, float32 would lose two digits of the rotations.
    depth = ahead / d[0] - centre[2]
    ox, oy = rx * centre[2] - centre[0], ry * centre[2] - centre[1]
    weighted_b, weighted_c = depth * plain_b + weighted_b / d[0], depth * plain_c + weighted_c / d[0]
    # Along the ray, the integral of g . d is 0 and of t g . d minus the image, by parts.
    plain_a = -(plain_b * d[1] + plain_c * d[2]) / d[0]
    weighted_a = -(total + weighted_b * d[1] + weighted_c * d[2]) / d[0]
    gx, gy, gz = in_camera(table, a, plain_a, plain_b, plain_c, scale)
    hx, hy, hz = in_camera(table, a, weighted_a, weighted_b, weighted_c, scale)
    tl.store(place + size, hy - ry * hz - oy * gz, mask=seen)
    tl.store(place + 2 * size, rx * hz - hx + ox * gz, mask=seen)
    tl.store(place + 3 * size, ry * hx - rx * hy - (ox * gy - oy * gx), mask=seen)
    tl.store(place + 4 * size, -gx, mask=seen)
    tl.store(place + 5 * size, -gy, mask=seen)
    tl.store(place + 6 * size, -gz, mask=seen)


@triton.jit
def render(
    volume,
    floats,
    integers,
    out,
    height,
    width,
    n0,
    n1,
    n2,
    poses,
    splits,
    TILES_X: tl.constexpr,
    WARPS_X: tl.constexpr,
    BLOCK: tl.constexpr,
    JACOBIAN: tl.constexpr,
):
    """Write part ``split`` of every ray's integral, and of its derivatives, to out (splits, B, 1 or 7, H, W).

    A program owns a tile of pixels of one pose; each warp an 8 x 4 patch, whose rays read neighbouring voxels.

    Args:
        volume: Padded copies (1 zero before, 2 after), one behind another, float32.
        floats: (B, FLOATS_A_POSE) float32.
        integers: (B, INTEGERS_A_POSE) int64.
        out: Written.
        height: Rows.
        width: Columns.
        n0: Voxels along i.
        n1: Voxels along j.
        n2: Voxels along k.
        poses: B.
        splits: Parts of a ray.
        TILES_X: Tiles in a row of the image.
        WARPS_X: Patches in a row of a tile.
        BLOCK: Pixels of a tile.
        JACOBIAN: Whether to write derivatives.
    """
    tile, pose, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    index = tl.arange(0, BLOCK)
    patch, lane = index // 32, index % 32
    u = (tile % TILES_X) * (8 * WARPS_X) + (patch % WARPS_X) * 8 + lane % 8
    v = (tile // TILES_X) * (BLOCK // (8 * WARPS_X)) + (patch // WARPS_X) * 4 + lane // 8
    seen = (u < width) & (v < height)

    table = floats + pose * 28
    ray = load_ray(table, u.to(tl.float32), v.to(tl.float32))
    source, direction, rx, ry = ray[0], ray[1], ray[2], ray[3]
    a, b, c = slicing_axes(direction)
    s = pick(a, source), pick(b, source), pick(c, source)
    d = pick(a, direction), pick(b, direction), pick(c, direction)
    voxels = n0, n1, n2
    n = pick(a, voxels), pick(b, voxels), pick(c, voxels)
    first, count = cross_slices(seen, s, d, n, split, splits)

    slots = integers + pose * 4
    t = load_three(slots, 1)
    t = t[0].to(tl.int32), t[1].to(tl.int32), t[2].to(tl.int32)
    strides = pick(a, t), pick(b, t), pick(c, t)
    slope_b, slope_c = d[1] / d[0], d[2] / d[0]
    ahead = first.to(tl.float32) - s[0]
    y0, x0 = s[1] + ahead * slope_b + 1.0, s[2] + ahead * slope_c + 1.0
    corner = volume + tl.load(slots) + (first + 1) * strides[0]
    moments = sum_moments(corner, strides, count, y0, x0, slope_b, slope_c, JACOBIAN)

    scale = tl.sqrt(rx * rx + ry * ry + 1.0) / tl.abs(d[0])
    size = height * width
    images = 7 if JACOBIAN else 1
    place = out + (split * poses + pose).to(tl.int64) * images * size + v * width + u
    tl.store(place, moments[0] * scale, mask=seen)
    if JACOBIAN:
        store_twist(place, size, seen, table, a, d, moments, ahead, rx, ry, scale)
