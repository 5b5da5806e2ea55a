"""Who a seed is in version 4: version 3's person, with random numbers of its own for every organ."""

from dataclasses import dataclass, fields

import numpy as np

from ..v1.person import stream
from ..v3 import person as third

VERSION = 4


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person(third.Person):
    """A drawn patient: version 3's dimensions and bones."""

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return stream(VERSION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same one before any."""
    drawn = third.draw_person(seed, fractures=fractures)
    return Person(**{field.name: getattr(drawn, field.name) for field in fields(third.Person)})
