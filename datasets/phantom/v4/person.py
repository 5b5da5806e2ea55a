"""Who a seed is in version 4: version 3's person with a build, bowel and bone density that differ more widely."""

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import betaincinv

from ..v1.person import stream
from ..v3 import person as third

VERSION = 4
# Shares of people and the gas that they have at most: next to none, little, as usual, distended.
_PEOPLE, _GAS = (0.0, 0.08, 0.33, 0.75, 1.0), (0.0, 0.02, 0.25, 0.7, 1.0)
# Steps of evenly spread sequences: numbers that no fraction of small terms comes near, none a sum of the others.
_STEPS = (0.5 * (np.sqrt(5.0) - 1.0), np.sqrt(2.0) - 1.0, np.sqrt(3.0) - 1.0)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person(third.Person):
    """A drawn patient: version 3's dimensions and bones."""

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return stream(VERSION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same one before any.

    Fat, gas and stool of consecutive seeds are spread evenly, so that a dozen patients already show the whole range:
    quiet bellies and distended ones, lean and stout.
    """
    drawn = third.draw_person(seed, fractures=fractures)
    random = stream(VERSION, seed, "build")
    gas, fat, stool = (float(seed * step % 1.0) for step in _STEPS)
    return replace(
        Person(**{field.name: getattr(drawn, field.name) for field in fields(third.Person)}),
        fat=float(betaincinv(1.1, 0.95, fat)), gas=float(np.interp(gas, _PEOPLE, _GAS)),
        stool=float(betaincinv(1.5, 1.1, stool)),
        trabecular_hu=float(np.clip(243 - 1.95 * drawn.age + random.normal(0, 38), 40, 290)),
    )  # fmt: skip
