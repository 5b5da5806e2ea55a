"""The soft parts of version 5: version 4's outline, filled by this version's organs."""

from ..v2.shapes import Part
from ..v3.organs import organs

# Version 3 and 4 are frozen and keep these to themselves; a copy would be worse.
from ..v3.trunk import _canal as canal  # pyright: ignore[reportPrivateUsage]
from ..v3.trunk import _vessels as vessels  # pyright: ignore[reportPrivateUsage]
from ..v4.muscles import muscles
from ..v4.trunk import _column as column  # pyright: ignore[reportPrivateUsage]
from ..v4.trunk import _layers as layers  # pyright: ignore[reportPrivateUsage]
from ..v4.trunk import draw_outline
from .bowel import bowel
from .person import Person


def soft_tissue(person: Person) -> list[Part]:
    """All soft parts; bones come after them."""
    outline = draw_outline(person)
    cavity = column(outline, outline.layer + outline.wall + 2).confining()
    under_skin = column(outline, outline.layer + 1.5).confining()
    front, side = outline.front - outline.layer, outline.side - outline.layer - outline.wall
    inside = [*organs(person, front), *bowel(person, front - outline.wall, side)]
    return [
        *layers(person, outline),
        *(part.confined(cavity) for part in inside),
        *vessels(person),
        *(part.confined(under_skin) for part in muscles(person, outline.back - outline.behind * outline.layer)),
        *canal(person),
    ]
