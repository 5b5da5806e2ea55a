"""Where landmarks were clicked: on the command line as ``[VIEW:]NAME=COLUMN,ROW``, or in a CSV file.

Views count from 1 in the order of the images. Pixels are those of the whole image, counted from the centre of pixel
(0, 0), as seen from the source unless stated to be of the stored image.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cells import CellError, table_number, table_of
from bench.errors import describe_error
from bench.geometry.converters.projection import flip_pixels
from bench.start.landmarks import LandmarkError
from bench.text import read_text

_VIEW_DIGITS = 4
_CLICK = re.compile(r"^(?:(?P<view>\d+):)?(?P<name>[^=]+)=(?P<column>[^,]+),(?P<row>[^,]+)$")
_TITLE = ("name", "column", "row")


@dataclass(frozen=True, slots=True)
class NamedPixel:
    """A landmark's name and where it was clicked.

    Attributes:
        view: From 0.
        name: Of the landmark.
        column: Pixel.
        row: Pixel.
    """

    view: int
    name: str
    column: float
    row: float

    def turned(self, flip: str, size: tuple[int, int]) -> "NamedPixel":
        """The same click in the image that ``flip`` makes of one with ``size`` (rows, columns)."""
        turn = flip_pixels(flip=flip, height=size[0], width=size[1])
        column, row, _ = turn @ (self.column, self.row, 1.0)
        return NamedPixel(self.view, self.name, float(column), float(row))


def parse_clicks(words: Sequence[str]) -> list[NamedPixel]:
    """Clicks of a command line.

    Raises:
        LandmarkError: An argument of another form.
    """
    return [_parsed(word) for word in words]


def read_clicks(path: Path) -> list[NamedPixel]:
    """Clicks of a CSV file with the title line ``name,column,row`` or ``view,name,column,row``.

    Raises:
        LandmarkError: The file cannot be read or holds something else.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise LandmarkError(f"{path}: expected a CSV file of clicks: {describe_error(error)}") from None
    try:
        return [_of_row(row) for row in table_of(text, _TITLE)]
    except (CellError, LandmarkError) as error:
        raise LandmarkError(f"{path}: {error}") from None


def check_clicks(clicks: Sequence[NamedPixel], sizes: Sequence[tuple[int, int]]) -> None:
    """Refuse clicks in views that do not exist, beyond the image, or of one landmark twice in a view.

    Args:
        clicks: As read.
        sizes: (rows, columns) of each view.

    Raises:
        LandmarkError: The first such click, by its name.
    """
    seen = set[tuple[int, str]]()
    for click in clicks:
        if not 0 <= click.view < len(sizes):
            raise LandmarkError(
                f"{click.name} was clicked in view {click.view + 1}; expected a view from 1 to {len(sizes)}"
            )
        rows, columns = sizes[click.view]
        if not (-0.5 <= click.column <= columns - 0.5 and -0.5 <= click.row <= rows - 0.5):
            raise LandmarkError(
                f"{click.name} lies at column {click.column:g}, row {click.row:g} of view {click.view + 1}, beyond its "
                f"{columns} columns and {rows} rows; give pixels of the whole image"
            )
        if (click.view, click.name) in seen:
            raise LandmarkError(f"{click.name} was clicked twice in view {click.view + 1}; keep one")
        seen.add((click.view, click.name))


def _parsed(word: str) -> NamedPixel:
    found = _CLICK.match(word.strip())
    if found is None:
        raise _no_click(word)
    return _of_row({**found.groupdict(), "view": found["view"] or ""}, word)


def _of_row(row: Mapping[str, str], shown: str | None = None) -> NamedPixel:
    """A click of its texts; the view may be empty."""
    view, name = row.get("view") or "1", row["name"].strip()
    pixel = [table_number(row[axis].strip()) for axis in ("column", "row")]
    if not view.isdecimal() or len(view) > _VIEW_DIGITS or int(view) < 1 or not name or not np.isfinite(pixel).all():
        raise _no_click(shown or ",".join(row.values()))
    return NamedPixel(int(view) - 1, name, *pixel)


def _no_click(shown: str) -> LandmarkError:
    return LandmarkError(
        f"a click is [VIEW:]NAME=COLUMN,ROW, such as L3=512,300 or 2:L3=498.5,311, or a line view,name,column,row; "
        f"got {shown!r}"
    )
