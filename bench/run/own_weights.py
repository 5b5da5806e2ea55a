"""The user's weights in a protocol's rows: every method that they belong to reads them, also as a stage of a chain."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from bench import registry
from bench.errors import FluorobenchError
from bench.learn import UNTRAINED, read_card
from bench.protocol import Protocol
from bench.run.parts import WEIGHTS


class OwnWeightsError(FluorobenchError):
    """Folders of weights that no row of a protocol can read."""


def with_weights(protocol: Protocol, folders: Sequence[Path]) -> Protocol:
    """The protocol with the weights of those folders in the rows of the methods that they were trained for.

    Args:
        protocol: As read.
        folders: Each holds cards of weights, as ``fluorobench train --weights FOLDER`` leaves them.

    Raises:
        OwnWeightsError: A folder without a card, two folders for one method, or a method that no row has.
    """
    by_method: dict[str, Path] = {}
    for folder in folders:
        for name in _methods(folder):
            if by_method.setdefault(name, folder) != folder:
                raise OwnWeightsError(f"{by_method[name]} and {folder} both hold weights of {name}; give one of them")
    taken = set[str]()
    rows = tuple(
        each.model_copy(update={"settings": _settled(each.plugin, each.settings, by_method, taken)})
        for each in protocol.methods
    )
    if idle := sorted(set(by_method) - taken):
        raise OwnWeightsError(f"{protocol.name} has no row of {', '.join(idle)}; no method would read its weights")
    return protocol.model_copy(update={"methods": rows})


def _methods(folder: Path) -> set[str]:
    """Methods whose weights a folder holds."""
    cards = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not cards:
        raise OwnWeightsError(f"no weights in {folder}: expected the folder that fluorobench train exported to")
    return {read_card(card).method for card in cards}


def _settled(
    plugin: str, settings: Mapping[str, Any], by_method: Mapping[str, Path], taken: set[str]
) -> dict[str, Any]:
    found = {key: _stage(each, by_method, taken) for key, each in settings.items()}
    known = registry.load("methods", plugin).__dataclass_fields__
    for used in (name for name in registry.uses(plugin) if name in known):
        if theirs := _settled(used, settings.get(used, {}), by_method, taken):
            found[used] = theirs
    if plugin in by_method and WEIGHTS in known and settings.get(WEIGHTS) != UNTRAINED:
        found[WEIGHTS] = str(by_method[plugin])
        taken.add(plugin)
    return found


def _stage(value: Any, by_method: Mapping[str, Path], taken: set[str]) -> Any:
    """A setting in which tables that name a plug-in are replaced."""
    if isinstance(value, list | tuple):
        return [_stage(each, by_method, taken) for each in cast("Sequence[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    table = cast("Mapping[str, Any]", value)
    if "plugin" not in table:
        return table
    settings = _settled(str(table["plugin"]), table.get("settings", {}), by_method, taken)
    return {**table, "settings": settings}
