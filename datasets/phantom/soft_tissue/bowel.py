"""Small bowel with its mesentery, and the colon in front of it."""

from ..person.person import Person
from ..rendering.shapes import Part
from .colon import colon
from .mesentery import mesentery
from .small_bowel import draw_loops, small_bowel


def bowel(person: Person, front: float, side: float) -> list[Part]:
    """All bowel, painted from back to front, so that loops overlap one another.

    Args:
        person: The person.
        front: How far the abdominal cavity reaches before the middle of L3, mm.
        side: How far to each side, mm.
    """
    random = person.random("bowel")
    wall = float(random.normal(40, 4)) + 45 * person.contrast
    loops = draw_loops(person, person.random("loops"), front=front, side=side)
    return [
        *mesentery(person, person.random("mesentery"), [loop.middle for loop in loops]),
        *small_bowel(person, person.random("small bowel"), loops, wall),
        *colon(person, random, front=front, side=side, wall_hu=wall),
    ]
