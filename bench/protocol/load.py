"""Read a protocol: by name from ``bench/protocols`` or by path, with one profile laid over it."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from pydantic import ValidationError

from bench import registry
from bench.errors import FluorobenchError, describe_error
from bench.protocol.model import Protocol

_Tables: TypeAlias = dict[str, Any]

PROTOCOLS = Path(__file__).parents[1] / "protocols"


class ProtocolError(FluorobenchError):
    """A protocol file that cannot be used."""


def protocol_names() -> list[str]:
    """Names of the protocols that come with fluorobench."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.toml"))


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list says of a protocol that comes with fluorobench.

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
    """Of every protocol that comes with fluorobench, by name; their plug-ins are not looked at."""
    return [_summary(name, tomllib.loads((PROTOCOLS / f"{name}.toml").read_text())) for name in protocol_names()]


def _summary(name: str, tables: _Tables) -> Summary:
    rows = {method["label"]: method["plugin"] for method in tables["methods"]}
    return Summary(name, tables["title"], tuple(tables["profile"]), rows)


def load_protocol(name_or_path: str, profile: str, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """Read a protocol as ``read_protocol`` does, and build its plug-ins once: a wrong name or setting is found now."""
    protocol = read_protocol(name_or_path, profile, overrides)
    check_plugins(protocol)
    return protocol


def borrowed_name(name_or_path: str) -> str | None:
    """The name that a protocol file of one's own shares with one that comes with fluorobench, or None.

    Tables of the two would call themselves alike, and published values would stand beside both.
    """
    path = _find(name_or_path)
    name = str(_parsed(path).get("name"))
    if path.resolve().parent == PROTOCOLS or name not in protocol_names():
        return None
    return None if path.read_text() == (PROTOCOLS / f"{name}.toml").read_text() else name


def read_protocol(name_or_path: str, profile: str, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """Read a protocol and choose a profile; its plug-ins are not looked at.

    Args:
        name_or_path: ``sopi-sim``, or a path that ends in ``.toml``.
        profile: A table ``[profile.NAME]`` of the file; its tables override the file's.
        overrides: Laid over the profile: nested tables, as the command line gives them.

    Raises:
        UnknownNameError: No such protocol or profile.
        ProtocolError: The file is not TOML, or a key or value is wrong.
    """
    path = _find(name_or_path)
    tables = _parsed(path)
    profiles: Any = tables.pop("profile", {})
    if not _both_tables(profiles, {}) or not all(_both_tables(table, {}) for table in profiles.values()):
        raise ProtocolError(f"{path}: profile: expected tables [profile.NAME]; got {profiles!r}"[:200])
    if profile not in profiles:
        raise registry.unknown(f"profile of {path.stem}", profile, profiles)
    merged = _merge_run(_merge(tables, profiles[profile]), overrides or {})
    merged["profile"] = profile
    laid = " with what --data or the options say" if any((overrides or {}).values()) else ""
    return validate(merged, source=f"{path}{laid}")


def _parsed(path: Path) -> _Tables:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ProtocolError(f"{path}: not a readable TOML file: {describe_error(error)}") from None


def validate(tables: Mapping[str, Any], *, source: str) -> Protocol:
    """Check tables against the model; all mistakes in one line."""
    try:
        return Protocol.model_validate(tables)
    except ValidationError as error:
        mistakes = "; ".join(_mistake(dict(found)) for found in error.errors())
        raise ProtocolError(f"{source}: {mistakes}") from None


def check_plugins(protocol: Protocol) -> None:
    """Build every plug-in once, so that a wrong name or setting is found before anything runs."""
    for method in protocol.methods:
        registry.build("methods", method.plugin, method.settings, method.preset)
    registry.build("datasets", protocol.data.dataset, protocol.data.settings)
    for artefact in protocol.artefacts.names:
        registry.build("reports", artefact, {})


def protocol_hash(protocol: Protocol) -> str:
    """Eight hex digits that name a resolved protocol."""
    return hashlib.sha256(protocol.model_dump_json().encode()).hexdigest()[:8]


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise ProtocolError(f"no protocol file at {path}; give a name ({', '.join(protocol_names())}) or a path")
        return path
    if name_or_path not in protocol_names():
        raise registry.unknown("protocol", name_or_path, protocol_names())
    return PROTOCOLS / f"{name_or_path}.toml"


def _merge_run(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """As ``_merge``; settings of a dataset that is replaced by another one are not the new one's."""
    merged = _merge(base, over)
    under, data = base.get("data"), over.get("data")
    if _both_tables(under, data):
        before, after = cast(_Tables, under), cast(_Tables, data)
        if after.get("dataset", before.get("dataset")) != before.get("dataset"):
            merged["data"]["settings"] = after.get("settings", {})
    return merged


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested tables over others; lists and values replace."""
    merged = dict(base)
    for key, value in over.items():
        under: Any = merged.get(key)
        merged[key] = _merge(cast(_Tables, under), cast(_Tables, value)) if _both_tables(under, value) else value
    return merged


def _both_tables(first: object, second: object) -> bool:
    return isinstance(first, dict) and isinstance(second, dict)


def _mistake(found: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return _unknown_key(where)
    if found["type"] == "value_error":
        return f"{where or 'protocol'}: {found['ctx']['error']}"
    got = "" if found["type"] == "missing" else f"; got {found['input']!r}"
    return f"{where or 'protocol'}: {found['msg']}{got[:120]}"


def _unknown_key(where: str) -> str:
    known = {key for table in _tables() for key in table.model_fields}
    key = where.rsplit(".", 1)[-1]
    return f"{where}: {registry.unknown('key', key, known)}"


def _tables() -> list[Any]:
    from bench.protocol import model

    return [value for value in vars(model).values() if isinstance(value, type) and issubclass(value, model.Table)]
