"""Mean dimensions of T11 to L5, and how a person departs from them.

The figures follow the papers below but were entered without them at hand: plausible, not verified against their tables.
Sources, by column of ``MEANS``:

* Panjabi et al., "Human lumbar vertebrae: quantitative three-dimensional anatomy", Spine 17(3), 1992: endplate widths
  and depths, posterior body height, canal width and depth, span of the transverse processes (L1 to L5).
* Zindrick et al., "Analysis of the morphometric characteristics of the thoracic and lumbar pedicles", Spine 12(2),
  1987: pedicle widths and heights.
* Zhou et al., "Geometrical dimensions of the lower lumbar vertebrae", Eur Spine J 9(3), 2000: discs below L3, L4, L5.
* Ours, by extrapolation and by eye, not published figures: the rest of T11 and T12, upper discs, lengths of the spinous
  processes, differences between the sexes (8 %), standard deviations (7 %).
"""

from dataclasses import dataclass

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
LABELS = {
    "T11": 18,
    "T12": 19,
    "L1": 20,
    "L2": 21,
    "L3": 22,
    "L4": 23,
    "L5": 24,
    "sacrum": 26,
    "ribs": 101,
    "ilium": 102,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """One vertebra, mm; ``wedge_mm`` is the anterior less the posterior height, ``disc_mm`` the disc below."""

    upper_width: float
    lower_width: float
    upper_depth: float
    lower_depth: float
    height: float
    wedge_mm: float
    canal_width: float
    canal_depth: float
    pedicle_width: float
    pedicle_height: float
    transverse_span: float
    spinous_length: float
    disc_mm: float


def _row(*numbers: float) -> Dimensions:
    return Dimensions(**dict(zip(Dimensions.__dataclass_fields__, numbers, strict=True)))


MEANS = {
    #             widths      depths      height wedge canal       pedicle     span  spinous disc
    "T11": _row(34.9, 37.0, 29.5, 31.0, 22.0, -1.8, 19.4, 17.0, 7.8, 17.4, 52.0, 24.0, 5.5),
    "T12": _row(38.0, 40.0, 32.0, 33.4, 23.0, -1.6, 22.2, 18.1, 7.1, 15.8, 47.0, 24.0, 6.5),
    "L1": _row(41.2, 43.3, 34.1, 35.3, 23.8, -1.0, 23.7, 19.0, 8.7, 15.4, 71.2, 28.0, 7.8),
    "L2": _row(42.6, 45.5, 34.6, 34.9, 24.3, -0.3, 23.8, 18.2, 8.9, 15.0, 76.1, 30.0, 9.2),
    "L3": _row(44.1, 48.0, 35.2, 34.8, 23.8, 0.6, 24.3, 17.5, 10.3, 14.9, 85.7, 31.0, 11.6),
    "L4": _row(46.6, 49.5, 35.5, 33.9, 24.1, 1.6, 25.4, 18.6, 12.9, 14.8, 79.5, 28.0, 11.3),
    "L5": _row(47.3, 49.4, 34.7, 33.2, 22.9, 4.2, 27.1, 19.7, 18.0, 14.0, 92.5, 22.0, 10.7),
}

# Forward tilt of the middle plane, degrees, lying on the back: about 50 degrees of lordosis from L1 to the sacrum.
TILTS_DEG = {"T11": -15.0, "T12": -15.5, "L1": -13.5, "L2": -9.0, "L3": -3.0, "L4": 6.0, "L5": 20.0, "sacrum": 37.0}
