"""How the vertebrae stand: lordosis, scoliosis with the rotation that goes with it, and fractures."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import Frame
from .anthropometry import Dimensions

# Forward tilt of the middle plane, degrees, lying on the back: about 50 degrees of lordosis from L1 to the sacrum.
TILTS_DEG = {"T11": -15.0, "T12": -15.5, "L1": -13.5, "L2": -9.0, "L3": -3.0, "L4": 6.0, "L5": 20.0, "sacrum": 37.0}


class Deformity(StrEnum):
    """Genant's three shapes (Genant et al., J Bone Miner Res 8(9), 1993)."""

    WEDGE = "wedge"
    BICONCAVE = "biconcave"
    CRUSH = "crush"


@dataclass(frozen=True, slots=True)
class Fracture:
    """A healed fracture: what is lost of a body's height, 0.2 to 0.5."""

    deformity: Deformity
    loss: float

    @property
    def anterior(self) -> float:
        """What is left of the front."""
        return 1 - self.loss if self.deformity is not Deformity.BICONCAVE else 1 - 0.15 * self.loss

    @property
    def posterior(self) -> float:
        """What is left of the back."""
        return 1 - 0.8 * self.loss if self.deformity is Deformity.CRUSH else 1 - 0.08 * self.loss


def draw_fractures(random: np.random.Generator, age: float, *, male: bool) -> dict[str, Fracture]:
    """Prevalence by age and sex after O'Neill et al., J Bone Miner Res 11(7), 1996 (12 % between 50 and 79)."""
    chance = 0.03 if age < 50 else 0.08 + (0.004 if male else 0.0075) * (age - 60)
    if random.random() >= max(chance, 0.02):
        return {}
    count = 1 + int(random.random() < 0.35) + int(random.random() < 0.12)
    levels = random.choice(
        ["T11", "T12", "L1", "L2", "L3", "L4"], count, replace=False, p=[0.15, 0.26, 0.27, 0.14, 0.1, 0.08]
    )
    kinds = (Deformity.WEDGE, Deformity.BICONCAVE, Deformity.CRUSH)
    return {
        str(level): Fracture(kinds[int(random.choice(3, p=[0.55, 0.3, 0.15]))], float(random.uniform(0.2, 0.48)))
        for level in levels
    }


def heights(size: Dimensions, fracture: Fracture | None) -> tuple[float, float]:
    """Anterior and posterior height of a body, mm, as it is now."""
    anterior = size.posterior_height - size.depth * np.tan(np.radians(size.wedge_deg))
    if fracture is None:
        return float(anterior), size.posterior_height
    return float(anterior * fracture.anterior), size.posterior_height * fracture.posterior


def draw_frames(
    random: np.random.Generator,
    levels: tuple[str, ...],
    vertebrae: Mapping[str, Dimensions],
    fractures: Mapping[str, Fracture],
    age: float,
) -> dict[str, Frame]:
    """Frames of the bodies and the sacral endplate, L3 at the origin."""
    names = [*levels, "sacrum"]
    axes = [
        _axes(*angles) for angles in zip(*_angles(random, names, age, _kyphosis(vertebrae, fractures)), strict=True)
    ]
    middles = [np.zeros(3)]
    for n, level in enumerate(levels):
        half = sum(heights(vertebrae[level], fractures.get(level))) / 4
        below = levels[n + 1] if n + 1 < len(levels) else None
        lower_half = sum(heights(vertebrae[below], fractures.get(below))) / 4 if below else 0.0
        between = axes[n][2] + axes[n + 1][2]
        disc = vertebrae[level].disc_height * between / np.linalg.norm(between)
        middles.append(middles[-1] - axes[n][2] * half - disc - axes[n + 1][2] * lower_half)
    origin = middles[levels.index("L3")]
    return {name: Frame(middle - origin, rows) for name, middle, rows in zip(names, middles, axes, strict=True)}


def _kyphosis(vertebrae: Mapping[str, Dimensions], fractures: Mapping[str, Fracture]) -> dict[str, float]:
    """Degrees that a fracture wedges its body."""
    wedged: dict[str, float] = {}
    for level, fracture in fractures.items():
        front, back = heights(vertebrae[level], fracture)
        whole_front, whole_back = heights(vertebrae[level], None)
        wedged[level] = float(np.degrees((back - front - whole_back + whole_front) / vertebrae[level].depth))
    return wedged


def _angles(
    random: np.random.Generator, names: list[str], age: float, kyphosis: Mapping[str, float]
) -> tuple[Matrix, Matrix, Matrix]:
    """Pitch, bend and turn of every frame, degrees."""
    lordosis = np.clip(random.normal(1.0, 0.2) - 0.002 * (age - 50), 0.45, 1.5)
    tilts = np.interp(np.linspace(0, 1, len(names)), np.linspace(0, 1, len(TILTS_DEG)), list(TILTS_DEG.values()))
    pitch = tilts * lordosis + random.normal(0, 3.0) + random.normal(0, 0.9, len(names))
    # What lies above a wedged body leans forward with it; the discs take up a third.
    for n, name in enumerate(names):
        angle = kyphosis.get(name, 0.0)
        pitch[:n] += 0.67 * angle
        pitch[n] += 0.33 * angle
    s = np.linspace(-1, 1, len(names))
    # Most are nearly straight; 1 in 12 has a Cobb angle beyond ten degrees.
    amplitude = abs(random.normal(0, 2.2)) + (random.uniform(4, 12) if random.random() < 0.08 else 0.0)
    phase, waves, side = random.uniform(0, 2 * np.pi), random.uniform(0.5, 1.1), 1.0 if random.random() < 0.5 else -1.0
    bend = side * amplitude * np.sin(np.pi * waves * s + phase) + random.normal(0, 0.7, len(names))
    # The bodies turn towards the convexity, most at the apex: with the derivative of the slope.
    turn = 0.75 * side * amplitude * np.cos(np.pi * waves * s + phase) + random.normal(0, 1.5)
    return pitch, bend, turn + random.normal(0, 0.5, len(names))


def _axes(pitch_deg: float, bend_deg: float, turn_deg: float) -> Matrix:
    """Rows: left, posterior, superior axis of a vertebra; positive pitch lowers its front."""
    p, b, t = np.radians([pitch_deg, bend_deg, turn_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return np.asarray((about_z @ about_y @ about_x).T)
