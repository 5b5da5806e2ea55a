"""No shipped row is limited by seconds: the same command gives the same answer on a loaded and on a quiet machine."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

import pytest

from bench import registry
from bench.learn.descent import Descent
from bench.protocol import protocol_names, read_protocol
from bench.protocol.model import MethodTable
from bench.register import Search

LIMITS = ("seconds", "max_seconds")


def limits(value: Any, place: str) -> Iterator[str]:
    """Places of limits in seconds that are set, in a method's settings and those within them."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from limits(getattr(value, each.name), f"{place}.{each.name}")
    elif isinstance(value, Mapping):
        for key, each in cast("Mapping[str, Any]", value).items():
            yield from limits(each, f"{place}.{key}")
    elif isinstance(value, tuple | list):
        for each in cast("tuple[Any, ...]", value):
            yield from limits(each, place)
    elif value is not None and place.rpartition(".")[2] in LIMITS:
        yield place


def rows() -> dict[str, MethodTable]:
    found = ((name, row) for name in protocol_names() for row in read_protocol(name, "full").methods)
    return {f"{name}: {row.label}": row for name, row in found}


@pytest.mark.parametrize("row", rows().values(), ids=rows().keys())
def test_no_shipped_row_is_limited_by_seconds(row: MethodTable) -> None:
    method = registry.build("methods", row.plugin, row.settings, row.preset)
    assert not list(limits(method, row.plugin))


def test_a_limit_is_found_where_there_is_one() -> None:
    search = Search(similarity="gc", max_seconds=3.0)
    inner = {"stages": [{"plugin": "sopi", "settings": {"descent": Descent(seconds=4.0)}}]}
    assert list(limits(search, "x")) == ["x.max_seconds"]
    assert list(limits(inner, "x")) == ["x.stages.settings.descent.seconds"]
