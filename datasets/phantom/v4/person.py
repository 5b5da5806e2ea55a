"""Who a seed is in version 4: version 3's person with a build, bowel and bone density that differ more widely."""

from dataclasses import dataclass, fields

import numpy as np

from ..v1.person import stream
from ..v3 import person as third

VERSION = 4
# Of people: no gas in the bowel at all, little, as usual; the rest is distended.
_GASLESS, _QUIET, _USUAL = 0.1, 0.25, 0.43


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person(third.Person):
    """A drawn patient: version 3's dimensions and bones."""

    def random(self, organ: str) -> np.random.Generator:
        """Random numbers of one organ: adding an organ never changes another's."""
        return stream(VERSION, self.seed, organ)


def draw_person(seed: int, *, fractures: bool) -> Person:
    """The person of a seed; without ``fractures`` the same one before any."""
    drawn = third.draw_person(seed, fractures=fractures)
    random = stream(VERSION, seed, "build")
    own = {
        "fat": float(random.beta(1.1, 0.95)),
        "gas": _gas(random),
        "stool": float(random.beta(1.5, 1.1)),
        "trabecular_hu": float(np.clip(222 - 1.85 * drawn.age + random.normal(0, 46), 15, 290)),
    }
    return Person(**{field.name: getattr(drawn, field.name) for field in fields(third.Person)} | own)


def _gas(random: np.random.Generator) -> float:
    """A third of all bellies are quiet, a fifth or so distended."""
    kind = random.random()
    if kind < _GASLESS:
        return 0.0
    if kind < _GASLESS + _QUIET:
        return float(random.uniform(0.05, 0.25))
    if kind < _GASLESS + _QUIET + _USUAL:
        return float(random.uniform(0.25, 0.7))
    return float(random.uniform(0.7, 1.0))
