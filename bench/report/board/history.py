"""The figure of a board: errors, failures and times of every method from submission to submission."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.report.board.entries import Submission
from bench.report.page.data import figure_text, numbers
from bench.report.page.figure import PageFigure, Panel, Trace, Variant, log_axis
from bench.report.summary import PERCENT, MethodRow


@dataclass(frozen=True, slots=True)
class _Measure:
    title: str
    axis: dict[str, Any]
    of: Callable[[MethodRow], float | None]


_MEASURES = (
    _Measure("Median mTRE", log_axis("Median mTRE (mm)"), lambda row: row.median("mtre_mm")),
    _Measure(
        "Failed",
        {"title": {"text": "Failed (%)"}, "rangemode": "tozero"},
        lambda row: PERCENT * row.failure_rate().share,
    ),
    _Measure(
        "Processor time",
        log_axis("Median processor time of a case (s)"),
        lambda row: row.measured_median("processor_seconds"),
    ),
)
_CAPTION = (
    "A point is a submission, at the time when its run ended; a line joins those of one method. Times of different "
    "processors and numbers of threads are not comparable: the table of submissions has them."
)


def history_figure(histories: dict[str, list[Submission]]) -> PageFigure:
    """One trace a method; without points whose value is missing or infinite, and nothing where no method has two."""
    if all(len(each) < 2 for each in histories.values()):
        return PageFigure("history", "", "", [])
    variants = [Variant(each.title, [_panel(each, list(histories.values()))]) for each in _MEASURES]
    drawn = [each for each in variants if each.panels[0].traces]
    return PageFigure("history", "History of the methods", _CAPTION, drawn)


def _panel(measure: _Measure, histories: Sequence[Sequence[Submission]]) -> Panel:
    traces = [trace for series, each in enumerate(histories) if (trace := _trace(measure, each, series))["x"]]
    return Panel(traces, {"xaxis": {"title": {"text": "Run ended (UTC)"}, "type": "date"}, "yaxis": measure.axis})


def _trace(measure: _Measure, history: Sequence[Submission], series: int) -> Trace:
    found = [(each, measure.of(each.summary)) for each in history]
    known = [(each, value) for each, value in found if value is not None and np.isfinite(value)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [f"{each.of.finished:%Y-%m-%d %H:%M:%S}" for each, _ in known],
        "y": numbers(value for _, value in known),
        "text": [figure_text(each.of.name) for each, _ in known],
        "marker": {"size": 8},
        "meta": {"series": series},
        "hovertemplate": "%{y:.3g}, %{x}, %{text}",
    }
