"""Who a seed is: sex, age, build, bone, bowel, and the dimensions of the spine with what has become of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from ..v1.person import stream
from ..v2 import person as second
from ..v2.anthropometry import LEVELS, Dimensions
from ..v2.spine import draw_fractures, draw_frames
from .anthropometry import table

VERSION = 3
# Draws beyond are drawn to the bound: everyone lies within two standard deviations of the published mean.
WITHIN_SD = 1.9


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person(second.Person):
    """A drawn patient: version 2's, whose bones it shares, with random numbers of its own.

    Attributes:
        visceral: Share of the fat that lies inside the belly, 0 to 1.
        gas: Of the bowel, 0 none to 1 distended.
        stool: Share of the colon that is filled with stool.
        contrast: Strength of an intravenous contrast agent, 0 for none.
    """

    visceral: float
    gas: float
    stool: float
    contrast: float

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return stream(VERSION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same one before any."""
    random = stream(VERSION, seed, "person")
    male = bool(random.random() < 0.5)
    age = float(np.clip(random.normal(58, 17), 20, 92))
    size = float(np.clip(random.normal(), -WITHIN_SD, WITHIN_SD))
    fat = float(random.beta(1.3, 1.5))
    muscle = float(np.clip(random.normal(0.82 - 0.005 * age + (0.08 if male else -0.05), 0.14), 0.05, 1))
    levels, sacralised = _levels(random)
    wear = _wear(random, age, levels)
    vertebrae = _dimensions(random, male=male, size=size, levels=levels, wear=wear)
    broken = draw_fractures(stream(VERSION, seed, "fractures"), age, male=male) if fractures else {}
    return Person(
        seed=seed, male=male, age=age, scale=(1.035 if male else 0.965) * (1 + 0.05 * size), fat=fat, muscle=muscle,
        trabecular_hu=_density(random, age), cortex=_cortex(random, age),
        levels=levels, sacralised=sacralised, vertebrae=vertebrae, fractures=broken, wear=wear,
        frames=draw_frames(stream(VERSION, seed, "spine"), levels, vertebrae, broken, age),
        visceral=float(np.clip(random.normal(0.62 if male else 0.4, 0.17), 0.1, 0.95)),
        gas=float(0.3 + 0.7 * random.beta(1.3, 0.9)), stool=float(random.beta(2.0, 1.4)),
        contrast=float(random.uniform(0.4, 1.2)) if random.random() < 0.4 else 0.0,
    )  # fmt: skip


def _density(random: np.random.Generator, age: float) -> float:
    """HU of spongy bone: about 2 HU less a year (Pickhardt et al., Ann Intern Med 158(8), 2013, give the trend)."""
    return float(np.clip(225 - 1.95 * age + random.normal(0, 38), 20, 270))


def _cortex(random: np.random.Generator, age: float) -> float:
    """Thinner with age; people of one age differ by about a third, so that both real CTs lie among them."""
    return float(np.clip((1.03 - 0.005 * (age - 30)) * np.exp(random.normal(0, 0.34)), 0.45, 2.2))


def _levels(random: np.random.Generator) -> tuple[tuple[str, ...], bool]:
    """Six lumbar vertebrae in 1 of 30, a sacralised last one in 1 of 17.

    Konin and Walz, AJNR 31(10), 2010, review transitional vertebrae: 4 to 30 % of people; the split is ours.
    """
    draw = random.random()
    levels = (*LEVELS, "L6") if draw < 0.033 else LEVELS
    return levels, bool(0.033 <= draw < 0.092)


def _wear(random: np.random.Generator, age: float, levels: tuple[str, ...]) -> dict[str, float]:
    """More with age, and more at the lowest levels."""
    mean = 0.011 * max(0.0, age - 28)
    low = {"L3": 1.1, "L4": 1.5, "L5": 1.5, "L6": 1.2}
    shared = random.normal(0.55, 0.3)
    return {lv: float(np.clip((shared + random.normal(0, 0.4)) * mean * low.get(lv, 0.8), 0, 1)) for lv in levels}


def _dimensions(
    random: np.random.Generator, *, male: bool, size: float, levels: tuple[str, ...], wear: Mapping[str, float]
) -> dict[str, Dimensions]:
    """Dimensions that run along the spine: body size, the dimension's own share and trend, and the level's."""
    drawn: dict[str, dict[str, float]] = {level: {} for level in levels}
    for name in (field.name for field in fields(Dimensions)):
        shared, trend = random.normal(), random.normal()
        for place, level in enumerate(levels):
            share = 0.0 if name in ("wedge_deg", "disc_height") else 0.5
            z = share * size + (0.78 - 0.24 * (share > 0)) * shared + 0.3 * trend * (place - 3) / 3
            z = float(np.clip(z + 0.5 * random.normal(), -WITHIN_SD, WITHIN_SD))
            figure = table()[name, "L5" if level == "L6" else level, male]
            drawn[level][name] = figure.mean + figure.sd * z
    for level, values in drawn.items():
        values["disc_height"] *= 1 - 0.55 * wear[level]
    return {level: Dimensions(**values) for level, values in drawn.items()}
