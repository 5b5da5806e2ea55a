"""Gut of version 5: small bowel with its mesentery, and the colon over it."""

from ..v2.shapes import Part
from .colon import colon
from .mesentery import mesentery
from .person import Person
from .small_bowel import draw_loops, small_bowel


def bowel(person: Person, front: float, side: float) -> list[Part]:
    """Painted back to front, so that loops lie over one another.

    Args:
        person: Whose.
        front: How far the cavity reaches before the middle of L3, mm.
        side: To each side, mm.
    """
    random = person.random("bowel")
    wall = float(random.normal(40, 4)) + 45 * person.contrast
    loops = draw_loops(person, person.random("loops"), front=front, side=side)
    return [
        *mesentery(person, person.random("mesentery"), [loop.middle for loop in loops]),
        *small_bowel(person, person.random("small bowel"), loops, wall),
        *colon(person, random, front=front, side=side, wall_hu=wall),
    ]
