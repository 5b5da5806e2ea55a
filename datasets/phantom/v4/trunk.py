"""The soft parts of version 4: an outline that is no smooth oval, then what fills it."""

from dataclasses import dataclass, replace

import numpy as np

from ..v1.shapes import Frame
from ..v2.shapes import EVERYWHERE, TRUNK, Part, Shape, capsule, ellipsoid, half_space, soft
from ..v3.fat import UNDER_SKIN_HU, VISCERAL_HU
from ..v3.muscles import lean_hu
from ..v3.organs import organs
from ..v3.trunk import SKIN_HU

# Version 3 is frozen and keeps these to itself; a copy would be worse.
from ..v3.trunk import _canal as canal  # pyright: ignore[reportPrivateUsage]
from ..v3.trunk import _vessels as vessels  # pyright: ignore[reportPrivateUsage]
from .bowel import bowel
from .muscles import muscles
from .person import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The trunk at the height of L3, mm from the middle of its body: to the side, the front and the back.

    Attributes:
        side: Half-width.
        front: Depth before.
        back: Depth behind.
        layer: Fat under the skin at the front.
        behind: That at the back against that at the front.
        wall: Thickness of the belly's muscles.
        flare: How much broader 100 mm below.
        shift: Of the outline to the left, against the spine.
        turn: Of the outline about the long axis, radians.
        square: Power of the superellipse behind: 2 is round.
    """

    side: float
    front: float
    back: float
    layer: float
    behind: float
    wall: float
    flare: float
    shift: float
    turn: float
    square: float


def draw_outline(person: Person) -> Outline:
    """Fat lies inside or under the skin, as the person's; a belly that is fat inside is deep, not broad."""
    random, s = person.random("trunk"), person.scale
    inside, under = person.fat * person.visceral, person.fat * (1 - person.visceral)
    layer = 3 + 78 * under * random.uniform(0.75, 1.25)
    behind = float(random.uniform(0.35, 1.15))
    return Outline(
        side=(126 + 60 * person.fat) * s + random.normal(0, 6),
        front=(91 + 95 * inside) * s + 0.9 * layer + random.normal(0, 9),
        back=(67 + 4 * person.fat) * s + behind * layer + 14 * person.muscle + random.normal(0, 3),
        layer=layer,
        behind=behind,
        wall=7 + 11 * person.muscle,
        flare=float(random.normal(5 if person.male else 11, 5)),
        shift=float(random.normal(0, 4)),
        turn=float(random.normal(0, 0.035)),
        square=float(random.uniform(2.2, 2.9)),
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
        *vessels(person),
        *(part.confined(under_skin) for part in muscles(person, outline.back - outline.behind * outline.layer)),
        *canal(person),
    ]


def _frame(outline: Outline) -> Frame:
    c, s = np.cos(outline.turn), np.sin(outline.turn)
    return Frame(np.array([outline.shift, 0.0, 0.0]), np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]))


def _column(outline: Outline, depth: float) -> Shape:
    """The trunk's outline moved inwards by about ``depth`` mm, less at the back where the fat is thinner."""
    numbers = (
        outline.side - 0.85 * depth, -outline.flare, 6.0,
        outline.front - depth, 3.0, -3.0,
        outline.back - outline.behind * depth, -3.0, 2.0, 2.3, outline.square,
    )  # fmt: skip
    return Shape(TRUNK, _frame(outline), numbers, EVERYWHERE)


def _layers(person: Person, outline: Outline) -> list[Part]:
    """Skin with the fat below it; the wall in two sheets of muscle with fat between them; the fat inside."""
    grain = int(person.random("layers").integers(1 << 30))
    outer = _column(outline, outline.layer).made_of(shell_mm=0.5 * outline.wall, inner_hu=VISCERAL_HU)
    inner = _column(outline, outline.layer + 0.5 * outline.wall + 1.2).made_of(
        shell_mm=0.45 * outline.wall, inner_hu=VISCERAL_HU
    )
    lean = lean_hu(person)
    # Between the straight muscles of the belly only a tendon.
    line = soft((capsule((0, -outline.front, 200), (0, -outline.front, -200), (4, outline.layer + 4)),), UNDER_SKIN_HU)
    return [
        _skin(person, outline),
        *(
            Part((sheet,), lean, texture_hu=0.0, texture_mm=(12, 12, 12), texture_seed=grain + n, shell_variation=0.45)
            for n, sheet in enumerate((outer, inner))
        ),
        replace(line, shapes=(replace(line.shapes[0], reach_mm=EVERYWHERE),)).confined(
            _column(outline, outline.layer - 1).confining()
        ),
    ]


def _skin(person: Person, outline: Outline) -> Part:
    """Column with loins and a belly of its own, a groove along the spine, folds, navel; the table flattens the back."""
    random = person.random("skin")
    shapes = [_column(outline, 0.0), *_bulges(random, person, outline)]
    shapes = [shape.made_of(shell_mm=1.8, inner_hu=UNDER_SKIN_HU) for shape in shapes]
    groove = capsule((0, outline.back + 17, 200), (0, outline.back + 17, -200), (15, float(random.uniform(18, 22))))
    carved = [replace(groove, reach_mm=EVERYWHERE), *_folds(random, person, outline)]
    lean = (random.normal(0, 0.02), 1.0, random.normal(0, 0.03))
    lying = half_space((0, outline.back - random.uniform(-4, 2.5), 0), lean)
    return Part((*shapes, *(shape.carving() for shape in carved), lying.confining()), SKIN_HU, blend_mm=14.0)


def _bulges(random: np.random.Generator, person: Person, outline: Outline) -> list[Shape]:
    """Loins and a belly that hangs, more on one side than on the other; small in the lean."""
    shapes: list[Shape] = []
    for side in (-1.0, 1.0):
        out = outline.side - 26 + (2 + 12 * person.fat) * random.uniform(0, 1)
        place = (outline.shift + side * out, random.normal(0, 10), random.normal(-52, 16))
        shapes.append(ellipsoid(place, (26, 0.35 * outline.front, float(random.uniform(28, 60)))))
    hang = (3 + 26 * person.fat**2) * random.uniform(0, 1)
    place = (random.normal(0, 12), -outline.front + 40 - hang, random.normal(-70, 18))
    shapes.append(ellipsoid(place, (0.5 * outline.side, 40, float(random.uniform(38, 75)))))
    return shapes


def _folds(random: np.random.Generator, person: Person, outline: Outline) -> list[Shape]:
    """Creases of the flanks, which the stout have, and the navel."""
    shapes: list[Shape] = []
    for side in (-1.0, 1.0):
        if random.random() < person.fat:
            deep = random.uniform(3, 12) * person.fat
            centre = (outline.shift + side * (outline.side + 14 - deep), random.normal(0, 20), random.normal(8, 24))
            shapes.append(ellipsoid(centre, (14, 95, float(random.uniform(2.5, 5)))))
    navel = np.array([random.normal(0, 3), -outline.front - 8, random.normal(-38, 9)])
    wide, deep = random.uniform(3, 6.5), 8 + outline.layer * random.uniform(0.3, 0.75)
    shapes.append(ellipsoid(navel, (float(wide), float(deep), float(random.uniform(4, 11)))))
    return shapes
