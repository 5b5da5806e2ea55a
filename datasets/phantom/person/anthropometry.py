"""Published dimensions of T11 to L5 by sex: ``anthropometry.csv`` beside this file.

Each row states the basis of its figures: ``verified`` (printed in a source; which, which table, how many people,
whether the split of the sexes and the spread are printed too, and where it was seen), ``measured`` (by us, on a
published shape), ``from memory`` (entered without the source at hand) or ``ours`` (between the sources, by eye).
Sources:

* ``panjabi1992``, ``panjabi1991``: Panjabi et al., Human lumbar (thoracic) vertebrae: quantitative three-dimensional
  anatomy, Spine 17(3), 1992 and 16(8), 1991. Twelve cadaver spines, the same in both.
* ``zindrick1987``: Zindrick et al., Analysis of the morphometric characteristics of the thoracic and lumbar pedicles,
  Spine 12(2), 1987. ``lien2007``: Lien et al., Eur Spine J 16(8), 2007. ``kaur2016``: Kaur et al., J Clin Orthop Trauma
  7(2), 2016. ``christodoulou2005``: pedicles of Greeks, Clin Anat 18(6), 2005.
* ``cook2021``: Cook and Baker, Int J Spine Surg 15(6), 2021: CTs of 196 New Zealanders, table of L5 by sex.
* ``abbas2021``: Abbas et al., BioMed Res Int 2021, 7093745: CTs of 90 men and 90 women without complaints.
* ``duman2026``: Duman and Yamansavci Sirzai, Tomography 12(8), 2026: CTs of 517 adults. ``bonczar2024``: Bonczar et
  al., Surg Radiol Anat 47(1), 2024: 18 studies pooled.
* ``yadav2020``: Yadav et al., Int J Spine Surg 14(2), 2020: CTs of 302 adults. Chen et al., Eur Spine J 20(11), 2011.
* ``masharawi2010``: Masharawi et al., Eur Spine J 19(5), 2010: wedging of the bodies, positive with the front lower.
* ``mile2022``: Mi Le et al., Sci Rep 12, 2022 (s41598-022-21840-x): degrees between the upper endplates of a vertebra
  and of the next below, standing. Not drawn from: for comparison only.
* ``ctspinopelvic1k``: the public data set of that name measures 802 patients' CTs by its own script, one row a patient;
  the span of the transverse processes is the extent of the vertebra from left to right. From L2 to L4 it is 5 to 8 mm
  more than in Panjabi's twelve spines; the mean shape of ``clouthier2023`` agrees within 2.4 mm.
* ``clouthier2023``: Clouthier et al., J Biomech 146, 2023, 111421: shapes of L2 to L5 of 87 patients' CTs. Measured on
  the mean shape: depth and width of an endplate halfway between where its surface begins to fall (39 degrees) and the
  widest place 2 mm inside; heights of pedicles and spinous processes, as on labels. Widths from T11 to L1 are Panjabi's
  enlarged by as much as at L2: ours. ``volume`` of a vertebra, ml: the mean shape's, for comparison only.

What was seen of the older papers is their figures as transcribed, with table and page, in the public data set
CTSpinoPelvic1K (Apache-2.0), not the papers. Published means differ: of the pedicle's width at L5 from 11.8 to 21.6 mm.

The columns ``first_*`` and ``second_*`` hold the figures of two earlier compilations where they differ from the final
ones (``male``, ``female``, ``sd``): a vertebra is drawn about the first and then moved to the second and to the final
means (see ``dimensions``). They are part of the generator's revision.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
LABELS = {
    "T11": 18, "T12": 19, "L1": 20, "L2": 21, "L3": 22, "L4": 23, "L5": 24, "L6": 25, "sacrum": 26,
    "ribs": 101, "ilium": 102,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """One vertebra before any fracture, mm and degrees; ``disc_height`` is that of the disc below, in its middle."""

    upper_width: float
    lower_width: float
    upper_depth: float
    lower_depth: float
    posterior_height: float
    wedge_deg: float
    pedicle_width: float
    pedicle_height: float
    canal_width: float
    canal_depth: float
    transverse_span: float
    spinous_length: float
    disc_height: float

    @property
    def depth(self) -> float:
        """Mean depth of the body, mm."""
        return 0.5 * (self.upper_depth + self.lower_depth)

    @property
    def wall(self) -> float:
        """Distance of the posterior wall from the middle of the body, mm."""
        return 0.5 * self.depth


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and standard deviation of one dimension at one level in one sex, mm, degrees or ml."""

    mean: float
    sd: float


Figures: TypeAlias = Mapping[tuple[str, str, bool], Figure]


@cache
def published() -> Figures:
    """Published figures by (dimension, level, male)."""
    return _figures("male", "female", "sd")


@cache
def first_compilation() -> Figures:
    """The figures that a vertebra is drawn about, by (dimension, level, male)."""
    return _figures("first_male", "first_female", "first_sd", otherwise=second_compilation())


@cache
def second_compilation() -> Figures:
    """The figures that a drawn vertebra is moved to first, by (dimension, level, male)."""
    return _figures("second_male", "second_female", "sd", otherwise=published())


@cache
def statuses() -> Mapping[tuple[str, str], str]:
    """What the figures rest on by (dimension, level): ``verified``, ``measured``, ``from memory`` or ``ours``."""
    return {(row["dimension"], row["level"]): row["status"] for row in _rows()}


def _figures(male: str, female: str, sd: str, *, otherwise: Figures | None = None) -> Figures:
    """Figures from three columns of the table; where they are empty, those of ``otherwise``."""
    found = dict(otherwise or {})
    for row in _rows():
        if row[male]:
            for column in (male, female):
                key = row["dimension"], row["level"], column == male
                found[key] = Figure(float(row[column]), float(row[sd]))
    return found


@cache
def _rows() -> list[dict[str, str]]:
    with Path(__file__).with_name("anthropometry.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
