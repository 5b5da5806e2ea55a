"""Frozen dataclasses from a file's plain values: every key required, unknown keys and wrong types refused."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_WORDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


# Whole numbers beyond it are not exact as a float.
_LARGEST = 2**53


class PlainError(ValueError):
    """A value that is missing, unknown or of another type, in one line."""


def from_plain(kind: type[T], table: Any, name: str = "", *, defaults: bool = False) -> T:
    """Build a dataclass from a table as TOML or JSON gives it.

    Args:
        kind: The dataclass; fields may be bool, int, float, str, ``Literal``, tuples, lists, mappings from text and
            other dataclasses. ``Any`` takes everything; ``X | None`` takes an X, and None is a missing key.
        table: Its values.
        name: Of the table, for messages.
        defaults: Fields that have a default may be missing.

    Raises:
        PlainError: What was expected and what was found.
    """
    if not isinstance(table, Mapping):
        raise _unexpected(name, "a table", table)
    values, place = cast("Mapping[str, Any]", table), f"{name}." if name else ""
    known = {each.name: each for each in fields(cast("Any", kind)) if each.init}
    needed = [each for each, one in known.items() if not (defaults and _has_default(one))]
    missing, unknown = sorted(set(needed) - set(values)), sorted(set(values) - set(known))
    if missing or unknown:
        wrong = [f"{each} is missing" for each in missing] + [f"{str(each)[:40]!r} is unknown" for each in unknown]
        raise PlainError(f"{name or 'it'} should have the keys {', '.join(known)}; {', '.join(wrong[:4])}")
    hints = get_type_hints(kind)
    return kind(**{key: _value(hints[key], value, f"{place}{key}", defaults) for key, value in values.items()})


def _has_default(one: Any) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _value(kind: Any, value: Any, name: str, defaults: bool) -> Any:
    if kind is Any:
        return value
    if is_dataclass(kind):
        return from_plain(cast("type[Any]", kind), value, name, defaults=defaults)
    origin = get_origin(kind)
    if origin is Literal:
        return _choice(get_args(kind), value, name)
    if origin in (tuple, list):
        return _sequence(kind, value, name, defaults)
    if origin is UnionType:
        return _value(get_args(kind)[0], value, name, defaults)
    if origin is not None:
        return _mapping(get_args(kind)[1], value, name, defaults)
    # A bool is an int to Python, and 3 is a number although no float.
    if kind is float and value.__class__ is int and abs(value) < _LARGEST:
        return float(value)
    if value.__class__ is not kind:
        raise _unexpected(name, _WORDS[kind], value)
    return value


def _choice(choices: tuple[Any, ...], value: Any, name: str) -> Any:
    if not any(value.__class__ is each.__class__ and value == each for each in choices):
        raise _unexpected(name, f"one of {', '.join(str(each) for each in choices)}", value)
    return value


def _sequence(kind: Any, value: Any, name: str, defaults: bool) -> Any:
    if not isinstance(value, list | tuple):
        raise _unexpected(name, "a list", value)
    items, inner = cast("Sequence[Any]", value), get_args(kind)
    fixed = get_origin(kind) is tuple and inner[-1] is not Ellipsis
    if fixed and len(items) != len(inner):
        raise _unexpected(name, f"a list of {len(inner)}", value)
    kinds = inner if fixed else (inner[0],) * len(items)
    pairs = zip(kinds, items, strict=True)
    found = [_value(each, item, f"{name}[{index}]", defaults) for index, (each, item) in enumerate(pairs)]
    return tuple(found) if get_origin(kind) is tuple else found


def _mapping(kind: Any, value: Any, name: str, defaults: bool) -> Any:
    if not isinstance(value, Mapping):
        raise _unexpected(name, "a table", value)
    return {
        key: _value(kind, each, f"{name}.{key}", defaults) for key, each in cast("Mapping[str, Any]", value).items()
    }


def _unexpected(name: str, wanted: str, value: Any) -> PlainError:
    return PlainError(f"{name or 'it'} should be {wanted}; got {repr(value)[:60]}")
