"""Whether labels fit their numbering: vertebrae lie in cranio-caudal order, and error messages where they do not."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import ndimage

from bench.geometry import Matrix
from bench.volume.labels import held_numbers, present, scheme
from bench.volume.schemes import BUILT_IN, LEVELS
from bench.volume.volume import LabelGrid, MaskGrid, Volume, VolumeError

# A level cut off at the border of the CT keeps its order; this is for numerical noise alone.
_TOLERANCE_MM = 1.0
# Of TotalSegmentator's own names, which a scheme's file may use.
_PREFIX = "vertebrae_"


def require_order(volume: Volume, path: str) -> None:
    """Refuse labels whose vertebrae do not lie in cranio-caudal order along the patient's long axis.

    Args:
        volume: With labels and their scheme, in the patient's frame (LPS).
        path: Of the labels, for the message.

    Raises:
        VolumeError: A level lies below one that is caudal to it; the message names schemes that would fit.
    """
    if volume.labels is None or volume.label_scheme is None:
        return
    heights = _heights(volume)
    numbers = scheme(volume.label_scheme)
    wrong = _inverted(numbers, heights)
    if wrong is not None:
        above, below = wrong
        raise VolumeError(
            f"{path}: under scheme {volume.label_scheme!r} {above} (z = {heights[numbers[above]]:.1f} mm) lies below "
            f"{below} (z = {heights[numbers[below]]:.1f} mm); expected levels in cranio-caudal order; "
            f"{_remedy(_fitting(heights, LEVELS))}"
        )


def numbering_doubt(volume: Volume, names: Sequence[str]) -> str:
    """The reason, for a message, where none of the named structures is found.

    Numbers held, numbers expected, and: the levels that there are, where the stated scheme names every number; else the
    schemes under which the named structures are there, in cranio-caudal order.

    Args:
        volume: With labels and their scheme.
        names: Structures that were looked for, such as L1 to L5.
    """
    if volume.labels is None or volume.label_scheme is None:
        return "there is no label map"
    held = held_numbers(volume)
    numbers = scheme(volume.label_scheme)
    expected = ", ".join(f"{name} = {numbers[name]}" for name in names if name in numbers) or f"no {', '.join(names)}"
    there = f"the labels hold the numbers {_ranges(held)}" if held else "the labels hold no number but 0"
    levels = [name for name in present(volume) if name in LEVELS]
    if levels and set(held) <= set(numbers.values()):
        remedy = f"its levels are {', '.join(levels)}: use --region whole, or --region with one of them"
    else:
        remedy = _remedy(_fitting(_heights(volume), names))
    return f"{there}; scheme {volume.label_scheme!r} has {expected}; {remedy}"


def held_and_fitting(numbers: LabelGrid, affine: Matrix) -> tuple[str, str]:
    """The numbers that a map of labels holds, and the schemes under which its levels are in order, as text.

    Args:
        numbers: [i, j, k].
        affine: world_from_index, 4x4, mm.
    """
    # Heights need no names: any scheme stands for the one that is not known.
    volume = Volume(np.zeros(numbers.shape, np.float32), affine, labels=numbers, label_scheme=next(iter(BUILT_IN)))
    return f"numbers {_ranges(held_numbers(volume)) or 'none'}", _remedy(_fitting(_heights(volume), LEVELS))


def _remedy(fitting: Sequence[str]) -> str:
    if not fitting:
        return "no known scheme fits: give a TOML file of name = number"
    return f"{' or '.join(map(repr, fitting))} would fit"


def _fitting(heights: Mapping[int, float], names: Sequence[str]) -> list[str]:
    """Built-in schemes that name most of the structures and have their levels in order."""
    shares = {
        each: sum(known.get(name) in heights for name in names)
        for each, known in BUILT_IN.items()
        if _inverted(known, heights) is None
    }
    return [each for each, share in shares.items() if share == max(shares.values()) > 0]


def _inverted(numbers: Mapping[str, int], heights: Mapping[int, float]) -> tuple[str, str] | None:
    """The first two neighbouring levels of which the cranial one lies below the other."""
    known = {name.casefold().removeprefix(_PREFIX): name for name in numbers}
    levels = [known[level.casefold()] for level in LEVELS if level.casefold() in known]
    present_levels = [name for name in levels if numbers[name] in heights]
    for above, below in pairwise(present_levels):
        if {above, below} == {"S1", "sacrum"}:
            continue
        if heights[numbers[above]] < heights[numbers[below]] - _TOLERANCE_MM:
            return above, below
    return None


def _heights(volume: Volume) -> dict[int, float]:
    """The z (LPS, mm) of each label's centroid."""
    labels = volume.labels
    if labels is None:
        return {}
    # None where a number is absent, which the stubs do not declare.
    boxes: list[Any] = list(ndimage.find_objects(labels))
    return {
        number: _height(np.asarray(labels[box] == number), box, volume)
        for number, box in enumerate(boxes, start=1)
        if box is not None
    }


def _height(inside: MaskGrid, box: tuple[slice, ...], volume: Volume) -> float:
    middle = np.argwhere(inside).mean(axis=0) + [part.start for part in box]
    return float(volume.affine[2, :3] @ middle + volume.affine[2, 3])


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in short: ``1, 20 to 24``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in found)
