"""What bowel contains besides stool and fluid: dense specks of food, tablets, residual contrast medium, diverticula.

Frequencies are ours; diverticula become more frequent with age.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Part, Shape, ellipsoid, rod_axes, soft
from .colon_course import STOOL, Piece
from .colon_segments import Segment
from .gas import GAS_HU

_SPECKLED, _TABLETS, _COATED = 0.35, 0.05, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Contents of one person.

    Attributes:
        random: To draw places from.
        specks: Mean number in each segment with stool.
        tablets: Share of segments that contain one.
        dense_hu: HU of tablets and of residual contrast medium.
        diverticula: Mean number at each segment of the left colon.
        coated: Whether contrast medium has remained in diverticula.
    """

    random: np.random.Generator
    specks: float
    tablets: float
    dense_hu: float
    diverticula: float
    coated: bool

    def within(self, piece: Piece, segments: Sequence[Segment]) -> list[Part]:
        """Specks in stool, tablets anywhere in the lumen."""
        specks: list[Part] = []
        for one in segments:
            count = int(self.random.poisson(self.specks)) if piece.content in STOOL else 0
            grains = [self._grain(one, float(self.random.uniform(0.8, 2.0))) for _ in range(count)]
            if grains:
                specks.append(soft(tuple(grains), float(self.random.uniform(120, 420)), blend_mm=0.5))
            if self.random.random() < self.tablets:
                specks.append(soft((self._grain(one, float(self.random.uniform(2.2, 4.5))),), self.dense_hu))
        return specks

    def beside(self, segments: Sequence[Segment], wall_hu: float) -> list[Part]:
        """Diverticula: small pouches on the wall with gas, stool or contrast medium."""
        parts: list[Part] = []
        for one in segments:
            for _ in range(int(self.random.poisson(self.diverticula))):
                size = float(self.random.uniform(2.2, 4.5))
                place = one.centre + (one.radius + 0.6 * size) * self._across(one)
                hollow = float(self.random.choice([GAS_HU, 20.0, -200.0]))
                held = self.dense_hu if self.coated and self.random.random() < 0.6 else hollow
                pouch = ellipsoid(place, (size, size, size * float(self.random.uniform(0.8, 1.3))))
                parts.append(Part((pouch.made_of(shell_mm=1.0, inner_hu=held),), wall_hu, blend_mm=1.0))
        return parts

    def _grain(self, one: Segment, size: float) -> Shape:
        """A grain in the posterior half of the lumen, where stool and fluid lie."""
        place = one.centre + 0.7 * one.radius * np.sqrt(self.random.random()) * self._across(one)
        place[1] = one.centre[1] + abs(place[1] - one.centre[1])
        place = place + self.random.uniform(-0.5, 0.5) * one.along
        return ellipsoid(place, (size, size * float(self.random.uniform(0.5, 1.0)), size))

    def _across(self, one: Segment) -> Matrix:
        axes = rod_axes(one.along, np.array([0.0, 1.0, 0.0]))
        angle = self.random.uniform(0, 2 * np.pi)
        return np.asarray(np.cos(angle) * axes[0] + np.sin(angle) * axes[1])


def draw_residue(person: Person) -> Residue:
    """Draw the contents of a person."""
    random = person.random("residue")
    speckled, tablets, coated, has_diverticula = random.random(4)
    return Residue(
        random=random,
        specks=float(random.uniform(0.3, 2.5)) if speckled < _SPECKLED else 0.0,
        tablets=0.04 if tablets < _TABLETS else 0.0,
        dense_hu=float(random.uniform(300, 1400)),
        diverticula=_draw_diverticula(random, person.age, has_diverticula),
        coated=bool(coated < _COATED),
    )


def _draw_diverticula(random: np.random.Generator, age: float, score: float) -> float:
    """Mean number at each segment; ``score``, uniform in 0 to 1, decides whether there are any: more often with age."""
    return float(random.uniform(0.1, 0.9)) if score < np.clip((age - 35) / 90, 0, 0.5) else 0.0
