"""Read a protocol: by name from ``bench/protocols`` or by path, with one profile merged into it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from bench import registry
from bench.errors import FluorobenchError
from bench.protocol import model
from bench.protocol.extend import (
    PROTOCOLS,
    ProtocolError,
    find_protocol,
    overlay,
    protocol_names,
    read_tables,
    rows_of_profile,
)
from bench.protocol.model import Protocol
from bench.protocol.table import Table
from bench.text import read_toml

# Keys of earlier versions and what is written today.
_RENAMED = {
    "target.law": "target.distribution",
    "start.law": "start.distribution",
    "start.laws": "start.distributions",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a protocol that comes with fluorobench, for lists.

    Attributes:
        name: For the command line.
        title: One line.
        profiles: In the file's order.
        rows: Plug-in by label.
    """

    name: str
    title: str
    profiles: tuple[str, ...]
    rows: Mapping[str, str]


def summaries() -> list[Summary]:
    """Of every protocol that comes with fluorobench, by name; their plug-ins are not loaded."""
    return [_summary(name, read_tables(PROTOCOLS / f"{name}.toml")) for name in protocol_names()]


def _summary(name: str, tables: Mapping[str, Any]) -> Summary:
    rows = {method["label"]: method["plugin"] for method in tables["methods"]}
    return Summary(name, tables["title"], tuple(tables["profile"]), rows)


def load_protocol(name_or_path: str, profile: str, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """Read a protocol as ``read_protocol`` does, and build its plug-ins once: a wrong name or setting is found now."""
    protocol = read_protocol(name_or_path, profile, overrides)
    check_plugins(protocol)
    return protocol


def borrowed_name(name_or_path: str) -> str | None:
    """The name that a protocol file of one's own shares with one that comes with fluorobench, or None.

    Tables of the two would have one name, and published values would stand beside both.
    """
    path = find_protocol(name_or_path)
    name = str(read_toml(path, ProtocolError).get("name"))
    if path.resolve().parent == PROTOCOLS or name not in protocol_names():
        return None
    return None if path.read_text() == (PROTOCOLS / f"{name}.toml").read_text() else name


def read_protocol(name_or_path: str, profile: str, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """Read a protocol with everything that it extends, and choose a profile; its plug-ins are not loaded.

    Args:
        name_or_path: ``sopi-sim``, or a path that ends in ``.toml``.
        profile: A table ``[profile.NAME]`` of the file or of its bases; its tables override the file's.
        overrides: Laid over the profile: nested tables, as the command line gives them.

    Raises:
        UnknownNameError: No such protocol, base or profile.
        ProtocolError: The file is not TOML, or a key or value is wrong.
    """
    path = find_protocol(name_or_path)
    tables = read_tables(path)
    profiles = tables.pop("profile", {})
    merged = overlay(overlay(tables, _profile(path, profiles, profile)), overrides or {})
    merged["methods"] = rows_of_profile(path, merged, profile, known=profiles)
    merged["profile"] = profile
    laid = " with --data or the options" if any((overrides or {}).values()) else ""
    return validate(merged, source=f"{path}{laid}")


def _profile(path: Path, profiles: object, name: str) -> dict[str, Any]:
    known = cast("dict[str, Any]", profiles)
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in known.values()):
        raise ProtocolError(f"{path}: profile: expected tables [profile.NAME]; got {profiles!r}"[:200])
    if name not in known:
        raise registry.unknown(f"profile of {path.stem}", name, known)
    return cast("dict[str, Any]", known[name])


def validate(tables: Mapping[str, Any], *, source: str) -> Protocol:
    """Check tables against the model; all mistakes in one line."""
    try:
        return Protocol.model_validate(tables)
    except ValidationError as error:
        raise ProtocolError(f"{source}: {'; '.join(_mistakes(error))}") from None
    except FluorobenchError as error:  # of a table that checks its own values
        raise ProtocolError(f"{source}: {error}") from None


def check_plugins(protocol: Protocol) -> None:
    """Build every plug-in once, so that a wrong name or setting is found before anything runs."""
    for method in protocol.methods:
        registry.build("methods", method.plugin, method.settings, method.preset)
    registry.build("datasets", protocol.data.dataset, protocol.data.settings)
    for artefact in protocol.artefacts.names:
        registry.build("reports", artefact, {})


def protocol_hash(protocol: Protocol) -> str:
    """Eight hex digits that name a resolved protocol."""
    # Without them the name equals that of earlier versions, which had no such tables and keys.
    absent: dict[str, Any] = {name: True for name in ("told", "stress") if getattr(protocol, name) is None}
    if not protocol.camera.turns_deg:
        absent["camera"] = {"turns_deg"}
    return hashlib.sha256(protocol.model_dump_json(exclude=absent).encode()).hexdigest()[:8]


def _mistakes(error: ValidationError) -> list[str]:
    """Keys of earlier versions first: they say what to do, and what they replace is not missing besides."""
    found = {_place(each["loc"]): _mistake(dict(each)) for each in error.errors()}
    older = [place for place in found if place in _RENAMED]
    replaced = {_RENAMED[place] for place in older}
    return [
        *(found[place] for place in older),
        *(text for place, text in found.items() if place not in {*older, *replaced}),
    ]


def _place(loc: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in loc)


def _mistake(found: dict[str, Any]) -> str:
    where = _place(found["loc"])
    if found["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown_key(where)
    if found["type"] == "value_error":
        return f"{where or 'protocol'}: {found['ctx']['error']}"
    if found["type"] == "missing":
        return f"{where}: must be given"
    got = f"; got {found['input']!r}"
    return f"{where or 'protocol'}: {found['msg']}{got[:120]}"


def _unknown_key(where: str) -> str:
    key = where.rsplit(".", 1)[-1]
    if where in _RENAMED:
        return f"{where}: written for an earlier version; write {_RENAMED[where].rsplit('.', 1)[-1]} instead of {key}"
    tables = (each for each in vars(model).values() if isinstance(each, type) and issubclass(each, Table))
    return f"{where}: {registry.unknown('key', key, {name for table in tables for name in table.model_fields})}"
