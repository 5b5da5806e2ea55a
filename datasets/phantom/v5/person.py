"""Who a seed is in version 5: drawn by the laws of version 4, but nobody is a person of an earlier version."""

from dataclasses import dataclass, fields, replace

import numpy as np

from ..v1.person import stream
from ..v3 import person as third
from ..v4 import person as fourth

VERSION = 5
# No split of versions 3 and 4 has these people: what was chosen looking at their patients has not met version 5's.
_BEYOND = 2_000_000
# Shares of people and the gas that they have at most: next to none, little, as usual, distended.
_PEOPLE, _GAS = (0.0, 0.08, 0.33, 0.75, 1.0), (0.0, 0.02, 0.25, 0.7, 1.0)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person(fourth.Person):
    """A drawn patient, described as in version 3."""

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return stream(VERSION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same one before any."""
    drawn = replace(third.draw_person(_BEYOND + seed, fractures=fractures), seed=seed)
    random = stream(VERSION, seed, "build")
    return replace(
        Person(**{field.name: getattr(drawn, field.name) for field in fields(third.Person)}),
        fat=float(random.beta(1.1, 0.95)), gas=float(np.interp(random.random(), _PEOPLE, _GAS)),
        stool=float(random.beta(1.5, 1.1)),
        trabecular_hu=float(np.clip(243 - 1.95 * drawn.age + random.normal(0, 38), 40, 290)),
    )  # fmt: skip
