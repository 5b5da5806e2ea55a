"""A value of an image's header with its origin."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A value and its origin.

    Attributes:
        value: None where it is missing.
        origin: ``stated: ATTRIBUTE``, ``derived: HOW``, ``assumed: WHAT`` or ``missing``, with a hint after a colon
            where the header holds one that does not suffice.
    """

    value: Value | None
    origin: str


def stated(value: Value, name: str) -> Found[Value]:
    """A value as an attribute gives it."""
    return Found(value, f"stated: {name}")


def derived(value: Value, how: str) -> Found[Value]:
    """A value computed from attributes."""
    return Found(value, f"derived: {how}")


def missing(hint: str = "") -> Found[Any]:
    """No value; the hint names what the header holds instead."""
    return Found(None, f"missing: {hint}" if hint else "missing")
