"""The interactive figures of the page, as data for plotly: what is drawn is computed here, the browser only draws.

A figure has variants (what is on an axis) of panels. A trace names its method by ``meta.series``, its place in the
run's labels; colours, dashes and markers follow from it in the browser, which knows whether the page is light or dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

Trace: TypeAlias = dict[str, Any]
RowsByLabel: TypeAlias = dict[str, pd.DataFrame]

# Left end of logarithmic axes, in mm, degrees or seconds: finer than any reference or clock.
FINEST = 1e-3


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: its traces and plotly's layout, without colours."""

    traces: list[Trace]
    layout: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """What a figure shows, by its name in the figure's list."""

    name: str
    panels: list[Panel]


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure of the page.

    Attributes:
        key: Of the element that holds it.
        title: Above it.
        caption: Below it: how it is read.
        variants: At least one.
        numbers: The same as a table, headings first, for those who do not see the figure; none where another table of
            the page holds them.
    """

    key: str
    title: str
    caption: str
    variants: list[Variant]
    numbers: Sequence[Sequence[str]] = ()


def log_axis(title: str, ends: Sequence[float] | None = None) -> dict[str, Any]:
    """A logarithmic axis; its ends as powers of ten, None = as the data need."""
    axis: dict[str, Any] = {"title": {"text": title}, "type": "log"}
    if ends is not None:
        axis["range"] = [float(end) for end in ends]
    return axis
