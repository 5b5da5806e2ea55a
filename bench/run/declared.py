"""What plug-ins of one's own declare about their rows, kept with a run: it is reported again without their code."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from bench import registry
from bench.contract import TrainingProvenance
from bench.files import write_text
from bench.learn import WeightsCard
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.journal import RunError
from bench.run.parts import Part, parts

DECLARED = "methods.json"


class DeclaredPart(BaseModel):
    """A plug-in of a row, as ``bench.run.parts.Part``: what it is given, training patients, weights."""

    model_config = ConfigDict(frozen=True)

    plugin: str
    uses_whole_ct: bool = False
    provenance: tuple[TrainingProvenance, ...]
    cards: Sequence[WeightsCard]


class DeclaredMethod(BaseModel):
    """A row: its plug-ins, and how many poses it evaluates at most (None = it states no limit)."""

    model_config = ConfigDict(frozen=True)

    parts: tuple[DeclaredPart, ...]
    max_evaluations: float | None


class _ByLabel(RootModel[dict[str, DeclaredMethod]]):
    """The file."""


def write_declared(folder: Path, protocol: Protocol) -> None:
    """Write what the rows declare that have a plug-in of one's own; no file where none has."""
    found = {row.label: _declared(row) for row in protocol.methods if any(map(_is_own, _plugins(row)))}
    if found:
        write_text(folder / DECLARED, _ByLabel(found).model_dump_json(indent=1) + "\n")


def declared_methods(folder: Path, protocol: Protocol) -> dict[str, DeclaredMethod]:
    """What rows declared whose plug-ins are not here, by label.

    Raises:
        RunError: The file is damaged.
        UnknownNameError: A plug-in is not here, and the run does not state what it declared.
    """
    known = set(registry.names("methods"))
    absent = [row for row in protocol.methods if row.plugin not in known]
    if not absent:
        return {}
    path = folder / DECLARED
    try:
        stated = _ByLabel.model_validate_json(path.read_text()).root if path.is_file() else {}
    except (ValidationError, UnicodeDecodeError):
        raise RunError(f"{path} is damaged; install the plug-ins of the run to report it") from None
    for row in absent:
        if row.label not in stated:
            raise registry.unknown("method", row.plugin, known)
    return {row.label: stated[row.label] for row in absent}


def _declared(row: MethodTable) -> DeclaredMethod:
    method = registry.build("methods", row.plugin, row.settings, row.preset)
    most: int | None = getattr(method, "max_evaluations", None)
    return DeclaredMethod(parts=tuple(map(declared_part, parts(row))), max_evaluations=most)


def declared_part(part: Part) -> DeclaredPart:
    """What a plug-in of a row declares: its cards are read once, here."""
    return DeclaredPart(
        plugin=part.plugin, uses_whole_ct=part.uses_whole_ct, provenance=part.provenance, cards=part.cards
    )


def _plugins(row: MethodTable) -> list[str]:
    return [each.plugin for each in parts(row)]


def _is_own(plugin: str) -> bool:
    """Whether a plug-in did not come with fluorobench."""
    place = Path(str(registry.module("methods", plugin).__file__))
    return not any(place.is_relative_to(folder) for folder in registry.shipped_folders("methods"))
