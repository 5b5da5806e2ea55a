"""The table ``[stress]``: factors by which cases depart from the protocol's own, one at a time, at some strengths."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, model_validator

from bench.protocol.table import Table
from bench.registry import unknown

# Tables of a protocol that a level may change; the others hold what the methods' cases have in common.
_TARGET = frozenset({"photons", "formation", "appearance", "neighbours", "low_dose"})


class Level(Table):
    """One strength of a factor, and what it states anew in the tables ``[target]`` and ``[told]``."""

    strength: float
    target: dict[str, Any] = Field(default_factory=dict[str, Any])
    told: dict[str, Any] = Field(default_factory=dict[str, Any])

    @model_validator(mode="after")
    def _changes_what_it_may(self) -> "Level":
        if other := sorted(self.target.keys() - _TARGET):
            raise ValueError(f"a level may change {', '.join(sorted(_TARGET))} of target; got {', '.join(other)}")
        if not self.target and not self.told:
            raise ValueError(f"the level of strength {self.strength:g} changes nothing; give it target or told")
        return self


class Factor(Table):
    """One departure. ``own`` is the strength of the protocol itself; levels lead away from it, in one direction."""

    heading: str
    axis: str
    own: float
    scale: Literal["linear", "log"] = "linear"
    levels: tuple[Level, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _leads_away(self) -> "Factor":
        strengths = [self.own, *(level.strength for level in self.levels)]
        steps = {second > first for first, second in pairwise(strengths)}
        if len(steps) > 1 or len(set(strengths)) < len(strengths):
            raise ValueError(f"strengths must lead away from own in one direction; got {strengths}")
        if self.scale == "log" and min(strengths) <= 0:
            raise ValueError(f"strengths on a logarithmic axis must be positive; got {strengths}")
        return self


class Stress(Table):
    """``[stress]``: factors by name, and which of them are used (all, where ``use`` names none)."""

    factors: dict[str, Factor] = Field(min_length=1)
    use: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _used_are_known(self) -> "Stress":
        for name in self.use:
            if name not in self.factors:
                raise ValueError(str(unknown("factor", name, self.factors)))
        if bad := [name for name in self.factors if not name.replace("-", "").isalnum()]:
            raise ValueError(f"names of factors are letters, digits and hyphens; got {bad[0]!r}")
        return self

    @property
    def used(self) -> dict[str, Factor]:
        """The factors in force, in the order in which they stand."""
        return {name: factor for name, factor in self.factors.items() if not self.use or name in self.use}


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One level of one factor.

    Attributes:
        name: Of the factor.
        factor: The factor.
        level: Its level.
    """

    name: str
    factor: Factor
    level: Level

    @property
    def suffix(self) -> str:
        """What the names of its cases end in."""
        return f"@{self.name}={self.level.strength:g}"

    @property
    def changes(self) -> dict[str, Any]:
        """Tables that it lays over the protocol's."""
        return {"target": self.level.target, "told": self.level.told}
