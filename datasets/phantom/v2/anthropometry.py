"""Published dimensions of T11 to L5 by sex, from ``anthropometry.csv`` beside this file, and the levels of a spine.

Each row of the table names its source and whether its figures were read there (``checked``), entered without it
at hand (``memory``), or are ours (between the sources, by eye). Sources:

* ``panjabi1992``, ``panjabi1991``: Panjabi et al., Human lumbar (thoracic) vertebrae: quantitative three-dimensional
  anatomy, Spine 17(3), 1992 and 16(8), 1991: endplates, canal, transverse processes. Spreads and sexes are not theirs.
* ``zindrick1987``: Zindrick et al., Analysis of the morphometric characteristics of the thoracic and lumbar pedicles,
  Spine 12(2), 1987. What could be checked agrees: Lien et al., Eur Spine J 16(8), 2007, give 7.2 to 17.8 mm (width) and
  13.9 to 16.7 mm (height) as means of T11 to L5.
* ``nz2022``: a CT study of New Zealanders in the International Journal of Spine Surgery, table of L5 by sex. Relative
  spreads and differences of the sexes at L5 stand for all levels, where a source gives none.
* ``masharawi2010``: Masharawi et al., Eur Spine J 19(5), 2010, table 1: wedging of the bodies by sex, degrees, positive
  with the front lower. Their spreads are standard errors; ours is 2.4 degrees.
* ``iran-mri``: measurements of normal discs in Iranians by MRI: middle disc heights, which lie above those of Zhou et
  al., Eur Spine J 9(3), 2000; ours are nine tenths of them, between the two.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
LABELS = {
    "T11": 18, "T12": 19, "L1": 20, "L2": 21, "L3": 22, "L4": 23, "L5": 24, "L6": 25, "sacrum": 26,
    "ribs": 101, "ilium": 102,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """One vertebra before any fracture, mm and degrees; ``disc_height`` is the middle of the disc below."""

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
        """Mean depth of the body."""
        return 0.5 * (self.upper_depth + self.lower_depth)

    @property
    def wall(self) -> float:
        """How far the back wall stands behind the middle of the body."""
        return 0.5 * self.depth


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and standard deviation of one dimension at one level in one sex."""

    mean: float
    sd: float


@cache
def table() -> Mapping[tuple[str, str, bool], Figure]:
    """Figures by (dimension, level, male)."""
    figures: dict[tuple[str, str, bool], Figure] = {}
    with Path(__file__).with_name("anthropometry.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for sex in ("male", "female"):
                figures[row["dimension"], row["level"], sex == "male"] = Figure(float(row[sex]), float(row["sd"]))
    return figures
