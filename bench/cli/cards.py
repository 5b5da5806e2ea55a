"""Cards, settings and presets as text for the terminal."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from bench.cli.console import output, print_table
from bench.contract import Card, TrainingProvenance
from bench.protocol.load import Summary

Presets: TypeAlias = Mapping[str, Mapping[str, Any]]

_FEW = 4
_USES_START = "uses start"


def print_plugin(title: str, card: Card, cls: Any, presets: Presets, *, starts: bool) -> None:
    """A plug-in's card, its settings and presets as tables.

    Args:
        title: Above the card.
        card: The plug-in's.
        cls: Its dataclass.
        presets: Settings by name; empty for none.
        starts: Whether its kind may use a start: methods alone.
    """
    lines = [(name, text) for name, text in card_lines(card) if starts or name != _USES_START]
    print_table(title, ("card", ""), lines)
    meanings = _meanings(cls)
    settings = [(f.name, _type(f), _default(f), meanings.get(f.name, "")) for f in fields(cls)]
    print_table("settings", ("name", "type", "default", "what it is"), settings)
    if presets:
        values = [(name, key, in_line(value)) for name, chosen in presets.items() for key, value in chosen.items()]
        print_table("presets", ("preset", "setting", "value"), values)
    output.print()


def _meanings(cls: type) -> dict[str, str]:
    """The description of each field in the docstrings of the class and its bases, without reST's quotes."""
    from docstring_parser import parse

    described = [each for owner in reversed(cls.__mro__) for each in parse(owner.__doc__ or "").params]
    return {each.arg_name: " ".join((each.description or "").replace("``", "").split()) for each in described}


def print_protocol(protocol: Summary) -> None:
    """A protocol's title, profiles and rows."""
    rows = list(protocol.rows.items())
    print_table(f"protocol: {protocol.name}", ("row", "plug-in"), rows)
    output.print(f"{protocol.title}; profiles: {', '.join(protocol.profiles)}", markup=False, soft_wrap=True)


def card_lines(card: Card) -> list[tuple[str, str]]:
    """Name and text of every entry of a card."""
    return [(each.name.replace("_", " "), _entry(getattr(card, each.name))) for each in fields(card)]


def _entry(value: object) -> str:
    if isinstance(value, tuple):
        some = cast("tuple[object, ...]", value)
        return (
            "\n".join(provenance_line(each) if isinstance(each, TrainingProvenance) else str(each) for each in some)
            or "none"
        )
    return {True: "yes", False: "no", None: "depends on its settings"}.get(cast("Any", value), str(value))


def print_weights(path: Path) -> None:
    """The card of weights, beside the file that holds them."""
    from bench.learn import read_card

    card = read_card(path)
    trained = "\n".join(map(provenance_line, card.provenance))
    lines = [
        *(("method", card.method), ("trained on", trained), ("population", card.trained_on.population)),
        *(("held out", in_line(card.held_out)), ("command", card.command), ("note", card.note)),
    ]
    print_table(f"weights: {path}", ("card", ""), lines)


def weights_cards(path: Path) -> list[Path]:
    """The cards of weights that a folder, a card or a file of weights stands for; empty for anything else."""
    places = sorted(path.glob("*.toml")) if path.is_dir() else [path.with_suffix(".toml")]
    return [each for each in places if each.is_file() and each.with_suffix(".safetensors").is_file()]


def provenance_line(training: TrainingProvenance) -> str:
    """What a method was trained or tuned on, in one sentence."""
    names = list(training.patients)
    listed = ", ".join(names if len(names) <= _FEW else [*names[: _FEW - 1], "...", names[-1]])
    counted = f"{len(names)} patient{'s' if len(names) != 1 else ''}"
    unit = "steps" if training.what == "trained" else "settings tried"
    much = "settings tried: not counted" if training.trials is None else f"{training.trials:,} {unit}"
    own = "; for these patients alone" if training.patient_specific else ""
    where = f"{counted} of {training.dataset}, split {training.split} ({listed}){own}"
    return f"{training.what} on {where}; {much}; {training.hardware}. {training.note}"


def in_line(value: Any) -> str:
    """A setting's value in one line, dataclasses and tables by their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return f"({_pairs((f.name, getattr(value, f.name)) for f in fields(value))})"
    if isinstance(value, Mapping):
        return f"({_pairs(cast('Mapping[str, Any]', value).items())})" if value else "none"
    if isinstance(value, list | tuple):
        return ", ".join(in_line(each) for each in cast("list[Any]", value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pairs(some: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{key} = {in_line(value)}" for key, value in some)


def _type(field: "Field[Any]") -> str:
    """The type without the modules that it is from."""
    text = field.type.__name__ if isinstance(field.type, type) else str(field.type)
    return re.sub(r"\b(\w+\.)+(?=[A-Z])", "", text)


def _default(field: "Field[Any]") -> str:
    if field.default is not MISSING:
        return _lines(field.default)
    return "must be given" if field.default_factory is MISSING else _lines(field.default_factory())


def _lines(value: Any) -> str:
    """One line an entry where entries are tables of their own."""
    entries = list(cast("Iterable[Any]", value)) if isinstance(value, tuple) else []
    return "\n".join(map(in_line, entries)) if any(map(is_dataclass, entries)) else in_line(value)
