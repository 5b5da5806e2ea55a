"""Dimensions of version 5's people: version 4's, moved where what is built from them measures otherwise."""

from ..v4 import anthropometry as fourth
from .person import Person


def with_own_dimensions(person: Person) -> Person:
    """The same person with the table's dimensions and its discs, the spine strung anew."""
    moved = fourth.with_own_dimensions(person)
    if not isinstance(moved, Person):
        raise TypeError(f"expected a person of version 5; got {type(moved).__name__}")
    return moved
