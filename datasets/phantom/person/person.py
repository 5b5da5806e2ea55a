"""The person that a seed stands for: sex, age, build, bone, bowel, and the spine with its degeneration and fractures.

Distributions are ours where no source is named. Frequencies of traits differ as widely as in patients: two real CTs lie
among the persons drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..population import REVISION
from ..rendering.shapes import Frame
from .anthropometry import LEVELS, Dimensions
from .dimensions import WITHIN_SD, draw_dimensions
from .fractures import Fracture, draw_fractures
from .spine import draw_frames

# Entropy of the person's own draws in revision 5: other numbers would make another person of every seed.
_PERSON_ENTROPY, _PERSON_SEED_OFFSET = 3, 2_000_000
# Cumulative shares of persons and the bowel gas that they have at most: next to none, little, as usual, distended.
_PERSONS, _GAS = (0.0, 0.08, 0.33, 0.75, 1.0), (0.0, 0.02, 0.25, 0.7, 1.0)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person:
    """A drawn person.

    Attributes:
        seed: The patient's seed.
        male: Sex.
        age: Years.
        scale: Body size against the mean of both sexes.
        fat: 0 lean to 1 obese.
        visceral: Share of the fat that lies inside the abdomen, 0 to 1.
        muscle: 0 wasted to 1 strong.
        trabecular_hu: Mean HU of vertebral spongy bone.
        cortex: Thickness of cortical layers against the mean.
        levels: Vertebrae from head to foot; five or six are lumbar.
        sacralised: The last lumbar vertebra is joined to the sacrum by broad transverse processes.
        vertebrae: Dimensions by level.
        fractures: By level.
        wear: Degeneration of the disc below a level and of its rims and joints, 0 none to 1 severe.
        frames: Middle of each body (and of the sacral endplate) with axes left, posterior, superior; world mm.
        gas: Of the bowel, 0 none to 1 distended.
        stool: Share of the colon that is filled with stool.
        contrast: Strength of an intravenous contrast agent, 0 for none.
    """

    seed: int
    male: bool
    age: float
    scale: float
    fat: float
    visceral: float
    muscle: float
    trabecular_hu: float
    cortex: float
    levels: tuple[str, ...]
    sacralised: bool
    vertebrae: Mapping[str, Dimensions]
    fractures: Mapping[str, Fracture]
    wear: Mapping[str, float]
    frames: Mapping[str, Frame]
    gas: float
    stool: float
    contrast: float

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return _stream(REVISION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same person before any fracture."""
    random = _stream(_PERSON_ENTROPY, _PERSON_SEED_OFFSET + seed, "person")
    male = bool(random.random() < 0.5)
    age = float(np.clip(random.normal(58, 17), 20, 92))
    size = float(np.clip(random.normal(), -WITHIN_SD, WITHIN_SD))
    random.beta(1.3, 1.5)  # Unused in revision 5, as are the other discarded draws: they keep the order of the rest.
    muscle = float(np.clip(random.normal(0.82 - 0.005 * age + (0.08 if male else -0.05), 0.14), 0.05, 1))
    levels, sacralised = _draw_levels(random)
    wear = _draw_wear(random, age, levels)
    vertebrae = draw_dimensions(random, male=male, size=size, levels=levels, wear=wear)
    random.normal(0, 38)
    cortex, visceral = _draw_cortex(random, age), _draw_visceral_share(random, male=male)
    random.beta(1.3, 0.9)
    random.beta(2.0, 1.4)
    contrast = float(random.uniform(0.4, 1.2)) if random.random() < 0.4 else 0.0
    broken: dict[str, Fracture] = {}
    if fractures:
        broken = draw_fractures(_stream(_PERSON_ENTROPY, _PERSON_SEED_OFFSET + seed, "fractures"), age, male=male)
    build = _stream(REVISION, seed, "build")
    return Person(
        seed=seed, male=male, age=age, scale=(1.035 if male else 0.965) * (1 + 0.05 * size), muscle=muscle,
        cortex=cortex, levels=levels, sacralised=sacralised, vertebrae=vertebrae, fractures=broken, wear=wear,
        frames=draw_frames(_stream(REVISION, seed, "spine"), levels, vertebrae, broken, age),
        visceral=visceral, contrast=contrast,
        fat=float(build.beta(1.1, 0.95)), gas=float(np.interp(build.random(), _PERSONS, _GAS)),
        stool=float(build.beta(1.5, 1.1)), trabecular_hu=_draw_density(build, age),
    )  # fmt: skip


def _stream(entropy: int, seed: int, name: str) -> np.random.Generator:
    """Random numbers of one purpose of one patient."""
    return np.random.Generator(np.random.PCG64([entropy, seed, *name.encode()]))


def _draw_density(random: np.random.Generator, age: float) -> float:
    """HU of spongy bone: about 2 HU less a year (Pickhardt et al., Ann Intern Med 158(8), 2013, give the trend)."""
    return float(np.clip(243 - 1.95 * age + random.normal(0, 38), 40, 290))


def _draw_cortex(random: np.random.Generator, age: float) -> float:
    """Thinner with age; persons of one age differ by about a third, so that both real CTs lie among them."""
    return float(np.clip((1.03 - 0.005 * (age - 30)) * np.exp(random.normal(0, 0.34)), 0.45, 2.2))


def _draw_visceral_share(random: np.random.Generator, *, male: bool) -> float:
    return float(np.clip(random.normal(0.62 if male else 0.4, 0.17), 0.1, 0.95))


def _draw_levels(random: np.random.Generator) -> tuple[tuple[str, ...], bool]:
    """Six lumbar vertebrae in 1 of 30 persons, a sacralised last one in 1 of 17.

    Konin and Walz, AJNR 31(10), 2010, review transitional vertebrae: 4 to 30 % of people; the split is ours.
    """
    draw = random.random()
    levels = (*LEVELS, "L6") if draw < 0.033 else LEVELS
    return levels, bool(0.033 <= draw < 0.092)


def _draw_wear(random: np.random.Generator, age: float, levels: tuple[str, ...]) -> dict[str, float]:
    """More with age, and more at the lowest levels."""
    mean = 0.011 * max(0.0, age - 28)
    low = {"L3": 1.1, "L4": 1.5, "L5": 1.5, "L6": 1.2}
    shared = random.normal(0.55, 0.3)
    return {lv: float(np.clip((shared + random.normal(0, 0.4)) * mean * low.get(lv, 0.8), 0, 1)) for lv in levels}
