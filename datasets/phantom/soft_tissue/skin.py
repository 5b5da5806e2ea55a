"""Skin, subcutaneous fat and the abdominal wall."""

from dataclasses import replace

import numpy as np

from ..person.person import Person
from ..rendering.fat_network import UNDER_SKIN_HU, VISCERAL_HU
from ..rendering.shapes import EVERYWHERE, Part, Shape, capsule, ellipsoid, half_space, soft
from .muscles import lean_hu
from .outline import Outline

_SKIN_HU = 10.0


def layers(person: Person, outline: Outline) -> list[Part]:
    """Skin with the fat below it; the wall in two sheets of muscle with fat between them; the fat inside."""
    grain = int(person.random("layers").integers(1 << 30))
    outer = outline.inside(outline.layer).made_of(shell_mm=0.5 * outline.wall, inner_hu=VISCERAL_HU)
    inner = outline.inside(outline.layer + 0.5 * outline.wall + 1.2).made_of(
        shell_mm=0.45 * outline.wall, inner_hu=VISCERAL_HU
    )
    lean = lean_hu(person)
    return [
        _skin(person, outline),
        *(
            Part((sheet,), lean, texture_hu=0.0, texture_mm=(12, 12, 12), texture_seed=grain + n, shell_variation=0.45)
            for n, sheet in enumerate((outer, inner))
        ),
        _midline(outline),
    ]


def _midline(outline: Outline) -> Part:
    """The linea alba: between the two straight muscles of the abdomen there is only a tendon."""
    rod = capsule((0, -outline.front, 200), (0, -outline.front, -200), (4, outline.layer + 4))
    part = soft((replace(rod, reach_mm=EVERYWHERE),), UNDER_SKIN_HU)
    return part.confined(outline.inside(outline.layer - 1).confining())


def _skin(person: Person, outline: Outline) -> Part:
    """Trunk with flanks and a belly of its own, a groove along the spine, folds, navel; the table flattens the back."""
    random = person.random("skin")
    shapes = [outline.inside(0.0), *_bulges(random, person, outline)]
    shapes = [shape.made_of(shell_mm=1.8, inner_hu=UNDER_SKIN_HU) for shape in shapes]
    groove = capsule((0, outline.back + 17, 200), (0, outline.back + 17, -200), (15, float(random.uniform(18, 22))))
    carved = [replace(groove, reach_mm=EVERYWHERE), *_folds(random, person, outline)]
    lean = (random.normal(0, 0.02), 1.0, random.normal(0, 0.03))
    lying = half_space((0, outline.back - random.uniform(-4, 2.5), 0), lean)
    return Part((*shapes, *(shape.carving() for shape in carved), lying.confining()), _SKIN_HU, blend_mm=14.0)


def _bulges(random: np.random.Generator, person: Person, outline: Outline) -> list[Shape]:
    """Flanks and a hanging belly, asymmetric; small in lean persons."""
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
    """Creases of the flanks, the more frequent the more fat, and the navel."""
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
