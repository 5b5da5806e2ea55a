"""What is fuzzed: the files of a format, how they are damaged, and the reader that is given them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studies.torture.inputs.structures import Damage, damage_bytes


class UnsoundError(Exception):
    """A reader accepted what no other part of the program may get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of input.

    Attributes:
        name: Of the kind; a line of the table.
        make: Writes valid files into an empty folder.
        entries: Glob of the files or folders that a reader is given; one is drawn.
        targets: Globs of the files that are damaged, one is drawn; none = the entry.
        damage: Damages a file.
        read: Reads an entry and looks at what it got; errors are the outcome.
        share: Of all inputs, relative to other kinds.
    """

    name: str
    make: Callable[[Path], None]
    entries: str
    read: Callable[[Path], None]
    targets: Sequence[str] = ()
    damage: Damage = damage_bytes
    share: float = 1.0


def require_finite(what: str, *arrays: NDArray[np.generic] | None) -> None:
    """Raise ``UnsoundError`` unless all numbers are finite."""
    for array in arrays:
        if array is not None and not np.isfinite(array).all():
            raise UnsoundError(f"{what} that are not finite")
