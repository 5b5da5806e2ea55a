"""Signed distances of the primitive shapes in their local frames, mm, negative inside; compiled.

Near the surface they approximate the Euclidean distance to first order. ``p`` holds the numbers of ``Shape.numbers``.
"""

import math

from bench.geometry import Matrix

from .compiled import compiled, value_noise


@compiled
def carve(d: float, other: float, k: float) -> float:
    """Smooth maximum of two distances: the intersection, rounded over ``k`` mm."""
    h = min(max(0.5 - 0.5 * (other - d) / k, 0.0), 1.0)
    return other + h * (d - other) + k * h * (1.0 - h)


@compiled
def distance(row: Matrix, x: float, y: float, z: float) -> float:
    """Distance of a world point from a shape given as a row of ``Shape.row``."""
    dx, dy, dz = x - row[2], y - row[3], z - row[4]
    u = row[5] * dx + row[6] * dy + row[7] * dz
    v = row[8] * dx + row[9] * dy + row[10] * dz
    w = row[11] * dx + row[12] * dy + row[13] * dz
    if row[0] == 0.0:
        return _capsule(u, v, w, row[19:33])
    if row[0] == 1.0:
        return _body(u, v, w, row[19:33])
    if row[0] == 2.0:
        return _trunk(u, v, w, row[19:33])
    if row[0] == 3.0:
        return _tube(u, v, w, row[19:33])
    return float(w)


@compiled
def _capsule(u: float, v: float, w: float, p: Matrix) -> float:
    """Numbers: length; radii (u, v) at the start, (u, v) at the end; radii along the axis of both rounded ends."""
    length = p[0]
    along = min(max(w, 0.0), length)
    t = along / length if length > 0 else 0.0
    ru, rv = p[1] + t * (p[3] - p[1]), p[2] + t * (p[4] - p[2])
    over = w - along
    rw = p[5] if over < 0 else p[6]
    q = math.sqrt((u / ru) ** 2 + (v / rv) ** 2 + (over / rw) ** 2)
    slope = math.sqrt((u / ru**2) ** 2 + (v / rv**2) ** 2 + (over / rw**2) ** 2)
    if slope < 1e-6:
        return float(-min(ru, rv))
    return float(q * (q - 1.0) / slope)


@compiled
def _superellipse(x: float, y: float, a: float, b: float, power: float) -> float:
    """1 on the curve, smaller inside."""
    return float(((abs(x) / a) ** power + (abs(y) / b) ** power) ** (1.0 / power))


@compiled
def _body(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, half-depth above; below; half-height anterior, posterior; waist lateral, posterior.

    Then concavity of the endplates above, below (mm); concavity of the posterior wall; lateral tilt (mm across); where
    the lower endplate is deepest. A kidney-shaped drum with rounded corners and a waist, its endplates concave inside a
    flat rim.
    """
    lean = min(max(y / (0.5 * (p[1] + p[3])), -1.2), 1.2)
    tilt = min(max(x / (0.5 * (p[0] + p[2])), -1.2), 1.2)
    half = 0.5 * (p[4] + p[5]) + 0.5 * (p[5] - p[4]) * lean + 0.5 * p[11] * tilt
    level = min(max(z / half, -1.0), 1.0)
    up = 0.5 * (level + 1.0)
    bell = (1.0 - level * level) ** 0.8
    narrow = 1.0 - p[6] * bell
    a, b = (p[2] + up * (p[0] - p[2])) * narrow, (p[3] + up * (p[1] - p[3])) * (narrow if y < 0 else 1.0 - p[7] * bell)
    hollowed = y + p[10] * max(0.0, 1.0 - (x / (0.6 * a)) ** 2) * min(1.0, 2.0 * y / b) if y > 0 else y
    q = _superellipse(x, hollowed, a, b, 2.3)
    radius = math.sqrt(x * x + y * y)
    side = radius - radius / q if q > 0.05 else -min(a, b)
    within = max(0.0, 1.0 - (q / 0.86) ** 2.4)
    top = z - (half - p[8] * within * (1.0 + 0.2 * lean))
    bottom = -z - (half - p[9] * within * (1.0 + p[12] * lean))
    return carve(carve(side, top, 2.2), bottom, 2.2)


@compiled
def _trunk(x: float, y: float, z: float, p: Matrix) -> float:
    """Numbers: half-width, anterior depth, posterior depth, each with linear and quadratic change per 100 mm; powers.

    Unbounded along z. The powers are those of the superellipses of the anterior and the posterior half.
    """
    h = z / 100.0
    a = p[0] + p[1] * h + p[2] * h * h
    front = p[3] + p[4] * h + p[5] * h * h
    back = p[6] + p[7] * h + p[8] * h * h
    b, power = (front, p[9]) if y < 0 else (back, p[10])
    q = _superellipse(x, y, max(a, 20.0), max(b, 20.0), power)
    radius = math.sqrt(x * x + y * y)
    return float(radius - radius / q if q > 0.05 else -min(a, b))


@compiled
def _tube(u: float, v: float, w: float, p: Matrix) -> float:
    """Numbers: length, radius, relative depth of the haustra, their period (mm), roughness, seed."""
    along = min(max(w, 0.0), p[0])
    over = w - along
    seed = int(p[5])
    wave = math.cos(6.2831853 * w / p[3] + 0.13 * seed)
    fold = 0.35 * math.cos(3.0 * math.atan2(v, u) + 0.7 * seed)
    rough = value_noise(0.09 * u, 0.09 * v, 0.09 * w, seed)
    here = p[1] * (1.0 + p[2] * (wave - abs(fold)) + p[4] * rough)
    return float(math.sqrt(u * u + v * v + over * over) - here)
