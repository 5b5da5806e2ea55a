"""Which columns of a table stand side by side in a terminal: words and numbers are never cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Longer words, such as paths, are folded.
_LONGEST_WORD = 40
# A cell that is no longer, such as a number and its deviation, stays on one line.
_SHORT_CELL = 24
_PADDING, _EDGES = 3, 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one part.

    Attributes:
        number: In the whole table, from 0.
        width: Letters.
    """

    number: int
    width: int


def parts(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, keys: int = 1) -> list[list[Column]]:
    """The columns of a table that fits a width, or of several, each beginning with the columns that name a row.

    Args:
        headings: Of the table; they are wrapped between words.
        rows: Cells; long ones are wrapped, too.
        width: Of the terminal, in letters.
        keys: How many columns name a row.
    """
    columns = [[row[number] for row in rows] for number in range(len(headings))]
    both = list(zip(headings, columns, strict=True))
    needed = [min(_LONGEST_WORD, max([_longest_word(name), *map(_cell_width, cells)])) for name, cells in both]
    whole = [max([len(name), *map(len, cells)]) for name, cells in both]
    return [_widened(numbers, needed, whole, width) for numbers in _split(needed, width - _EDGES, keys)]


def _widened(numbers: Sequence[int], needed: Sequence[int], whole: Sequence[int], width: int) -> list[Column]:
    """What is left of the width goes to the columns that would be wrapped, a letter each in turn."""
    given = {number: needed[number] for number in numbers}
    left = width - _EDGES - sum(given.values()) - _PADDING * len(numbers)
    while left > 0 and (short := [number for number in numbers if given[number] < whole[number]]):
        for number in short[:left]:
            given[number] += 1
        left -= len(short[:left])
    return [Column(number, letters) for number, letters in given.items()]


def _split(needed: Sequence[int], width: int, keys: int) -> list[list[int]]:
    first = sum(needed[:keys]) + keys * _PADDING
    found, room = [list(range(keys))], width - first
    for number, letters in enumerate(needed[keys:], start=keys):
        if letters + _PADDING > room and len(found[-1]) > keys:
            found.append(list(range(keys)))
            room = width - first
        found[-1].append(number)
        room -= letters + _PADDING
    return found


@dataclass(frozen=True, slots=True)
class PipeTable:
    """A file that holds one pipe table.

    Attributes:
        caption: Above it.
        headings: Of its columns.
        keys: How many columns of text it begins with: they name a row.
        rows: Cells as Markdown.
        notes: Below it.
    """

    caption: str
    headings: list[str]
    keys: int
    rows: list[list[str]]
    notes: str


def markdown_table(text: str) -> PipeTable | None:
    """The table of a file that holds one pipe table; None of other Markdown."""
    lines = text.splitlines()
    piped = [number for number, line in enumerate(lines) if line.startswith("|")]
    if len(piped) < 3 or piped[-1] - piped[0] + 1 != len(piped):
        return None
    heading, rules, *rows = [_cells(lines[number]) for number in piped]
    if any(len(row) != len(heading) for row in rows):
        return None
    before, after = lines[: piped[0]], lines[piped[-1] + 1 :]
    keys = next((number for number, rule in enumerate(rules) if rule.endswith(":")), 1)
    return PipeTable("\n".join(before).strip(), heading, max(1, keys), rows, "\n".join(after).strip())


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def plain(cell: str) -> tuple[str, bool]:
    """A cell of a pipe table without Markdown's signs, and whether it was bold."""
    bold = len(cell) > 4 and cell.startswith("**") and cell.endswith("**")
    text = re.sub(r"\\(.)", r"\1", cell[2:-2] if bold else cell)
    return text.replace("&lt;", "<").replace("&amp;", "&"), bold


def _cell_width(cell: str) -> int:
    return len(cell) if len(cell) <= _SHORT_CELL else _longest_word(cell)


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=1)
