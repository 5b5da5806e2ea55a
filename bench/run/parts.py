"""The parts of a protocol's row: its plug-in, the plug-ins that this uses, and the weights that they read.

Conventions: a setting called ``weights``, at any depth, is the path of a folder of weights or of one card, or
``untrained``; a setting called like a plug-in that is used holds the settings of that plug-in. Of a setting called
``command`` the program and the words that are files have checksums, too: another program is another method.
"""

import hashlib
import inspect
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from bench import registry
from bench.contract import TrainingProvenance
from bench.learn import UNTRAINED, WeightsCard, WeightsError, is_made, read_card, untrained_weights
from bench.protocol.model import MethodTable, Protocol

WEIGHTS, COMMAND = "weights", "command"
ABSENT = "absent"
_SUFFIXES = {".toml", ".safetensors"}


@dataclass(frozen=True, slots=True)
class Part:
    """A plug-in of a row, with what its settings name.

    Attributes:
        plugin: Its name.
        weights: Of one's own; none = those shipped.
        programs: Files of a program that it runs.
    """

    plugin: str
    weights: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def own_files(self) -> list[Path]:
        """Files that the settings name: cards and tensors of weights, programs; one that is not there as it is."""
        return [*self._own_weights, *map(Path, self.programs)]

    @property
    def _own_weights(self) -> list[Path]:
        places = (untrained_weights(self.plugin) if name == UNTRAINED else Path(name) for name in self.weights)
        return [file for path in places for file in _files(path)]

    @property
    def shipped_files(self) -> list[Path]:
        """Cards and tensors that came with the plug-in."""
        place = Path(inspect.getfile(registry.module("methods", self.plugin)))
        folder = place.parent / WEIGHTS
        return _files(folder) if place.name == "__init__.py" and folder.is_dir() else []

    @property
    def cards(self) -> list[WeightsCard]:
        """Cards of the weights that it would read: its settings' where they name any, else the shipped ones'."""
        files = self._own_weights if self.weights else self.shipped_files
        return [card for path in files if path.suffix == ".toml" for card in _card(path)]

    @property
    def uses_whole_ct(self) -> bool:
        """Whether it is given the whole CT."""
        return registry.card("methods", self.plugin).uses_whole_ct

    @property
    def provenance(self) -> tuple[TrainingProvenance, ...]:
        """Its training patients: as its card states, with those of its own weights in place of the shipped ones'."""
        stated = registry.card("methods", self.plugin).provenance
        if not self.weights:
            return stated
        tuned = (each for each in stated if each.what != "trained")
        own = (replace(each, hashes=card.trained_on.hashes) for card in self.cards for each in card.provenance)
        return (*tuned, *own)


def parts(choice: MethodTable) -> list[Part]:
    """The plug-in of a row, those that it is built on, and those that its settings name as stages."""
    return list(_parts(choice.plugin, choice.settings))


def uses_whole_ct(choice: MethodTable) -> bool:
    """Whether a row's method, or a stage of it, is given the whole CT beside the moving content.

    Not where its plug-in is unknown here: its own process says so.
    """
    try:
        return any(part.uses_whole_ct for part in parts(choice))
    except registry.UnknownNameError:
        return False


def weights_used(protocol: Protocol) -> dict[str, str]:
    """Checksums (16 hex digits) of all weights that the rows would read and programs that they run, by place.

    ``absent`` where no file is.

    Shipped ones go by plug-in and name, so that where the program lies makes no difference.
    """
    found: dict[str, str] = {}
    for part in (part for choice in protocol.methods for part in parts(choice)):
        found |= {str(path): _checksum(path) for path in part.own_files}
        if not part.weights:
            found |= {f"{part.plugin}/{path.name}": _checksum(path) for path in part.shipped_files}
    return dict(sorted(found.items()))


def own_weights_used(protocol: Protocol) -> dict[str, str]:
    """Checksums of the user's weights and programs alone, by path; not of weights that are made at their first use."""
    found = (part for choice in protocol.methods for part in parts(choice))
    kept = (replace(part, weights=tuple(name for name in part.weights if name != UNTRAINED)) for part in found)
    return {str(path): _checksum(path) for part in kept for path in part.own_files}


def unmade(protocol: Protocol) -> list[str]:
    """Methods whose untrained weights the rows ask for and nobody has made yet."""
    found = (part.plugin for choice in protocol.methods for part in parts(choice) if UNTRAINED in part.weights)
    return [name for name in dict.fromkeys(found) if not is_made(name)]


def anchored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the paths of weights made absolute: a method's process works in a folder of its own."""
    made: dict[str, Any] = _anchored(settings)
    return made


def _anchored(value: Any, key: str = "") -> Any:
    if key == WEIGHTS and isinstance(value, str):
        return value if value == UNTRAINED else str(Path(value).absolute())
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return {name: _anchored(each, name) for name, each in table.items()}
    if isinstance(value, list | tuple):
        return [_anchored(each) for each in cast("Sequence[Any]", value)]
    return value


def _parts(plugin: str, settings: Mapping[str, Any]) -> Iterator[Part]:
    named, stages, used = _Named([], []), list[Mapping[str, Any]](), registry.uses(plugin)
    _sort({key: value for key, value in settings.items() if key not in used}, named, stages)
    yield Part(plugin, tuple(named.weights), tuple(named.programs))
    for name in used:
        yield from _parts(name, settings.get(name, {}))
    for table in stages:
        yield from _parts(str(table["plugin"]), table.get("settings", {}))


@dataclass(frozen=True, slots=True)
class _Named:
    """Paths in settings."""

    weights: list[str]
    programs: list[str]


def _sort(value: Any, named: _Named, stages: list[Mapping[str, Any]]) -> None:
    """Collect the paths of weights and programs in settings, and the tables that name a plug-in of their own."""
    for key, each in _entries(value):
        if isinstance(each, Mapping) and "plugin" in each:
            stages.append(cast("Mapping[str, Any]", each))
        elif key == WEIGHTS and isinstance(each, str):
            named.weights.append(each)
        elif key == COMMAND:
            named.programs.extend(_programs([word for _, word in _entries(each) if isinstance(word, str)]))
        else:
            _sort(each, named, stages)


def _programs(words: Sequence[str]) -> Iterator[str]:
    """Files among the words of a command; the first one may be a name that the system finds."""
    for word in words[:1]:
        if (found := word if os.sep in word else shutil.which(word)) is not None and Path(found).is_file():
            yield found
    yield from (word for word in words[1:] if Path(word).is_file())


def _entries(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[str, Any]", value).items())
    return [("", each) for each in cast("Sequence[Any]", value)] if isinstance(value, list | tuple) else []


def _files(path: Path) -> list[Path]:
    """Of a folder its cards and tensors; of a card itself and the files that it names."""
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES)
    return [path, *(path.parent / file.name for card in _card(path) for file in card.files)]


def _card(path: Path) -> list[WeightsCard]:
    """The card, or none where none can be read; the method then reports it in its rows."""
    try:
        return [read_card(path)]
    except WeightsError:
        return []


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ABSENT
