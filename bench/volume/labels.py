"""Numberings of label maps: number to structure. A volume names its scheme; it is never guessed.

``verse`` is the numbering of the VerSe challenge, ``totalsegmentator`` that of TotalSegmentator's task "total" in
version 2 and ``totalsegmentator_v1`` in version 1, ``deepfluoro`` that of the DeepFluoro data set's hips, ``phantom``
our own, equal to ``verse``. Any other scheme is a TOML file of lines ``name = number``.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from bench.files import at_home
from bench.text import parse_toml, read_text
from bench.volume.schemes import BONES_OF, BUILT_IN
from bench.volume.schemes import LUMBAR as LUMBAR
from bench.volume.volume import Volume, VolumeError


def scheme(name: str) -> Mapping[str, int]:
    """The numbering of a scheme: structure name to number.

    Args:
        name: ``verse``, ``totalsegmentator``, ``totalsegmentator_v1``, ``deepfluoro``, ``phantom``, or the path of a
            TOML file of ``name = number``.

    Raises:
        VolumeError: No such scheme or file, or a file that does not hold a numbering.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name.endswith(".toml"):
        return _from_file(name)
    raise VolumeError(f"no label scheme {name!r}; {_hint(name, BUILT_IN)}, or name a TOML file of name = number")


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
    return tuple(names.get(number, f"label {number}") for number in held_numbers(volume))


def bone_numbers(volume: Volume) -> frozenset[int]:
    """Numbers of a volume's labels that are bone.

    TotalSegmentator numbers organs too, so only its bones count; of every other scheme all numbers do.
    """
    if volume.labels is None:
        return frozenset()
    found = frozenset(held_numbers(volume))
    return found & BONES_OF.get(volume.label_scheme or "", found)


def held_numbers(volume: Volume) -> tuple[int, ...]:
    """The numbers that a volume's labels hold, ascending, without 0."""
    if volume.labels is None:
        return ()
    return tuple(int(number) for number in np.flatnonzero(np.bincount(volume.labels.reshape(-1))) if number > 0)


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    by_fold = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    return f"did you mean {by_fold[near[0]]!r}?" if near else f"known: {', '.join(names)}"


@lru_cache(maxsize=8)
def _from_file(name: str) -> Mapping[str, int]:
    path = at_home(name)
    try:
        content = parse_toml(read_text(path))
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
