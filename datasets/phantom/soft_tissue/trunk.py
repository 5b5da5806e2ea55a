"""All soft parts of the trunk in painting order, and where the CT's box stands about it."""

import numpy as np

from bench.geometry import Matrix

from ..options import PatientOptions
from ..person.person import Person
from ..rendering.shapes import Part, capsule, soft
from .bowel import bowel
from .muscles import muscles
from .organs import organs
from .outline import draw_outline
from .skin import layers
from .vessels import vessels

# The middle of the box, mm from the middle of L3's body: T12 to S1 fit, with air before and behind the body.
_BOX_CENTRE = (0.0, -10.0, -14.0)
# Air behind the back, at least.
_AIR_MM = 3.0
# Fat of the spinal canal and the dural sac in it: share of its width and depth, HU.
_CANAL = ((1.0, 1.0, -62.0), (0.68, 0.76, 18.0))


def origin_of(person: Person, options: PatientOptions) -> Matrix:
    """World position of voxel (0, 0, 0), mm: the box stands about the body, as a scan is planned.

    Of a body that is deeper than the box the skin of the belly is missing, not the back.
    """
    outline, half = draw_outline(person), 0.5 * (options.size - 1) * options.spacing_mm
    x, y, z = _BOX_CENTRE
    middle = max(0.5 * (outline.back - outline.front), min(outline.back + _AIR_MM - half, y))
    return np.asarray(np.array([x, middle, z]) - half)


def soft_tissue(person: Person) -> list[Part]:
    """All soft parts; bones come after them."""
    outline = draw_outline(person)
    cavity = outline.inside(outline.layer + outline.wall + 2).confining()
    under_skin = outline.inside(outline.layer + 1.5).confining()
    front, side = outline.front - outline.layer, outline.side - outline.layer - outline.wall
    inside = [*organs(person, front), *bowel(person, front - outline.wall, side)]
    return [
        *layers(person, outline),
        *(part.confined(cavity) for part in inside),
        *vessels(person),
        *(part.confined(under_skin) for part in muscles(person, outline.back - outline.behind * outline.layer)),
        *_canal(person),
    ]


def _canal(person: Person) -> list[Part]:
    """Fat of the spinal canal with the dural sac inside it."""
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
    for wide, deep, hu in _CANAL:
        radii = [(wide * u, deep * v) for u, v in widths]
        rods = [capsule(points[n], points[n + 1], radii[n], radii[n + 1]) for n in range(len(points) - 1)]
        parts.append(soft(tuple(rods), hu, blend_mm=2.0))
    return parts
