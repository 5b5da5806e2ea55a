"""Vertebral fractures: who has them, and what heights they leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .anthropometry import Dimensions


class Deformity(StrEnum):
    """Genant's three shapes (Genant et al., J Bone Miner Res 8(9), 1993)."""

    WEDGE = "wedge"
    BICONCAVE = "biconcave"
    CRUSH = "crush"


@dataclass(frozen=True, slots=True)
class Fracture:
    """A healed fracture with the share of a body's height that is lost, 0.2 to 0.5."""

    deformity: Deformity
    loss: float

    @property
    def anterior(self) -> float:
        """Share of the anterior height that is left."""
        return 1 - self.loss if self.deformity is not Deformity.BICONCAVE else 1 - 0.15 * self.loss

    @property
    def posterior(self) -> float:
        """Share of the posterior height that is left."""
        return 1 - 0.8 * self.loss if self.deformity is Deformity.CRUSH else 1 - 0.08 * self.loss


def draw_fractures(random: np.random.Generator, age: float, *, male: bool) -> dict[str, Fracture]:
    """Fractures by level; prevalence after O'Neill et al., J Bone Miner Res 11(7), 1996 (12 % between 50 and 79)."""
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
    """Present anterior and posterior height of a body, mm."""
    anterior = size.posterior_height - size.depth * np.tan(np.radians(size.wedge_deg))
    if fracture is None:
        return float(anterior), size.posterior_height
    return float(anterior * fracture.anterior), size.posterior_height * fracture.posterior


def kyphosis(vertebrae: Mapping[str, Dimensions], fractures: Mapping[str, Fracture]) -> dict[str, float]:
    """Angle by which each fracture wedges its body, degrees, by level."""
    wedged: dict[str, float] = {}
    for level, fracture in fractures.items():
        front, back = heights(vertebrae[level], fracture)
        whole_front, whole_back = heights(vertebrae[level], None)
        wedged[level] = float(np.degrees((back - front - whole_back + whole_front) / vertebrae[level].depth))
    return wedged
