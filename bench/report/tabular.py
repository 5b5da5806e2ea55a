"""A table's bare ``tabular`` for a paper: numbers aligned at the point, one column of a page wide, without a caption.

It needs ``booktabs`` alone. ``siunitx`` would align as well, but small TeX distributions lack it; empty digits do not.
Columns that are the same in all rows, caption and notes stand in comments. A table that is too wide for the column of a
page is set in parts, one below the other.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.latex import bold_text, escape, group_lines, heading_row, with_minus
from bench.text import one_line

# Points: one of two columns of a page (article: 229, IEEE: 252); a letter of \footnotesize; beside a column.
COLUMN_PT = 225.0
_LETTER_PT, _SPACE_PT = 4.4, 3.0
# Of a table's cell without a value; a row without any in a part is left out there.
NO_VALUE = "–"
_NUMBER = re.compile(r"([-−]?\d[\d,]*(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Parts:
    """Columns of a table, as text.

    Attributes:
        headings: Lines of a heading are separated by line breaks.
        groups: Above neighbouring columns; empty for none.
        cells: Row by row.
        bold: Likewise.
        sides: l or r for each column.
    """

    headings: Sequence[str]
    groups: Sequence[str]
    cells: Sequence[Sequence[str]]
    bold: Sequence[Sequence[bool]]
    sides: str


def render_tabular(table: Parts, *, caption: str, notes: Sequence[str]) -> str:
    """The file of a table; text of any kind is escaped here."""
    constant = [number for number in range(1, len(table.headings)) if _is_constant(table, number)]
    kept = [number for number in range(len(table.headings)) if number not in constant]
    blocks = [_block(table, part) for part in _split(table, kept)]
    head = [
        r"% \input inside a table environment with a \caption of its own. Needs \usepackage{booktabs} alone.",
        *(f"% {one_line(line)}" for line in (caption, *notes)),
        *(f"% The same in all rows: {_name(table, number)}: {one_line(table.cells[0][number])}" for number in constant),
        rf"\begingroup\footnotesize\setlength{{\tabcolsep}}{{{_SPACE_PT:g}pt}}%",
    ]
    return "\n".join([*head, "\\par\\smallskip\n".join(blocks) + r"\endgroup"]) + "\n"


def aligned(cells: Sequence[str]) -> list[str]:
    """Cells of one column as LaTeX of one width: numbers are filled up with digits that are not printed.

    Cells with another number of numbers than most are filled up on the right where they begin alike; text stays as it
    is.
    """
    split = [_NUMBER.split(with_minus(cell)) for cell in cells]
    shapes = Counter(tuple(each[::2]) for each in split if len(each) > 1)
    if not shapes:
        return [escape(cell) for cell in cells]
    shape = max(shapes, key=lambda each: (shapes[each], len(each)))
    alike = [each for each in split if len(each) > 1 and _begins(each, shape)]
    widths = [_widths([each[slot] for each in alike if slot < len(each)]) for slot in range(1, 2 * len(shape) - 1, 2)]
    rest = _filled(max((each for each in alike if tuple(each[::2]) == shape), key=len), shape, widths)
    return [
        _aligned(each, shape, widths, rest) if each in alike else escape(cell)
        for each, cell in zip(split, cells, strict=True)
    ]


def _begins(pieces: Sequence[str], shape: Sequence[str]) -> bool:
    """Whether a cell has the shape, or ends early after its first number."""
    return tuple(pieces[::2]) == tuple(shape) or (len(pieces) == 3 and pieces[0] == shape[0] and not pieces[2])


def _aligned(pieces: list[str], shape: Sequence[str], widths: Sequence[tuple[int, int]], rest: list[str]) -> str:
    if tuple(pieces[::2]) == tuple(shape):
        return "".join(_filled(pieces, shape, widths))
    return f"{escape(pieces[0])}{_padded(pieces[1], *widths[0])}\\phantom{{{''.join(rest[2:])}}}"


def _filled(pieces: list[str], shape: Sequence[str], widths: Sequence[tuple[int, int]]) -> list[str]:
    found = list[str]()
    for number, piece in enumerate(pieces):
        found.append(_padded(piece, *widths[number // 2]) if number % 2 else _separator(piece))
    return found


def _separator(text: str) -> str:
    """LaTeX of what stands between numbers, with its spaces."""
    inner = escape(text)
    return f"{' ' if text[:1] == ' ' else ''}{inner}{' ' if text[-1:] == ' ' and inner else ''}"


def _widths(numbers: Sequence[str]) -> tuple[int, int]:
    """The most letters before the point, and from the point on."""
    parts = [each.partition(".") for each in numbers]
    return max(len(before) for before, _, _ in parts), max(len(point + after) for _, point, after in parts)


def _padded(number: str, before: int, after: int) -> str:
    whole, point, decimals = number.partition(".")
    left = "0" * (before - len(whole))
    missing = after - len(point + decimals)
    right = ("0" * missing if point else f".{'0' * (missing - 1)}") if missing else ""
    return f"{_phantom(left)}{escape(number)}{_phantom(right)}"


def _phantom(text: str) -> str:
    return rf"\phantom{{{text}}}" if text else ""


def _is_constant(table: Parts, number: int) -> bool:
    return len(table.cells) > 1 and len({row[number] for row in table.cells}) == 1


def _name(table: Parts, number: int) -> str:
    heading = one_line(table.headings[number])
    return f"{one_line(table.groups[number])}: {heading}" if table.groups[number] else heading


def _split(table: Parts, kept: Sequence[int]) -> list[list[int]]:
    """Columns of tabulars that are no wider than ``COLUMN_PT``, each beginning with the columns that name a row."""
    keys = kept[: max(1, next((n for n, number in enumerate(kept) if table.sides[number] == "r"), 1))]
    first = sum(_width_pt(table, number) for number in keys)
    found, room = [list(keys)], COLUMN_PT - first
    for number in kept[len(keys) :]:
        needed = _width_pt(table, number)
        if needed > room and len(found[-1]) > len(keys):
            found.append(list(keys))
            room = COLUMN_PT - first
        found[-1].append(number)
        room -= needed
    return found


def _width_pt(table: Parts, number: int) -> float:
    texts = [*table.headings[number].split("\n"), *(row[number] for row in table.cells)]
    group = table.groups[number]
    above = len(group) / list(table.groups).count(group) if group else 0
    return max(above, *map(len, texts)) * _LETTER_PT + 2 * _SPACE_PT


def _block(table: Parts, part: Sequence[int]) -> str:
    sides, groups = "".join(table.sides[number] for number in part), [table.groups[number] for number in part]
    columns = [[row[number] for row in table.cells] for number in part]
    texts = [
        aligned(cells) if side == "r" else [escape(cell) for cell in cells]
        for side, cells in zip(sides, columns, strict=True)
    ]
    lines = [rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}", r"\toprule", *(group_lines(groups) if any(groups) else [])]
    lines += [heading_row([table.headings[number] for number in part], sides), r"\midrule"]
    for row, marks in enumerate(table.bold):
        if len(table.cells) > 1 and all(
            texts[row] == NO_VALUE for texts, side in zip(columns, sides, strict=True) if side == "r"
        ):
            continue
        cells = [bold_text(text[row]) if marks[number] else text[row] for text, number in zip(texts, part, strict=True)]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
