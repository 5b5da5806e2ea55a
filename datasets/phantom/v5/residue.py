"""What gut holds beside its content: specks of food, tablets and residues of contrast medium, and diverticula.

How many people have which is our choice, but for diverticula, which grow frequent with age.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..v1.shapes import rod_axes
from ..v2.shapes import Part, Shape, ellipsoid, soft
from ..v4.bowel import GAS_HU, STOOL, Piece
from .length import Length
from .person import Person

_SPECKLED, _TABLETS, _COATED = 0.35, 0.05, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """What one person has.

    Attributes:
        random: To draw places from.
        specks: In each length of stool, on average.
        tablets: Share of lengths that hold one.
        dense_hu: Of tablets and of old contrast medium.
        pouches: Diverticula at each length of the left colon, on average.
        coated: Whether contrast medium has stayed in diverticula.
    """

    random: np.random.Generator
    specks: float
    tablets: float
    dense_hu: float
    pouches: float
    coated: bool

    def within(self, piece: Piece, lengths: Sequence[Length]) -> list[Part]:
        """Specks in stool, tablets wherever they lie."""
        specks: list[Part] = []
        for one in lengths:
            count = int(self.random.poisson(self.specks)) if piece.held in STOOL else 0
            grains = [self._grain(one, float(self.random.uniform(0.8, 2.0))) for _ in range(count)]
            if grains:
                specks.append(soft(tuple(grains), float(self.random.uniform(120, 420)), blend_mm=0.5))
            if self.random.random() < self.tablets:
                specks.append(soft((self._grain(one, float(self.random.uniform(2.2, 4.5))),), self.dense_hu))
        return specks

    def beside(self, lengths: Sequence[Length], wall_hu: float) -> list[Part]:
        """Diverticula: small pouches on the wall with gas, stool or what has stayed in them."""
        parts: list[Part] = []
        for one in lengths:
            for _ in range(int(self.random.poisson(self.pouches))):
                size = float(self.random.uniform(2.2, 4.5))
                place = one.centre + (one.radii[0] + 0.6 * size) * self._across(one)
                hollow = float(self.random.choice([GAS_HU, 20.0, -200.0]))
                held = self.dense_hu if self.coated and self.random.random() < 0.6 else hollow
                pouch = ellipsoid(place, (size, size, size * float(self.random.uniform(0.8, 1.3))))
                parts.append(Part((pouch.made_of(shell_mm=1.0, inner_hu=held),), wall_hu, blend_mm=1.0))
        return parts

    def _grain(self, one: Length, size: float) -> Shape:
        """Somewhere in the hinder half of the lumen, where stool and fluid lie."""
        place = one.centre + 0.7 * one.radii[0] * np.sqrt(self.random.random()) * self._across(one)
        place[1] = one.centre[1] + abs(place[1] - one.centre[1])
        place = place + self.random.uniform(-0.5, 0.5) * one.along
        return ellipsoid(place, (size, size * float(self.random.uniform(0.5, 1.0)), size))

    def _across(self, one: Length) -> Matrix:
        axes = rod_axes(one.along, np.array([0.0, 1.0, 0.0]))
        angle = self.random.uniform(0, 2 * np.pi)
        return np.asarray(np.cos(angle) * axes[0] + np.sin(angle) * axes[1])


def draw_residue(person: Person) -> Residue:
    """What a person has."""
    random = person.random("residue")
    speckled, tablets, coated, has_pouches = random.random(4)
    return Residue(
        random=random,
        specks=float(random.uniform(0.3, 2.5)) if speckled < _SPECKLED else 0.0,
        tablets=0.04 if tablets < _TABLETS else 0.0,
        dense_hu=float(random.uniform(300, 1400)),
        pouches=float(random.uniform(0.1, 0.9)) if has_pouches < np.clip((person.age - 35) / 90, 0, 0.5) else 0.0,
        coated=bool(coated < _COATED),
    )
