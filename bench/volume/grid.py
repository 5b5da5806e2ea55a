"""The raw content of a volume file: numbers on a grid, and where the grid was stated."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bench.geometry import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Numbers of a file.

    Attributes:
        array: [i, j, k].
        affine: world_from_index, LPS mm, exactly as stated; None where the file does not state all of it.
        stated_by: Which part of the file states the affine, such as ``sform (code 1)``; or what is missing.
    """

    array: NDArray[Any]
    affine: Matrix | None
    stated_by: str
