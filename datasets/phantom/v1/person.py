"""Who a seed is: sex, age, size, build and the shape of the spine, with everything correlated along it."""

from dataclasses import asdict, dataclass

import numpy as np

from bench.geometry import Matrix

from .anthropometry import LEVELS, MEANS, TILTS_DEG, Dimensions
from .shapes import Frame

WITHOUT_SIGN = frozenset({"wedge_mm"})


def stream(version: int, seed: int, name: str) -> np.random.Generator:
    """Random numbers of one organ of one patient: adding an organ never changes another's."""
    return np.random.Generator(np.random.PCG64([version, seed, *name.encode()]))


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A drawn patient.

    Attributes:
        male: Sex.
        age: Years.
        scale: Size against the mean of the sex.
        fat: 0 lean to 1 obese.
        muscle: 0 wasted to 1 strong.
        trabecular_hu: Mean HU of vertebral spongy bone.
        vertebrae: Dimensions by level.
        wear: Degeneration of the disc below a level and of its rims, 0 none to 1 severe.
        frames: Middle of each body (and of the sacral endplate) with axes left, posterior, superior; world mm.
    """

    male: bool
    age: float
    scale: float
    fat: float
    muscle: float
    trabecular_hu: float
    vertebrae: dict[str, Dimensions]
    wear: dict[str, float]
    frames: dict[str, Frame]


def draw_person(version: int, seed: int) -> Person:
    """The person of a seed."""
    random = stream(version, seed, "person")
    male = bool(random.random() < 0.5)
    age = float(random.uniform(22, 85))
    scale = float(np.clip(random.normal(1.0, 0.055), 0.86, 1.15)) * (1.04 if male else 0.96)
    fat, muscle = float(random.beta(2, 3)), float(np.clip(random.normal(0.75 - 0.004 * age, 0.15), 0.05, 1))
    # Spongy bone of L1 loses about 2 HU a year (Pickhardt et al., Ann Intern Med 158(8), 2013, give the trend).
    density = float(np.clip(268 - 1.9 * age + random.normal(0, 28), 45, 270))
    wear = _wear(random, age)
    vertebrae = _dimensions(random, scale, wear)
    return Person(male, age, scale, fat, muscle, density, vertebrae, wear, _spine(random, vertebrae, age))


def _wear(random: np.random.Generator, age: float) -> dict[str, float]:
    """More with age, and more at the lowest levels."""
    mean = 0.012 * max(0.0, age - 30)
    low = {"L4": 1.5, "L5": 1.6, "L3": 1.2}
    return {level: float(np.clip(random.normal(0.6, 0.5) * mean * low.get(level, 0.9), 0, 1)) for level in LEVELS}


def _dimensions(random: np.random.Generator, scale: float, wear: dict[str, float]) -> dict[str, Dimensions]:
    """Dimensions whose departures are shared: each kind runs smoothly from level to level."""
    shared = {name: random.normal(0, 0.045) for name in Dimensions.__dataclass_fields__}
    trend = {name: random.normal(0, 0.02) for name in Dimensions.__dataclass_fields__}
    drawn: dict[str, Dimensions] = {}
    for place, level in enumerate(LEVELS):
        values: dict[str, float] = asdict(MEANS[level])
        for name in values:
            factor = np.exp(shared[name] + trend[name] * (place - 3) / 3 + random.normal(0, 0.025))
            values[name] *= float(factor if name in WITHOUT_SIGN else factor * scale)
        values["wedge_mm"] += float(random.normal(0, 0.6))
        values["disc_mm"] *= 1 - 0.5 * wear[level]
        drawn[level] = Dimensions(**values)
    return drawn


def _smooth(random: np.random.Generator, amplitude: float, count: int) -> Matrix:
    """A slow wave along the spine."""
    s = np.linspace(-1, 1, count)
    phase, waves = random.uniform(0, 2 * np.pi), random.uniform(0.5, 1.1)
    return np.asarray(amplitude * np.sin(np.pi * waves * s + phase))


def _spine(random: np.random.Generator, vertebrae: dict[str, Dimensions], age: float) -> dict[str, Frame]:
    """Frames of the bodies from lordosis, scoliosis and the rotation that goes with it; L3 at the origin."""
    names = [*LEVELS, "sacrum"]
    lordosis = np.clip(random.normal(1.0, 0.2) - 0.002 * (age - 50), 0.4, 1.5)
    pitch = np.array([TILTS_DEG[name] for name in names]) * lordosis + random.normal(0, 3.0)
    pitch = pitch + random.normal(0, 1.0, len(names))
    bend = _smooth(random, abs(random.normal(0, 4.0)), len(names)) + random.normal(0, 0.8, len(names))
    turn = 0.7 * _smooth(random, random.normal(0, 4.0), len(names)) + random.normal(0, 1.5)
    axes = [_axes(*angles) for angles in zip(pitch, bend, turn, strict=True)]
    middles = [np.zeros(3)]
    for above in range(len(LEVELS)):
        upper = vertebrae[names[above]]
        lower_half = vertebrae[names[above + 1]].height / 2 if above + 1 < len(LEVELS) else 0.0
        between = axes[above][2] + axes[above + 1][2]
        disc = upper.disc_mm * between / np.linalg.norm(between)
        step = axes[above][2] * upper.height / 2 + disc + axes[above + 1][2] * lower_half
        middles.append(middles[-1] - step)
    origin = middles[LEVELS.index("L3")]
    return {name: Frame(middle - origin, rows) for name, middle, rows in zip(names, middles, axes, strict=True)}


def _axes(pitch_deg: float, bend_deg: float, turn_deg: float) -> Matrix:
    """Rows: left, posterior, superior axis of a vertebra; positive pitch lowers its front."""
    p, b, t = np.radians([pitch_deg, bend_deg, turn_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return np.asarray((about_z @ about_y @ about_x).T)
