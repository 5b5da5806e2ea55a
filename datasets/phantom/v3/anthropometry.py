"""Published dimensions of T11 to L5 by sex, from ``anthropometry.csv`` beside this file.

Each row of the table says whether its figures were seen in a source (``verified``: which, which table, how many people,
whether the split of the sexes and the spread are printed too or whose they are, and where it was seen), entered without
one at hand (``from memory``) or are ``ours`` (between the sources, by eye). Sources:

* ``panjabi1992``, ``panjabi1991``: Panjabi et al., Human lumbar (thoracic) vertebrae: quantitative three-dimensional
  anatomy, Spine 17(3), 1992 and 16(8), 1991. Twelve spines of the dead, the same in both.
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
  and of the next below, standing. Nobody is drawn from it: it is there to be compared with.

What was seen of the older papers is their figures as transcribed, with table and page, in the public data set
CTSpinoPelvic1K (Apache-2.0), not the papers. Published means differ: of the pedicle's width at L5 from 11.8 to 21.6 mm.
"""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ..v2.anthropometry import Figure

# What the shapes add to the number they are built from, mm, measured on labels of 1.2 mm (v2, 6 people, L1 to L5): the
# hollow of the back wall deepens the canal, blending thickens the pedicles, processes end short of their span. A disc
# is built between the rims, its published height taken in the middle. The endplates' hollows add 4.3 mm there; in life
# they are 2.2 mm (Wang et al., Eur Spine J 21(11), 2012). Half of the difference goes to the rims, half to the middle.
ADDED_MM: Mapping[str, float] = MappingProxyType(
    {"canal_depth": 2.6, "pedicle_width": 1.1, "pedicle_height": 0.9, "transverse_span": -2.0, "disc_height": 3.2}
)

Figures = Mapping[tuple[str, str, bool], Figure]


@cache
def published() -> Figures:
    """Figures of the table by (dimension, level, male)."""
    return {
        (row["dimension"], row["level"], sex == "male"): Figure(float(row[sex]), float(row["sd"]))
        for row in _rows()
        for sex in ("male", "female")
    }


@cache
def statuses() -> Mapping[tuple[str, str], str]:
    """What the figures rest on by (dimension, level): ``verified``, ``from memory`` or ``ours``."""
    return {(row["dimension"], row["level"]): row["status"] for row in _rows()}


@cache
def table() -> Figures:
    """Figures that a person is drawn from: the published ones, less what the shapes add."""
    return {key: Figure(each.mean - ADDED_MM.get(key[0], 0.0), each.sd) for key, each in published().items()}


def _rows() -> list[dict[str, str]]:
    with Path(__file__).with_name("anthropometry.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
