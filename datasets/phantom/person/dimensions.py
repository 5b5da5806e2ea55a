"""Random dimensions of a person's vertebrae, correlated along the spine.

Shapes differ from the numbers that they are built from: blending thickens pedicles, the concavity of the posterior wall
deepens the canal, processes end short of their span. And labels reach as far as the edge of a bone is seen in the image
(``labels``), about a millimetre beyond the true surface: measured on them pedicles are thicker, canals and discs
narrower. Vertebrae are drawn so much the other way that measured dimensions have the published means.

Discs have the published height in their middle. The endplates are together 2.4 mm concave (Wang et al., Eur Spine J
21(11), 2012: 2.2 mm), so that the rims stand nearer to each other by as much.

The arithmetic is that of revision 5 of the generator, step by step: shorter expressions of the same value would round
otherwise and change the last bits of every voxel.
"""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from .anthropometry import Dimensions, Figure, first_compilation, published, second_compilation

# Draws beyond are set to the bound: everyone lies within two standard deviations of the published mean.
WITHIN_SD = 1.9

# What the shapes add to the number they are built from, mm: measured on labels of 1.2 and 1.4 mm; a vertebra is drawn
# about the first of these figures.
_FIRST_SHAPES_ADD_MM: Mapping[str, float] = {
    "canal_depth": 2.6, "pedicle_width": 1.1, "pedicle_height": 0.9, "transverse_span": -2.0, "disc_height": 3.2,
}  # fmt: skip
SHAPES_ADD_MM: Mapping[str, float] = {**_FIRST_SHAPES_ADD_MM, "canal_width": -1.6}
# What labels add beyond, mm (labels of 2 mm, 24 people); and by level.
_LABELS_ADD_MM: Mapping[str, float] = {
    "pedicle_width": 1.9, "pedicle_height": 1.5, "canal_width": -0.9, "canal_depth": -2.0, "disc_height": -1.3,
}  # fmt: skip
_LABELS_ADD_AT_MM: Mapping[tuple[str, str], float] = {
    ("canal_depth", "L1"): -2.5, ("disc_height", "L1"): -1.0,
    ("pedicle_width", "L5"): 2.4, ("pedicle_height", "L5"): 2.0, ("canal_width", "L5"): -2.3,
}  # fmt: skip
# Height of a disc between the rims beyond its height in the middle, mm; by level where measured heights asked for it
# (labels of 2 mm, 14 people); above the sacrum.
_RIMS_MM, _RIMS_AT_MM, _LAST_RIMS_MM = 1.9, {"L1": 1.4, "L2": 1.1, "L4": 2.3}, 0.9
# Published spreads include the reading error of a disc's height, which measuring a phantom adds once more.
_DISC_SPREAD = 0.8


def draw_dimensions(
    random: np.random.Generator, *, male: bool, size: float, levels: tuple[str, ...], wear: Mapping[str, float]
) -> dict[str, Dimensions]:
    """Dimensions by level: a share of body size, a share and a trend per dimension, and a share of the level's own.

    Args:
        random: Random generator.
        male: Sex.
        size: Body size in standard deviations.
        levels: From head to foot.
        wear: Of the disc below each level, 0 to 1: narrows it.
    """
    drawn: dict[str, dict[str, float]] = {level: {} for level in levels}
    for name in (field.name for field in fields(Dimensions)):
        shared, trend = random.normal(), random.normal()
        for place, level in enumerate(levels):
            share = 0.0 if name in ("wedge_deg", "disc_height") else 0.5
            z = share * size + (0.78 - 0.24 * (share > 0)) * shared + 0.3 * trend * (place - 3) / 3
            z = float(np.clip(z + 0.5 * random.normal(), -WITHIN_SD, WITHIN_SD))
            key = name, "L5" if level == "L6" else level, male
            first = _less(first_compilation()[key], _FIRST_SHAPES_ADD_MM.get(name, 0.0))
            value = first.mean + first.sd * z
            if name == "disc_height":
                kept, rims = 1 - 0.55 * wear[level], _rims(level, last=level == levels[-1])
                value = _disc_height(value * kept, first.mean, kept=kept, rims=rims)
            else:
                value = _moved(value, first, _less(second_compilation()[key], SHAPES_ADD_MM.get(name, 0.0)))
            moved = value + published()[key].mean - second_compilation()[key].mean
            drawn[level][name] = moved - labels_add_mm(name, key[1])
    return {level: Dimensions(**values) for level, values in drawn.items()}


def labels_add_mm(name: str, level: str) -> float:
    """What labels add to a dimension at a level beyond what the shapes add, mm."""
    return _LABELS_ADD_AT_MM.get((name, level), _LABELS_ADD_MM.get(name, 0.0))


def _less(figure: Figure, added: float) -> Figure:
    return Figure(figure.mean - added, figure.sd)


def _moved(value: float, first: Figure, second: Figure) -> float:
    """A value as far from the second mean, in standard deviations, as it was from the first; equal figures keep it."""
    return value if second == first else second.mean + (value - first.mean) * second.sd / first.sd


def _rims(level: str, *, last: bool) -> float:
    return _LAST_RIMS_MM if last else _RIMS_AT_MM.get(level, _RIMS_MM)


def _disc_height(worn: float, mean: float, *, kept: float, rims: float) -> float:
    """Height between the rims, mm, of a disc of which wear has left the share ``kept``; ``worn`` is its height so."""
    drawn = worn / kept
    return kept * (mean + _DISC_SPREAD * (drawn - mean) + rims)
