"""Where the colon lies and what each of its pieces contains: drawn from a person."""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person

# Consistencies of stool.
STOOL = ("paste", "mash", "crumbs")
# Share of persons whose colon is so long that an additional loop hangs before the spine.
_LONG_COLON = 0.35
# Pieces in painting order: relative amount of gas, dryness of stool, relative calibre.
_PIECES = (
    ("ascending", 0.35, 0.2, 1.1), ("descending", 0.25, 1.0, 0.78), ("sigmoid", 0.8, 0.9, 0.85),
    ("right", 1.0, 0.4, 1.05), ("left", 1.0, 0.6, 1.0), ("loop", 0.9, 0.6, 0.95),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A connected piece of colon.

    Attributes:
        line: Points along its course, world mm.
        radius: Calibre, mm.
        content: ``paste``, ``mash``, ``crumbs``, ``fluid`` or ``empty``.
        gas: Share of it that is gas, 0 to 1.
    """

    line: list[Matrix]
    radius: float
    content: str
    gas: float


def draw_pieces(person: Person, random: np.random.Generator, front: float, side: float) -> list[Piece]:
    """Ascending and descending colon, sigmoid, the transverse colon in two pieces, in some persons one loop more.

    Args:
        person: The person.
        random: Random generator.
        front: How far the abdominal cavity reaches before the middle of L3, mm.
        side: How far to each side, mm.
    """
    radius = float(random.uniform(11.5, 17))
    courses = _courses(person, random, front, side)
    pieces: list[Piece] = []
    for name, gassy, dry, wide in _PIECES:
        if name == "loop" and random.random() > _LONG_COLON:
            continue
        content = _draw_content(person, random, dry)
        gas = float(np.clip(1.3 * gassy * person.gas * random.lognormal(0, 0.5), 0, 0.97))
        # Little gas is collected in one piece or another, not spread over all.
        gas = gas if random.random() < 0.3 + 1.2 * person.gas else 0.0
        empty = content == "empty" and gas < 0.15
        swell = 0.6 if empty else float(random.uniform(0.85, 1.15)) * (1 + 0.55 * gas)
        swell *= 1.12 if content in STOOL else 1.0
        gas = 0.0 if empty else gas
        pieces.append(Piece(line=courses[name], radius=radius * wide * swell, content=content, gas=gas))
    return pieces


def _draw_content(person: Person, random: np.random.Generator, dry: float) -> str:
    """What a piece contains besides gas; stool is drier towards the end of the bowel."""
    if random.random() > 0.2 + 0.8 * person.stool:
        return str(random.choice(["fluid", "empty"], p=[0.35, 0.65]))
    shares = np.array([0.2, 0.4, 0.35 + 0.4 * dry])
    return str(random.choice(STOOL, p=shares / shares.sum()))


def _courses(person: Person, random: np.random.Generator, front: float, side: float) -> dict[str, list[Matrix]]:
    """Points along each piece, world mm; the order of the draws is part of the revision."""
    lines = _flanks(person, random, side)
    across = _transverse(person, random, front)
    cut = int(random.integers(4, 8))
    lines["right"], lines["left"] = across[: cut + 1], across[cut:]
    lines["loop"] = _additional_loop(random, front)
    lines["sigmoid"] = _sigmoid(random, lines["descending"][-1], front)
    return lines


def _flanks(person: Person, random: np.random.Generator, side: float) -> dict[str, list[Matrix]]:
    """Ascending and descending colon."""
    fat = person.fat * person.visceral
    flank = min(side - 24, 104 * person.scale)
    lines: dict[str, list[Matrix]] = {}
    for name, sign, deep in (("ascending", -1, -38), ("descending", 1, -31)):
        x, y = sign * flank * random.uniform(0.82, 1.0), deep - 22 * fat + random.normal(0, 9)
        lines[name] = [
            np.array([x + random.normal(0, 6), y + random.normal(0, 5) - 0.0012 * (z - 40) ** 2, z])
            for z in np.arange(92.0 if sign > 0 else 66.0, -120, -23)
        ]
    return lines


def _transverse(person: Person, random: np.random.Generator, front: float) -> list[Matrix]:
    """Across the abdomen: high or hanging, straight or in bends."""
    high, sag, bends = random.normal(58, 18), random.uniform(0, 100), random.uniform(3, 16)
    lean = random.uniform(0, 26)
    return [
        np.array([x + random.normal(0, 5), -front + 26 + 0.003 * x * x + random.normal(0, 5),
                  high + lean * x / 92 - sag * (1 - (x / 95) ** 2) + random.normal(0, bends)])
        for x in np.linspace(-92, 92, 11) * person.scale
    ]  # fmt: skip


def _additional_loop(random: np.random.Generator, front: float) -> list[Matrix]:
    """A loop before the spine, where the colon is long."""
    first, last = random.normal(0, 1, (2, 3)) * [45, 0, 30] + [0, 0, -30]
    return [
        (1 - t) * first
        + t * last
        + np.array([0, -front + 28 + random.normal(0, 6), random.uniform(-50, 50) * t * (1 - t)])
        for t in np.linspace(0, 1, 6)
    ]


def _sigmoid(random: np.random.Generator, start: Matrix, front: float) -> list[Matrix]:
    """Of any length: from the end of the descending colon to the front, across the middle and up."""
    high, far = random.uniform(0, 150), random.uniform(60, 170)
    turn = np.linspace(0, 1, 9)
    deep = start[1] + (-front + 32 - start[1]) * np.sin(np.pi * np.minimum(turn * 1.4, 1) / 2)
    return [
        np.array([start[0] - far * t, y, start[2] + high * np.sin(np.pi * t) + random.normal(0, 9)])
        for t, y in zip(turn, deep, strict=True)
    ]
