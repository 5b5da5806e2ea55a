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
from functools import cache
from pathlib import Path

from ..v2.anthropometry import Figure


@cache
def table() -> Mapping[tuple[str, str, bool], Figure]:
    """Figures by (dimension, level, male)."""
    figures: dict[tuple[str, str, bool], Figure] = {}
    with Path(__file__).with_name("anthropometry.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for sex in ("male", "female"):
                figures[row["dimension"], row["level"], sex == "male"] = Figure(float(row[sex]), float(row["sd"]))
    return figures
