"""Small bowel and colon: chains of haustrated tubes with fluid, mottled stool, folds and gas that rises to the front.

Stool and fine bubbles are one trick of the renderer: a layer whose thickness varies more than it is thick, with gas
below it, leaves islands of gas of any size in what the layer is made of.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..v2.shapes import Part, Shape, capsule, half_space, soft, tube
from .person import Person

GAS_HU, STOOL_HU = -960.0, 38.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gut:
    """What a piece of gut is like: radius, haustra (relative depth, period in mm), roughness, wall and contents."""

    radius: float
    pouch: float
    period: float
    rough: float
    wall_mm: float
    wall_hu: float
    filling_hu: float
    grain_hu: float
    grain_mm: float


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
    size = float(random.uniform(9.0, 13.5)) * (1 + 0.3 * person.gas)
    for _ in range(int(random.integers(16, 32))):
        parts += _small(random, front, size * float(random.uniform(0.8, 1.25)), wall, 0.35 + 0.65 * person.gas)
    for line in _colon(person, random, front, side):
        parts += _large(person, random, line, wall)
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


def _small(random: np.random.Generator, front: float, radius: float, wall_hu: float, gas: float) -> list[Part]:
    """One winding loop: a walk that turns smoothly inside the belly."""
    place = np.array([random.uniform(-85, 85), random.uniform(-0.85 * front, -42), random.uniform(-125, 55)])
    heading = random.normal(0, 1, 3)
    line = [place]
    for _ in range(int(random.integers(5, 11))):
        pull = (np.array([0, -0.55 * front, -40]) - place) / 120
        heading = heading / np.linalg.norm(heading) + random.normal(0, 0.75, 3) * [1, 0.7, 1] + 0.5 * pull
        place = place + 20 * heading / np.linalg.norm(heading)
        # Beside the psoas loops lie farther back than before the spine.
        place[1] = np.clip(place[1], -0.92 * front, -40 if abs(place[0]) < 52 else -14)
        line.append(place)
    gut = Gut(
        radius=radius, pouch=0.07, period=float(random.uniform(7, 12)), rough=0.16,
        wall_mm=float(random.uniform(1.8, 3.4)), wall_hu=wall_hu, filling_hu=float(random.normal(16, 12)),
        grain_hu=14.0, grain_mm=7.0,
    )  # fmt: skip
    seed = int(random.integers(1 << 30))
    high = rise(np.mean(line, axis=0))
    if random.random() < 0.22 * high:
        return [_mottled(line, gut, seed, thick_mm=float(random.uniform(5, 8)), hu=0.5 * (wall_hu + gut.filling_hu))]
    parts = [_filled(line, gut, seed)]
    if random.random() < gas * high:
        first = int(random.integers(0, max(1, len(line) - 2)))
        stretch = line[first : first + int(random.integers(2, 7))]
        parts.append(_bubble(stretch, gut, seed, level=float(random.uniform(-0.6, 1.6))))
    return parts


def _large(person: Person, random: np.random.Generator, line: list[Matrix], wall_hu: float) -> list[Part]:
    """Colon, a few haustra at a time; a stretch mostly holds what the one before it holds."""
    parts: list[Part] = []
    held, seed = "", int(random.integers(1 << 30))
    radius = float(random.uniform(14, 21))
    n = 0
    while n < len(line) - 1:
        if not held or random.random() < 0.4:
            held = _content(person, random, rise(line[n]))
        stretch = line[n : n + int(random.integers(2, 6))]
        wide = {"gas": 1.1 + 0.9 * person.gas * random.random(), "stool": random.uniform(0.95, 1.45), "empty": 0.6}
        gut = Gut(
            radius=radius * float(wide.get(held, 1.0)) * float(random.uniform(0.9, 1.12)),
            pouch=float(random.uniform(0.1, 0.22)), period=float(random.uniform(24, 38)), rough=0.2,
            wall_mm=float(random.uniform(1.6, 2.6)), wall_hu=wall_hu, filling_hu=float(random.normal(22, 14)),
            grain_hu=18.0, grain_mm=4.5,
        )  # fmt: skip
        if held == "stool":
            thick = gut.radius * float(random.uniform(0.35, 1.05)) + 3.0 * (1 - rise(stretch[0]))
            parts.append(_mottled(stretch, gut, seed + n, thick_mm=thick, hu=float(random.normal(STOOL_HU, 22))))
        else:
            parts.append(_filled(stretch, gut, seed + n))
        if held == "gas":
            level = 3.0 if random.random() < 0.6 else float(random.uniform(-0.4, 0.9))
            parts.append(_bubble(stretch, gut, seed + n, level=level))
        n += len(stretch) - 1
    return parts


def rise(place: Matrix) -> float:
    """How likely gas stays at a place, 0 to 1: the patient lies on the back, so it rises to the front."""
    return float(np.clip((-place[1] - 50) / 25, 0.03, 1.0))


def _content(person: Person, random: np.random.Generator, front: float) -> str:
    """Gas, stool, fluid or nothing, as the person is; ``front`` as ``rise`` has it."""
    shares = np.array([(0.15 + 6.0 * person.gas) * front, 0.1 + 1.1 * person.stool, 0.18, 0.15])
    return str(random.choice(["gas", "stool", "fluid", "empty"], p=shares / shares.sum()))


def _filled(line: list[Matrix], gut: Gut, seed: int) -> Part:
    """Wall round contents."""
    wall = tuple(rod.made_of(shell_mm=gut.wall_mm, inner_hu=gut.filling_hu) for rod in _rods(line, gut, 0.0, seed))
    grain = (gut.grain_mm, gut.grain_mm, gut.grain_mm)
    return Part(
        wall, gut.wall_hu, blend_mm=3.0, texture_hu=gut.grain_hu, texture_mm=grain, texture_seed=seed,
        shell_variation=0.5,
    )  # fmt: skip


def _mottled(line: list[Matrix], gut: Gut, seed: int, *, thick_mm: float, hu: float) -> Part:
    """Stool, or what folds hold: the thinner the layer, the more gas."""
    rods = tuple(rod.made_of(shell_mm=thick_mm, inner_hu=-840.0) for rod in _rods(line, gut, 0.0, seed))
    grain = 5.5
    return Part(rods, hu, blend_mm=3.0, texture_mm=(grain, grain, grain), texture_seed=seed, shell_variation=1.7)


def _bubble(line: list[Matrix], gut: Gut, seed: int, *, level: float) -> Part:
    """Gas inside the wall above a level, in radii behind the stretch's middle."""
    behind = float(np.mean([point[1] for point in line])) + gut.radius * level
    gas = soft(tuple(_rods(line, gut, gut.wall_mm + 0.4, seed)), GAS_HU, blend_mm=2.0)
    return gas.confined(half_space((0, behind, 0), (0, 1, 0)).confining())


def _rods(line: list[Matrix], gut: Gut, inwards: float, seed: int) -> list[Shape]:
    return [
        tube(line[n], line[n + 1], gut.radius - inwards, pouch=gut.pouch, period=gut.period, rough=gut.rough, seed=seed)
        for n in range(len(line) - 1)
    ]


def _colon(person: Person, random: np.random.Generator, front: float, side: float) -> list[list[Matrix]]:
    """Ascending, descending and transverse colon, and the sigmoid."""
    s = person.scale
    heights = (92, 70, 48, 26, 4, -20, -44, -68, -92, -116)
    flank = min(side - 24, 104 * s)
    sides = [
        [
            np.array(
                [x + random.normal(0, 6), random.normal(-22, 10) - 0.0014 * (z - 40) ** 2, z + random.normal(0, 4)]
            )
            for z in heights
        ]
        for x in (-flank * random.uniform(0.82, 1.0), flank * random.uniform(0.85, 1.02))
    ]
    sag = random.uniform(20, 130)
    spread = np.linspace(-90, 90, 11) * s
    across = [
        np.array([x, -front + 27 + 0.003 * x * x, 78 - sag * (1 - (x / 95) ** 2) + random.normal(0, 6)]) for x in spread
    ]
    # A sigmoid as long as it pleases: it swings to the front, across the middle and up.
    start, high, far = sides[1][-1], random.uniform(-10, 130), random.uniform(60, 150)
    turn = np.linspace(0, 1, 9)
    deep = start[1] + (-front + 30 - start[1]) * np.sin(np.pi * np.minimum(turn * 1.4, 1) / 2)
    sigmoid = [
        np.array([start[0] - far * t, y, start[2] + high * np.sin(np.pi * t) + random.normal(0, 5)])
        for t, y in zip(turn, deep, strict=True)
    ]
    return [*sides, sigmoid, across]
