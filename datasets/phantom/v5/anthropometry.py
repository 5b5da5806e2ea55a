"""Dimensions of version 5's people: version 4's, moved to a table whose bodies are as wide as in CT.

``anthropometry.csv`` holds version 4's rows (see there for their sources) but for these:

* Widths of the endplates from L2 to L5: ``measured`` on the mean shape of ``clouthier2023`` as its depths were, halfway
  between where the surface begins to fall and the widest place beneath: 2 to 7 mm more than ``panjabi1991`` and
  ``panjabi1992``, whose twelve spines version 4 follows. From T11 to L1 theirs are widened as much as at L2: ours.
* ``volume`` of a vertebra, ml: the mean shape's. Nobody is drawn from it: it is there to be compared with.

All other sources: ``zindrick1987``, ``christodoulou2005``, ``cook2021``, ``abbas2021``, ``duman2026``, ``bonczar2024``,
``yadav2020``, ``masharawi2010``, ``mile2022``, ``ctspinopelvic1k``.

Labels reach as far as the edge of a bone is seen in the image (``labels``): about a millimetre beyond the true surface.
Measured on them pedicles are thicker, canals and discs narrower than drawn; people are drawn so much the other way.
"""

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..v2.anthropometry import Dimensions
from ..v4 import anthropometry as fourth
from ..v4.figure_table import FigureTable, read_table
from .curve import draw_frames
from .person import Person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..v4.figure_table import Figures

# What labels show more than was drawn, mm, beyond what version 4 takes off (labels of 2 mm, 24 people).
_ADDED_MM: "Mapping[str, float]" = {
    "pedicle_width": 1.9, "pedicle_height": 1.5, "canal_width": -0.9, "canal_depth": -2.0, "disc_height": -1.3,
}  # fmt: skip
# And by level.
_ADDED_AT_MM: "Mapping[tuple[str, str], float]" = {
    ("canal_depth", "L1"): -2.5, ("disc_height", "L1"): -1.0,
    ("pedicle_width", "L5"): 2.4, ("pedicle_height", "L5"): 2.0, ("canal_width", "L5"): -2.3,
}  # fmt: skip


@cache
def _read() -> FigureTable:
    return read_table(Path(__file__).with_name("anthropometry.csv"))


def published() -> "Figures":
    """Figures of the table by (dimension, level, male)."""
    return _read().figures


def statuses() -> "Mapping[tuple[str, str], str]":
    """What the figures rest on by (dimension, level): ``verified``, ``measured``, ``from memory`` or ``ours``."""
    return _read().statuses


def with_own_dimensions(person: Person) -> Person:
    """The same person with the table's dimensions and its discs, the spine strung anew."""
    before = fourth.with_own_dimensions(person)
    vertebrae = {level: _moved(size, level, male=person.male) for level, size in before.vertebrae.items()}
    frames = draw_frames(person.random("spine"), person.levels, vertebrae, person.fractures, person.age)
    return replace(person, vertebrae=vertebrae, frames=frames)


def _moved(size: Dimensions, level: str, *, male: bool) -> Dimensions:
    """A vertebra of version 4 as far from this table's means as it was from version 4's, less what labels add."""
    row = "L5" if level == "L6" else level
    changes: dict[str, float] = {}
    for name in (field.name for field in fields(Dimensions)):
        old, new = fourth.published()[name, row, male], published()[name, row, male]
        added = _ADDED_AT_MM.get((name, row), _ADDED_MM.get(name, 0.0))
        changes[name] = getattr(size, name) + new.mean - old.mean - added
    return replace(size, **changes)
