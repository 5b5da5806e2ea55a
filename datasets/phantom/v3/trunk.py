"""All that is not bone, in painting order: outline, fat, wall, viscera, vessels, muscles, the canal's contents."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import Frame
from ..v2.shapes import EVERYWHERE, TRUNK, Part, Shape, capsule, ellipsoid, soft
from .bowel import bowel
from .fat import UNDER_SKIN_HU, VISCERAL_HU
from .muscles import lean_hu, muscles
from .organs import organs
from .person import Person

SKIN_HU = 10.0


@dataclass(frozen=True, slots=True)
class Outline:
    """The trunk at the height of L3, mm from the middle of its body: to the side, the front and the back.

    ``layer`` is the fat under the skin at the front; it is thicker at the back of the pelvis and thinner at the flanks.
    """

    side: float
    front: float
    back: float
    layer: float
    wall: float
    flare: float


def draw_outline(person: Person) -> Outline:
    """Fat lies inside or under the skin, as the person's; a belly that is fat inside is deep, not broad."""
    random, s = person.random("trunk"), person.scale
    inside, under = person.fat * person.visceral, person.fat * (1 - person.visceral)
    layer = 3 + 82 * under * random.uniform(0.8, 1.2)
    return Outline(
        side=(128 + 60 * person.fat) * s + random.normal(0, 5),
        front=(91 + 95 * inside) * s + 0.9 * layer + random.normal(0, 8),
        back=(79 + 4 * person.fat) * s + 0.95 * layer + 10 * person.muscle + random.normal(0, 4),
        layer=layer,
        wall=8 + 11 * person.muscle,
        flare=float(random.normal(5 if person.male else 10, 4)),
    )


def soft_tissue(person: Person) -> list[Part]:
    """All soft parts; bones come after them."""
    outline = draw_outline(person)
    cavity = _column(outline, outline.layer + outline.wall + 2).confining()
    under_skin = _column(outline, outline.layer + 1.5).confining()
    inside = [
        *organs(person, outline.front - outline.layer),
        *bowel(person, outline.front - outline.layer - outline.wall, outline.side - outline.layer - outline.wall),
    ]
    return [
        *_layers(person, outline),
        *(part.confined(cavity) for part in inside),
        *_vessels(person),
        *(part.confined(under_skin) for part in muscles(person, outline.back - outline.layer)),
        *_canal(person),
    ]


def _column(outline: Outline, depth: float) -> Shape:
    """The trunk's outline moved inwards by about ``depth`` mm."""
    numbers = (
        outline.side - 0.85 * depth, -outline.flare, 6.0,
        outline.front - depth, 3.0, -3.0,
        outline.back - 0.9 * depth, -3.0, 2.0, 2.3, 3.0,
    )  # fmt: skip
    return Shape(TRUNK, Frame(np.zeros(3), np.eye(3)), numbers, EVERYWHERE)


def _layers(person: Person, outline: Outline) -> list[Part]:
    """Skin with the fat below it; the wall in two sheets of muscle with fat between them; the fat inside."""
    grain = int(person.random("layers").integers(1 << 30))
    skin = _column(outline, 0.0).made_of(shell_mm=1.8, inner_hu=UNDER_SKIN_HU)
    groove = capsule((0, outline.back + 17, 200), (0, outline.back + 17, -200), (15, 21)).carving()
    outer = _column(outline, outline.layer).made_of(shell_mm=0.5 * outline.wall, inner_hu=VISCERAL_HU)
    inner = _column(outline, outline.layer + 0.5 * outline.wall + 1.2).made_of(
        shell_mm=0.45 * outline.wall, inner_hu=VISCERAL_HU
    )
    lean = lean_hu(person)
    # Between the straight muscles of the belly only a tendon.
    line = soft((capsule((0, -outline.front, 200), (0, -outline.front, -200), (4, outline.layer + 4)),), UNDER_SKIN_HU)
    return [
        Part((skin, replace(groove, reach_mm=EVERYWHERE)), SKIN_HU),
        *(
            Part((sheet,), lean, texture_hu=0.0, texture_mm=(12, 12, 12), texture_seed=grain + n, shell_variation=0.45)
            for n, sheet in enumerate((outer, inner))
        ),
        replace(line, shapes=(replace(line.shapes[0], reach_mm=EVERYWHERE),)).confined(
            _column(outline, outline.layer - 1).confining()
        ),
    ]


def _vessels(person: Person) -> list[Part]:
    """Aorta to the left of the middle with chalk in older walls, vena cava to the right; both part at L4."""
    random = person.random("vessels")
    blood, radius = float(random.normal(42, 5)) + 105 * person.contrast, 7.8 + 0.05 * max(0.0, person.age - 40)
    parts: list[Part] = []
    for side, thick in ((0.6, radius), (-1.35, radius * 1.15)):
        knots = [
            person.frames[lv].to_world(
                (14 * side + random.normal(0, 1.5), -person.vertebrae[lv].depth / 2 - thick - 2.5, 0)
            )
            for lv in person.levels
            if lv not in ("L5", "L6")
        ]
        rods = [capsule(high, low, (thick, thick * 0.95)) for high, low in pairwise(knots)]
        branches = [person.frames["sacrum"].to_world((x, -16, -14)) for x in (28 * side - 22, 28 * side + 20)]
        rods += [capsule(knots[-1], end, (thick * 0.62, thick * 0.62)) for end in branches]
        parts.append(soft(tuple(rods), blood))
        if side > 0 and person.age > 45:
            parts += _chalk([*knots, branches[1]], thick, random, max(0.0, person.age - 45) * random.uniform(0, 0.6))
    return parts


def _chalk(knots: list[Matrix], radius: float, random: np.random.Generator, amount: float) -> list[Part]:
    """Flat deposits in the wall, most near where the aorta parts."""
    flecks: list[Shape] = []
    for _ in range(int(amount)):
        n, share = int(len(knots) - 2 - min(len(knots) - 3, random.exponential(1.2))), random.random()
        turn = random.uniform(0, 2 * np.pi)
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        centre = (1 - share) * knots[n] + share * knots[n + 1] + 0.95 * radius * out
        axes = np.stack([out, np.cross([0, 0, 1], out), [0, 0, 1]])
        flecks.append(ellipsoid(centre, (1.1, random.uniform(1.5, 4), random.uniform(2, 7)), axes))
    return [soft(tuple(flecks), 700.0, blend_mm=0.5)] if flecks else []


def _canal(person: Person) -> list[Part]:
    """Fat of the canal with the dural sac inside it."""
    points: list[Matrix] = []
    widths: list[tuple[float, float]] = []
    for level in person.levels:
        size = person.vertebrae[level]
        points.append(person.frames[level].to_world((0, size.wall + size.canal_depth / 2, 0)))
        widths.append((size.canal_width / 2, size.canal_depth / 2))
    last = person.vertebrae[person.levels[-1]]
    points.append(person.frames["sacrum"].to_world((0, last.wall + 7, -8)))
    widths.append((12.0, 7.0))
    parts: list[Part] = []
    for wide, deep, hu in ((1.0, 1.0, -62.0), (0.68, 0.76, 18.0)):
        radii = [(wide * u, deep * v) for u, v in widths]
        rods = [capsule(points[n], points[n + 1], radii[n], radii[n + 1]) for n in range(len(points) - 1)]
        parts.append(soft(tuple(rods), hu, blend_mm=2.0))
    return parts
