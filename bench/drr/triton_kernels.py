"""Joseph's method on a GPU, image and six derivative images in one pass; the model of ``bench.drr.joseph``.

The only file of the projector that touches Triton. Its interpreter runs the same code on a CPU where TRITON_INTERPRET=1
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
def pick(axis, zero, one, two):
    """The component along an axis that differs from ray to ray."""
    return tl.where(axis == 0, zero, tl.where(axis == 1, one, two))


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
    uf, vf = u.to(tl.float32), v.to(tl.float32)

    table = floats + pose * 28
    s0, s1, s2 = tl.load(table), tl.load(table + 1), tl.load(table + 2)
    d0 = tl.load(table + 3) * uf + tl.load(table + 4) * vf + tl.load(table + 5)
    d1 = tl.load(table + 6) * uf + tl.load(table + 7) * vf + tl.load(table + 8)
    d2 = tl.load(table + 9) * uf + tl.load(table + 10) * vf + tl.load(table + 11)
    rx = tl.load(table + 24) * uf + tl.load(table + 25)
    ry = tl.load(table + 26) * vf + tl.load(table + 27)

    # The slicing axis a, and the other two, rising.
    e0, e1, e2 = tl.abs(d0), tl.abs(d1), tl.abs(d2)
    a = tl.where((e0 >= e1) & (e0 >= e2), 0, tl.where(e1 >= e2, 1, 2))
    b, c = tl.where(a == 0, 1, 0), tl.where(a == 2, 1, 2)
    sa, sb, sc = pick(a, s0, s1, s2), pick(b, s0, s1, s2), pick(c, s0, s1, s2)
    da, db, dc = pick(a, d0, d1, d2), pick(b, d0, d1, d2), pick(c, d0, d1, d2)
    slope_b, slope_c = db / da, dc / da

    low, high = tl.zeros_like(da), pick(a, n0, n1, n2).to(tl.float32) - 1.0
    low, high = clip_to(sb - sa * slope_b, slope_b, pick(b, n0, n1, n2).to(tl.float32), low, high)
    low, high = clip_to(sc - sa * slope_c, slope_c, pick(c, n0, n1, n2).to(tl.float32), low, high)
    hit = seen & (low <= high) & ((low + high - 2.0 * sa) * da > 0.0)
    # A missed ray's limits may be infinite; whole numbers must come from sane ones.
    low, high = tl.where(hit, low, 0.0), tl.where(hit, high, -1.0)
    first = tl.ceil(low - 1e-6).to(tl.int32)
    count = tl.maximum(tl.floor(high + 1e-6).to(tl.int32) - first + 1, 0)
    part = (count + splits - 1) // splits
    first += split * part
    count = tl.minimum(part, count - split * part)

    slots = integers + pose * 4
    t0, t1, t2 = tl.load(slots + 1), tl.load(slots + 2), tl.load(slots + 3)
    t0, t1, t2 = t0.to(tl.int32), t1.to(tl.int32), t2.to(tl.int32)
    along, down, across = pick(a, t0, t1, t2), pick(b, t0, t1, t2), pick(c, t0, t1, t2)
    ahead = first.to(tl.float32) - sa
    y0, x0 = sb + ahead * slope_b + 1.0, sc + ahead * slope_c + 1.0
    corner = volume + tl.load(slots) + (first + 1) * along
    total, plain_b, plain_c = tl.zeros_like(da), tl.zeros_like(da), tl.zeros_like(da)
    weighted_b, weighted_c = tl.zeros_like(da), tl.zeros_like(da)
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

    scale = tl.sqrt(rx * rx + ry * ry + 1.0) / tl.abs(da)
    size = height * width
    images = 7 if JACOBIAN else 1
    place = out + (split * poses + pose).to(tl.int64) * images * size + v * width + u
    tl.store(place, total * scale, mask=seen)
    if JACOBIAN:
        cx, cy, cz = tl.load(table + 21), tl.load(table + 22), tl.load(table + 23)
        # Arms from the rotation centre: with those from the source, float32 would lose two digits of the rotations.
        depth, ox, oy = ahead / da - cz, rx * cz - cx, ry * cz - cy
        weighted_b, weighted_c = depth * plain_b + weighted_b / da, depth * plain_c + weighted_c / da
        # Along the ray, the integral of g . d is 0 and of t g . d minus the image, by parts.
        plain_a = -(plain_b * db + plain_c * dc) / da
        weighted_a = -(total + weighted_b * db + weighted_c * dc) / da
        g0, h0 = tl.where(a == 0, plain_a, plain_b) * scale, tl.where(a == 0, weighted_a, weighted_b) * scale
        g1 = pick(a, plain_b, plain_a, plain_c) * scale
        h1 = pick(a, weighted_b, weighted_a, weighted_c) * scale
        g2, h2 = tl.where(a == 2, plain_a, plain_c) * scale, tl.where(a == 2, weighted_a, weighted_c) * scale
        m00, m01, m02 = tl.load(table + 12), tl.load(table + 13), tl.load(table + 14)
        m10, m11, m12 = tl.load(table + 15), tl.load(table + 16), tl.load(table + 17)
        m20, m21, m22 = tl.load(table + 18), tl.load(table + 19), tl.load(table + 20)
        gx, gy, gz = m00 * g0 + m10 * g1 + m20 * g2, m01 * g0 + m11 * g1 + m21 * g2, m02 * g0 + m12 * g1 + m22 * g2
        hx, hy, hz = m00 * h0 + m10 * h1 + m20 * h2, m01 * h0 + m11 * h1 + m21 * h2, m02 * h0 + m12 * h1 + m22 * h2
        tl.store(place + size, hy - ry * hz - oy * gz, mask=seen)
        tl.store(place + 2 * size, rx * hz - hx + ox * gz, mask=seen)
        tl.store(place + 3 * size, ry * hx - rx * hy - (ox * gy - oy * gx), mask=seen)
        tl.store(place + 4 * size, -gx, mask=seen)
        tl.store(place + 5 * size, -gy, mask=seen)
        tl.store(place + 6 * size, -gz, mask=seen)
