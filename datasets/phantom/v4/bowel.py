"""Small bowel and colon of version 4: pouches of unequal size, and gas that has one level in each connected piece.

A piece of colon is a row of overlapping ellipsoids, each a haustrum of its own size, offset and distance to the next;
where they stand closely the gut is smooth, where they stand apart folds cut in. First all walls with what they hold are
painted, then the gas of the whole piece, cut off by one plane: it passes from pouch to pouch and ends roundly.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import rod_axes
from ..v2.shapes import Part, Shape, capsule, ellipsoid, half_space, soft, tube
from .person import Person

GAS_HU = -960.0
STOOL = ("paste", "mash", "crumbs")
# Share of people whose colon is so long that one bend more hangs before the spine.
_LONG_COLON = 0.35
# Pouches painted together: few, since the renderer asks every pouch of a part in the part's whole box.
_TOGETHER = 5


@dataclass(frozen=True, slots=True, eq=False)
class Pouch:
    """A haustrum: centre, direction of the gut (unit), radii across (two) and along, mm."""

    centre: Matrix
    along: Matrix
    radii: tuple[float, float, float]

    def shape(self, inwards: float) -> Shape:
        """The ellipsoid, ``inwards`` mm smaller."""
        u, v, w = (max(radius - inwards, 1.0) for radius in self.radii)
        return ellipsoid(self.centre, (u, v, w), rod_axes(self.along, np.array([0.0, 1.0, 0.0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A connected piece of colon: its course, calibre (mm), what it holds, and the share of it that is gas."""

    line: list[Matrix]
    radius: float
    held: str
    gas: float


def bowel(person: Person, front: float, side: float) -> list[Part]:
    """Painted back to front, so that loops lie over one another.

    Args:
        person: Whose.
        front: How far the cavity reaches before the middle of L3, mm.
        side: To each side, mm.
    """
    random = person.random("bowel")
    wall = float(random.normal(40, 4)) + 45 * person.contrast
    parts = [_mesenteric_vessels(person, random, front)]
    size = float(random.uniform(9.0, 14.0)) * (1 + 0.35 * person.gas)
    nests = [_nest(random, front) for _ in range(4)]
    for _ in range(int(random.integers(17, 28) - 5 * person.fat)):
        nest = nests[int(random.integers(4))]
        parts += _small(
            person, random, _walk(person, random, front, nest), size * float(random.uniform(0.7, 1.3)), wall
        )
    for piece in _colon(person, random, front, side):
        parts += _large(random, piece, wall)
    return parts


def _mesenteric_vessels(person: Person, random: np.random.Generator, front: float) -> Part:
    """The root's large vessels, which fan out from before the spine to both sides and down."""
    twigs: list[Shape] = []
    root = np.array([random.normal(4, 4), -48 - 0.1 * front, 40])
    for _ in range(14):
        start = root + np.array([0, -4, -random.uniform(0, 70)])
        end = start + np.array([random.normal(0, 45), -random.uniform(5, 0.4 * front), -random.uniform(5, 50)])
        thick = float(random.uniform(1.8, 4.2))
        twigs.append(capsule(start, end, (thick, thick), (0.5 * thick, 0.5 * thick)))
    return soft(tuple(twigs), 44.0 + 100 * person.contrast, blend_mm=1.5)


def _small(
    person: Person, random: np.random.Generator, line: list[Matrix], radius: float, wall_hu: float
) -> list[Part]:
    """One winding loop, mostly fluid or collapsed; what gas it has lies in its foremost bends."""
    hu, seed, ring = float(random.normal(22, 11)), int(random.integers(1 << 30)), float(random.uniform(7, 13))
    collapsed = random.random() < 0.3
    grain = float(random.uniform(3.5, 6.5))
    filling = wall_hu - 6 if collapsed else hu
    parts = [
        Part(
            tuple(rod.made_of(shell_mm=2.2, inner_hu=filling) for rod in _rods(line, radius, ring, seed)), wall_hu,
            blend_mm=3.0, texture_hu=float(random.uniform(8, 24)), texture_mm=(grain, grain, grain), texture_seed=seed,
            shell_variation=0.5,
        )
    ]  # fmt: skip
    if not collapsed and random.random() < 0.15 + 0.85 * person.gas and person.gas > 0:
        behind = _level(
            np.array(line)[:, 1], np.full(len(line), radius), float(random.uniform(0.1, 0.2 + 0.7 * person.gas))
        )
        gas = soft(tuple(_rods(line, radius - 2.4, ring, seed)), GAS_HU, blend_mm=2.0)
        parts.append(gas.confined(_before(behind)))
    return parts


def _nest(random: np.random.Generator, front: float) -> Matrix:
    """Where loops lie together."""
    return np.array([random.uniform(-80, 80), random.uniform(-0.8, -0.5) * front, random.uniform(-110, 40)])


def _walk(person: Person, random: np.random.Generator, front: float, nest: Matrix) -> list[Matrix]:
    """Turns smoothly about its nest; fat before and beside the spine keeps loops away from it."""
    fat = 45 * person.fat * person.visceral
    place = nest + random.normal(0, 1, 3) * [24, 12, 24]
    heading = random.normal(0, 1, 3)
    line: list[Matrix] = []
    for _ in range(int(random.integers(6, 11))):
        place[1] = np.clip(place[1], -0.92 * front, -54 - fat if abs(place[0]) < 52 else -28 - fat)
        line.append(place)
        heading = heading / np.linalg.norm(heading) + random.normal(0, 0.75, 3) * [1, 0.7, 1] + (nest - place) / 90
        place = place + 20 * heading / np.linalg.norm(heading)
    return line


def _rods(line: list[Matrix], radius: float, ring: float, seed: int) -> list[Shape]:
    return [
        tube(line[n], line[n + 1], radius, pouch=0.07, period=ring, rough=0.2, seed=seed) for n in range(len(line) - 1)
    ]


def _large(random: np.random.Generator, piece: Piece, wall_hu: float) -> list[Part]:
    """Walls with their contents, then the gas of the whole piece before one plane."""
    pouches = _pouches(random, piece)
    seed, wall = int(random.integers(1 << 30)), float(random.uniform(1.4, 2.6))
    groups = [pouches[n : n + _TOGETHER] for n in range(0, len(pouches) - 1, _TOGETHER - 1)]
    parts = [_holding(random, group, piece.held, wall, wall_hu, seed) for group in groups]
    if piece.gas > 0:
        middles = np.array([pouch.centre[1] for pouch in pouches])
        behind = _level(middles, np.array([pouch.radii[0] for pouch in pouches]), piece.gas)
        for group in groups:
            if min(pouch.centre[1] - max(pouch.radii) for pouch in group) < behind:
                gas = soft(tuple(pouch.shape(wall) for pouch in group), GAS_HU, blend_mm=1.0)
                lumps = _lumps(random, group, behind) if piece.held in STOOL else []
                parts.append(gas.confined(_before(behind), *lumps))
    return parts


def _lumps(random: np.random.Generator, group: list[Pouch], behind: float) -> list[Shape]:
    """Stool has no level: balls of it stand out of the plane into the gas."""
    lumps: list[Shape] = []
    for pouch in group:
        size = float(pouch.radii[0] * random.uniform(0.35, 0.75))
        place = np.array([pouch.centre[0], behind + size * random.uniform(-0.5, 0.6), pouch.centre[2]])
        place += random.normal(0, 0.35 * pouch.radii[0], 3) * [1, 0, 1]
        lumps.append(ellipsoid(place, (size * 1.2, size, size * float(random.uniform(0.8, 1.4)))).carving())
    return lumps


def _pouches(random: np.random.Generator, piece: Piece) -> list[Pouch]:
    """Along the course: calibre, distance and depth of the folds drift, some stretches are smooth."""
    knots = np.array(piece.line)
    reach = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    pouches: list[Pouch] = []
    at, before = 0.0, 0.0
    drift, folded = float(random.normal(0, 0.12)), float(random.uniform(0.55, 1.05))
    while at < reach[-1]:
        centre, ahead = _on(knots, reach, at), _on(knots, reach, at + 4.0)
        along = ahead - centre if at + 4.0 < reach[-1] else centre - knots[-2]
        here = piece.radius * float(np.exp(drift))
        if random.random() < 0.25:
            folded = float(random.uniform(0.5, 1.1))
        step = here * folded * float(np.clip(random.lognormal(0, 0.4), 0.45, 1.6))
        u, v = (float(here * size) for size in random.uniform(0.9, 1.12, 2))
        # Long enough to reach into both neighbours: how far decides how deep the folds cut in.
        length = max(step, before) * float(random.uniform(0.65, 1.0))
        pouches.append(Pouch(centre + random.normal(0, 0.1 * here, 3), along, (u, v, max(length, 0.35 * here))))
        at, before = at + step, step
        drift = 0.75 * drift + float(random.normal(0, 0.15))
    return pouches


def _on(knots: Matrix, reach: Matrix, at: float) -> Matrix:
    """Where a course is after ``at`` mm."""
    return np.array([float(np.interp(at, reach, knots[:, axis])) for axis in range(3)])


def _holding(
    random: np.random.Generator, group: list[Pouch], held: str, wall_mm: float, wall_hu: float, seed: int
) -> Part:
    """A few pouches with their contents.

    Paste is even, mash has fine grey mottles, crumbs are soft tissue with small bubbles: a layer nearly as thick as the
    gut, whose varying thickness leaves gas in its gaps.
    """
    grain = float(random.uniform(2.6, 4.4))
    inner, mottle, shell, variation, outer = float(random.normal(18, 9)), 12.0, wall_mm, 0.5, wall_hu
    if held == "paste":
        inner, mottle = float(random.normal(40, 14)), float(random.uniform(20, 40))
    elif held == "mash":
        inner, mottle = float(random.normal(-20, 30)), float(random.uniform(60, 130))
    elif held == "crumbs":
        calibre = float(np.mean([pouch.radii[0] for pouch in group]))
        inner, mottle, shell = float(random.uniform(-850, -400)), 60.0, calibre * float(random.uniform(0.8, 1.8))
        variation, outer = float(random.uniform(1.0, 1.3)), float(random.normal(30, 14))
    elif held == "empty":
        inner = wall_hu - 8
    shapes = tuple(pouch.shape(0.0).made_of(shell_mm=shell, inner_hu=inner) for pouch in group)
    return Part(
        shapes, outer, blend_mm=2.0, texture_hu=mottle, texture_mm=(grain, grain, grain), texture_seed=seed,
        shell_variation=variation,
    )  # fmt: skip


def _level(middles: Matrix, radii: Matrix, share: float) -> float:
    """How far back gas reaches when it fills a share of a piece, world y: what lies in front fills first."""
    depths = (middles[:, None] + radii[:, None] * np.linspace(-0.9, 0.9, 9)).ravel()
    weights = np.repeat(radii**2, 9)
    order = np.argsort(depths)
    filled = np.cumsum(weights[order]) / weights.sum()
    return float(np.interp(min(share, 0.999), filled, depths[order]))


def _before(behind: float) -> Shape:
    return half_space((0, behind, 0), (0, 1, 0)).confining()


def _content(person: Person, random: np.random.Generator, dry: float) -> str:
    """What a piece holds beside gas; stool is drier towards the end of the gut."""
    if random.random() > 0.2 + 0.8 * person.stool:
        return str(random.choice(["fluid", "empty"], p=[0.35, 0.65]))
    shares = np.array([0.2, 0.4, 0.35 + 0.4 * dry])
    return str(random.choice(STOOL, p=shares / shares.sum()))


def _colon(person: Person, random: np.random.Generator, front: float, side: float) -> list[Piece]:
    """Ascending and descending colon, sigmoid, and the transverse one in one or two pieces."""
    radius = float(random.uniform(11.5, 17))
    courses = _courses(person, random, front, side)
    pieces: list[Piece] = []
    for name, gassy, dry, wide in (
        ("ascending", 0.35, 0.2, 1.1), ("descending", 0.25, 1.0, 0.78), ("sigmoid", 0.8, 0.9, 0.85),
        ("right", 1.0, 0.4, 1.05), ("left", 1.0, 0.6, 1.0), ("bend", 0.9, 0.6, 0.95),
    ):  # fmt: skip
        if name == "bend" and random.random() > _LONG_COLON:
            continue
        held = _content(person, random, dry)
        gas = float(np.clip(1.3 * gassy * person.gas * random.lognormal(0, 0.5), 0, 0.97))
        # Little gas is gathered by one piece or the other, not spread over all.
        gas = gas if random.random() < 0.3 + 1.2 * person.gas else 0.0
        empty = held == "empty" and gas < 0.15
        swell = 0.6 if empty else float(random.uniform(0.85, 1.15)) * (1 + 0.55 * gas)
        swell *= 1.12 if held in ("mash", "crumbs", "paste") else 1.0
        pieces.append(Piece(line=courses[name], radius=radius * wide * swell, held=held, gas=0.0 if empty else gas))
    return pieces


def _courses(person: Person, random: np.random.Generator, front: float, side: float) -> dict[str, list[Matrix]]:
    s = person.scale
    fat = person.fat * person.visceral
    flank = min(side - 24, 104 * s)
    lines: dict[str, list[Matrix]] = {}
    for name, sign, deep in (("ascending", -1, -38), ("descending", 1, -31)):
        x, y = sign * flank * random.uniform(0.82, 1.0), deep - 22 * fat + random.normal(0, 9)
        lines[name] = [
            np.array([x + random.normal(0, 6), y + random.normal(0, 5) - 0.0012 * (z - 40) ** 2, z])
            for z in np.arange(92.0 if sign > 0 else 66.0, -120, -23)
        ]
    # Across the belly: high or hanging, straight or in bends.
    high, sag, bends = random.normal(58, 18), random.uniform(0, 100), random.uniform(3, 16)
    lean = random.uniform(0, 26)
    across = [
        np.array([x + random.normal(0, 5), -front + 26 + 0.003 * x * x + random.normal(0, 5),
                  high + lean * x / 92 - sag * (1 - (x / 95) ** 2) + random.normal(0, bends)])
        for x in np.linspace(-92, 92, 11) * s
    ]  # fmt: skip
    cut = int(random.integers(4, 8))
    lines["right"], lines["left"] = across[: cut + 1], across[cut:]
    # Where the colon is longer than its way, one bend more hangs before the spine.
    first, last = random.normal(0, 1, (2, 3)) * [45, 0, 30] + [0, 0, -30]
    lines["bend"] = [
        (1 - t) * first
        + t * last
        + np.array([0, -front + 28 + random.normal(0, 6), random.uniform(-50, 50) * t * (1 - t)])
        for t in np.linspace(0, 1, 6)
    ]
    # A sigmoid as long as it pleases: it swings to the front, across the middle and up.
    start, high, far = lines["descending"][-1], random.uniform(0, 150), random.uniform(60, 170)
    turn = np.linspace(0, 1, 9)
    deep = start[1] + (-front + 32 - start[1]) * np.sin(np.pi * np.minimum(turn * 1.4, 1) / 2)
    lines["sigmoid"] = [
        np.array([start[0] - far * t, y, start[2] + high * np.sin(np.pi * t) + random.normal(0, 9)])
        for t, y in zip(turn, deep, strict=True)
    ]
    return lines
