"""Numberings of label maps: which number means which bone. A volume names its scheme; it is never guessed.

``verse`` is the numbering of the VerSe challenge, ``totalsegmentator`` that of TotalSegmentator's task "total" (version
2; only its bones are named here), ``deepfluoro`` that of the DeepFluoro data set's hips, ``phantom`` our own, equal to
``verse``. Any other scheme is a TOML file of lines ``name = number``.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from bench.volume.volume import Volume, VolumeError

LUMBAR = ("L1", "L2", "L3", "L4", "L5")


def _numbered(names: Iterable[str], first: int) -> dict[str, int]:
    return {name: first + step for step, name in enumerate(names)}


def _series(letter: str, count: int) -> list[str]:
    return [f"{letter}{level}" for level in range(1, count + 1)]


def _sided(name: str) -> list[str]:
    return [f"{name}_left", f"{name}_right"]


_CRANIAL_TO_CAUDAL = [*_series("C", 7), *_series("T", 12), *_series("L", 6), "sacrum", "coccyx", "T13"]
_VERSE = _numbered(_CRANIAL_TO_CAUDAL, 1)
_TOTALSEGMENTATOR = {
    **_numbered(["sacrum", "S1", *reversed([*_series("C", 7), *_series("T", 12), *_series("L", 5)])], 25),
    **_numbered([side for bone in ("humerus", "scapula", "clavicula", "femur", "hip") for side in _sided(bone)], 69),
    "skull": 91,
    **_numbered([*_series("rib_left_", 12), *_series("rib_right_", 12), "sternum"], 92),
}
_DEEPFLUORO = _numbered([*_sided("hemipelvis"), "vertebrae", "upper_sacrum", *_sided("femur"), "lower_sacrum"], 1)
_BUILT_IN: Mapping[str, Mapping[str, int]] = {
    "deepfluoro": _DEEPFLUORO,
    "phantom": _VERSE,
    "totalsegmentator": _TOTALSEGMENTATOR,
    "verse": _VERSE,
}


def scheme(name: str) -> Mapping[str, int]:
    """The numbering of a scheme: structure name to number.

    Args:
        name: ``verse``, ``totalsegmentator``, ``deepfluoro``, ``phantom``, or the path of a TOML file of ``name =
            number``.

    Raises:
        VolumeError: No such scheme or file, or a file that is no numbering.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name.endswith(".toml"):
        return _from_file(name)
    raise VolumeError(f"no label scheme {name!r}; {_hint(name, _BUILT_IN)}, or name a TOML file of name = number")


def check_scheme(name: str) -> None:
    """Raise ``VolumeError`` unless the scheme exists."""
    scheme(name)


def label_number(scheme_name: str, name: str) -> int:
    """The number of a structure such as ``L3``, ``T12`` or ``sacrum``; upper and lower case are one.

    Raises:
        VolumeError: The scheme has no such name.
    """
    numbers = scheme(scheme_name)
    folded = {known.casefold(): number for known, number in numbers.items()}
    if name.casefold() not in folded:
        raise VolumeError(f"no label {name!r} in scheme {scheme_name!r}; {_hint(name, numbers)}")
    return folded[name.casefold()]


def present(volume: Volume) -> tuple[str, ...]:
    """Names of the structures a volume's labels hold, by number; numbers without a name stand as ``label 99``."""
    if volume.labels is None or volume.label_scheme is None:
        return ()
    names = {number: name for name, number in scheme(volume.label_scheme).items()}
    found = np.flatnonzero(np.bincount(volume.labels.reshape(-1)))
    return tuple(names.get(int(number), f"label {number}") for number in found if number > 0)


def numbering_doubt(volume: Volume, names: Sequence[str]) -> str:
    """What to say where none of the named structures is found: numbers held, numbers expected, schemes that would fit.

    Args:
        volume: With labels and their scheme.
        names: Structures that were looked for, such as L1 to L5.
    """
    if volume.labels is None or volume.label_scheme is None:
        return "there is no label map"
    held = [int(number) for number in np.flatnonzero(np.bincount(volume.labels.reshape(-1))) if number > 0]
    numbers = scheme(volume.label_scheme)
    expected = ", ".join(f"{name} = {numbers[name]}" for name in names if name in numbers) or f"no {', '.join(names)}"
    shares = {each: len({known.get(name) for name in names} & set(held)) for each, known in _BUILT_IN.items()}
    fitting = [each for each, share in shares.items() if share == max(shares.values()) > 0]
    remedy = f"{' or '.join(map(repr, fitting))} would fit" if fitting else "no known scheme fits: give a TOML file"
    there = f"the labels hold the numbers {_ranges(held)}" if held else "the labels hold no number but 0"
    return f"{there}; scheme {volume.label_scheme!r} has {expected}; {remedy}"


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in short: ``1, 20 to 24``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in found)


def bone_numbers(volume: Volume) -> frozenset[int]:
    """Numbers of a volume's labels that are bone.

    TotalSegmentator numbers organs too, so only its named bones count; of every other scheme all numbers do.
    """
    if volume.labels is None:
        return frozenset()
    found = {int(number) for number in np.flatnonzero(np.bincount(volume.labels.reshape(-1))) if number > 0}
    return frozenset(found & set(_TOTALSEGMENTATOR.values()) if volume.label_scheme == "totalsegmentator" else found)


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    by_fold = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    return f"did you mean {by_fold[near[0]]!r}?" if near else f"known: {', '.join(names)}"


@lru_cache(maxsize=8)
def _from_file(name: str) -> Mapping[str, int]:
    path = Path(name).expanduser()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VolumeError(f"label scheme {name}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VolumeError(f"label scheme {name}: not a TOML file: {' '.join(str(error).split())}") from None
    for key, value in content.items():
        if type(value) is not int or not 0 < value <= 65535:
            raise VolumeError(f"label scheme {name}: {key!r} must be a whole number from 1 to 65535; got {value!r}")
    if not content or len(set(content.values())) < len(content):
        raise VolumeError(f"label scheme {name}: expected lines of name = number, each number once; got {content}")
    return MappingProxyType(content)
