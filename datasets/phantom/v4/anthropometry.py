"""Dimensions of version 4's people: version 3's draws moved to a table with more rows that were seen in print.

Each row of ``anthropometry.csv`` says what its figures rest on: ``verified`` (printed; where it was seen), ``measured``
(by us on a published shape), ``from memory`` or ``ours``. Sources besides those that version 3's table names
(``panjabi1991``, ``panjabi1992``, ``zindrick1987``, ``christodoulou2005``, ``cook2021``, ``abbas2021``, ``duman2026``,
``bonczar2024``, ``yadav2020``, ``masharawi2010``, ``mile2022``):

* ``ctspinopelvic1k``: the public data set of that name measures 802 patients' CTs by its own script, one row a patient;
  the span of the transverse processes is the extent of the vertebra from left to right. From L2 to L4 it is 5 to 8 mm
  more than what stood here of Panjabi's twelve spines; the mean shape of ``clouthier2023`` agrees within 2.4 mm.
* ``clouthier2023``: Clouthier et al., J Biomech 146, 2023, 111421: shapes of L2 to L5 of 87 patients' CTs. Measured on
  the mean shape: depth of an endplate in the middle, halfway between where its surface begins to fall (39 degrees) and
  the body's extent 2 mm inside, 1 to 2 mm to either side; heights of pedicles and spinous processes, as on labels.

Discs have the published height in the middle, between endplates as shallow as in life. Version 3 draws a disc's height
between the rims 3.2 mm less than published, for endplates that together are 4.3 mm deep. Version 4's are 2.4 mm deep
(Wang et al., Eur Spine J 21(11), 2012: 2.2 mm), so its rims stand apart by the difference.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

from ..v2.anthropometry import Dimensions
from ..v2.spine import draw_frames
from ..v3 import anthropometry as before
from .figure_table import Figures, FigureTable, read_table
from .person import Person

_RIMS_MM = 1.9
# Of that, by level, what brought the measured heights to the published means (labels of 2 mm, 14 people).
_RIMS_AT_MM = {"L1": 1.4, "L2": 1.1, "L4": 2.3}
# What the shapes add, as in version 3; pedicles and laminae bulge into the canal (labels of 1.4 mm, 14 people).
_ADDED_MM = {**before.ADDED_MM, "canal_width": -1.6}
# The sacral endplate is version 3's.
_LAST_MM = 0.9
# Published spreads hold the error of reading a disc's height, which measuring a phantom adds once more.
_DISC_SPREAD = 0.8


@cache
def _read() -> FigureTable:
    return read_table(Path(__file__).with_name("anthropometry.csv"))


def published() -> Figures:
    """Figures of the table by (dimension, level, male)."""
    return _read().figures


def statuses() -> Mapping[tuple[str, str], str]:
    """What the figures rest on by (dimension, level): ``verified``, ``measured``, ``from memory`` or ``ours``."""
    return _read().statuses


@cache
def table() -> Figures:
    """Figures that a person is drawn about: the published ones, less what the shapes add."""
    return _read().less(_ADDED_MM)


def moved(size: Dimensions, level: str, *, male: bool) -> Dimensions:
    """A vertebra drawn by version 3 as far from this table's means, in standard deviations, as it was from version 3's.

    What both tables have in common stays to the bit, discs among it, which wear has narrowed since they were drawn.
    """
    changes: dict[str, float] = {}
    for name in (field.name for field in fields(Dimensions)):
        key = name, "L5" if level == "L6" else level, male
        old, new = before.table()[key], table()[key]
        if new != old:
            changes[name] = new.mean + (getattr(size, name) - old.mean) * new.sd / old.sd
    return replace(size, **changes)


def _disc(person: Person, level: str) -> float:
    """Height between the rims, mm: version 3's draw nearer to its mean and farther apart; wear narrows all of it."""
    kept = 1 - 0.55 * person.wear[level]
    mean = before.table()["disc_height", "L5" if level == "L6" else level, person.male].mean
    drawn = person.vertebrae[level].disc_height / kept
    rims = _LAST_MM if level == person.levels[-1] else _RIMS_AT_MM.get(level, _RIMS_MM)
    return kept * (mean + _DISC_SPREAD * (drawn - mean) + rims)


def with_own_dimensions(person: Person) -> Person:
    """The same person with this table's dimensions and its discs, the spine strung anew."""
    vertebrae = {
        level: replace(moved(drawn, level, male=person.male), disc_height=_disc(person, level))
        for level, drawn in person.vertebrae.items()
    }
    frames = draw_frames(person.random("spine"), person.levels, vertebrae, person.fractures, person.age)
    return replace(person, vertebrae=vertebrae, frames=frames)
