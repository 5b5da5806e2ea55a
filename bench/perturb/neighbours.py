"""Motion of the bones beside the registered one since the CT: drawn, recorded, replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Matrix, compose
from bench.geometry.rigid import rotation_from_angles

_PREFIX = "neighbour_"
_PARTS = ("rx_deg", "ry_deg", "rz_deg", "x_mm", "y_mm", "z_mm")


class NeighbourError(FluorobenchError):
    """Motions that cannot be drawn or read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourMotion:
    """Turns and shifts of neighbouring bones about their own centres, uniform, each axis for itself.

    Attributes:
        rotation_deg: Half-width about each world axis.
        translation_mm: Half-width along each world axis.
        still: Name of the one bone that stays where the CT shows it, whose pose the truth is; empty = all that are
            registered stay. Where several are registered as one body, the others of them move, too: another posture.
        together: The body moves as one, all other bones and soft tissue, about the centre of the registered bones.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    rotation_deg: float
    translation_mm: float
    still: str = ""
    together: bool = False

    def __post_init__(self) -> None:
        for name in ("rotation_deg", "translation_mm"):
            if not 0 <= getattr(self, name) < np.inf:
                raise NeighbourError(f"neighbours.{name} must not be negative; got {getattr(self, name)}")
        if self.still and self.together:
            raise NeighbourError(f"neighbours.together moves no bone alone; leave out still ({self.still}) or together")

    def __str__(self) -> str:
        """One phrase for captions."""
        others = f"all bones but {self.still}" if self.still else "neighbouring bones"
        which = "the body about the registered bones" if self.together else others
        return f"{which} turned up to {self.rotation_deg:g} deg and shifted up to {self.translation_mm:g} mm an axis"

    def draw(self, random: np.random.Generator, names: Sequence[str]) -> dict[str, float]:
        """Draw six numbers a bone, as they are recorded."""
        width = np.repeat([self.rotation_deg, self.translation_mm], 3)
        return {
            f"{_PREFIX}{name}_{part}": float(number)
            for name in names
            for part, number in zip(_PARTS, random.uniform(-1, 1, size=6) * width, strict=True)
        }


def neighbour_motions(record: Mapping[str, float], centres: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """The motions that ``NeighbourMotion.draw`` wrote down.

    Args:
        record: Other entries are left alone.
        centres: World points (3,), mm, that each bone turns about.

    Returns:
        By name: 4x4, rigid, world mm.

    Raises:
        NeighbourError: A number is missing.
    """
    try:
        numbers = {name: [record[f"{_PREFIX}{name}_{part}"] for part in _PARTS] for name in centres}
    except KeyError as error:
        raise NeighbourError(
            f"the record of a case needs {error}: it was drawn for another patient or by another version"
        ) from None
    found = dict[str, Matrix]()
    for name, six in numbers.items():
        turn = rotation_from_angles(six[:3])
        found[name] = compose(turn, centres[name] + np.array(six[3:]) - turn @ centres[name])
    return found
