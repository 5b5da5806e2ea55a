"""Numbers and texts as JSON inside a page: short, and never taken for markup."""

import html
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.text import one_line

# Of numbers: more cannot be seen in a plot, nor are they certain.
_DIGITS = 4
# Of names: longer ones are cut, on the page alone.
NAME_LENGTH = 120


def name(text: object) -> str:
    """A text of others in one line of bounded length, without control characters; autoescaping does the rest."""
    return one_line(str(text), NAME_LENGTH) or "(no name)"


def figure_text(text: object) -> str:
    """The same for a figure: plotly takes tags in its texts for markup."""
    return html.escape(name(text), quote=False)


def rounded(value: float) -> float | None:
    """A number with few digits; None where it is not finite."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[float | None]:
    """The same of many."""
    return [rounded(float(value)) for value in values]


def script_json(value: Any) -> str:
    """JSON for the inside of a ``script`` element, whatever texts it holds.

    Raises:
        ValueError: A number is not finite.
    """
    return guarded(json.dumps(value, allow_nan=False, separators=(",", ":")))


def column_json(values: NDArray[np.float64]) -> str:
    """A list of numbers; NaN is null and infinity 1e999, which every reader takes for infinity."""
    return "[" + ",".join(map(_number, values.tolist())) + "]"


def guarded(text: str) -> str:
    """JSON without the sign that could end a ``script`` element."""
    return text.replace("<", "\\u003c")


def _number(value: float) -> str:
    if math.isfinite(value):
        return f"{value:.{_DIGITS}g}"
    return "null" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
