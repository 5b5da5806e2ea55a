"""Rows that the command line adds to a protocol: ``--add my_method evaluations=200``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.cli.settings import setting
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.protocol import Protocol

# Words that are no settings of the method.
_LABEL, _PRESET = "label", "preset"


class AddedRowError(FluorobenchError):
    """Words that do not make a row."""


def with_added(protocol: "Protocol", added: Sequence[tuple[str, ...]]) -> "Protocol":
    """The protocol with further rows at its end.

    Args:
        protocol: Resolved.
        added: Of each row the plug-in, then settings as ``field=value``; ``label=`` and ``preset=`` are the row's own.

    Raises:
        FluorobenchError: No such plug-in, preset or setting, no setting at all, or a label that is taken.
    """
    from bench import registry
    from bench.protocol.model import MethodTable

    rows = [_row(words) for words in added]
    taken = {method.label for method in protocol.methods}
    for row in rows:
        if row["label"] in taken:
            raise AddedRowError(
                f"{protocol.name} has a row {row['label']!r} already; give the new one another name: "
                f"--add {row['plugin']} label=NAME"
            )
        taken.add(row["label"])
        registry.build("methods", row["plugin"], row["settings"], row["preset"])
    return protocol.model_copy(update={"methods": (*protocol.methods, *(MethodTable(**row) for row in rows))})


def _row(words: tuple[str, ...]) -> dict[str, Any]:
    if not words:
        raise AddedRowError("--add: expected the name of a method; got none")
    plugin, *rest = words
    for word in rest:
        if "=" not in word:
            raise AddedRowError(
                f"--add {plugin}: expected settings as field=value; got {word!r} (protocols stand before --add)"
            )
    settings = dict(setting(word) for word in rest)
    preset, label = settings.pop(_PRESET, None), settings.pop(_LABEL, None)
    shown = [word for word in rest if not word.startswith(f"{_LABEL}=")]
    name = " ".join([plugin, *shown]) if label is None else str(label)
    return {"label": name, "plugin": plugin, "preset": None if preset is None else str(preset), "settings": settings}
