"""Error against processor time: a point a method, and the methods that no other one beats in both."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from bench.report.page.data import figure_text, numbers
from bench.report.page.figure import FINEST, PageFigure, Panel, RowsByLabel, Trace, Variant, log_axis
from bench.report.summary import PERCENT, MethodRow
from bench.score.statistics import Floats


def _median(row: MethodRow) -> float:
    return row.median("mtre_mm")


def _failed(row: MethodRow) -> float:
    return PERCENT * row.failure_rate().share


_Measure: TypeAlias = tuple[str, dict[str, Any], Callable[[MethodRow], float]]
_MEASURES: tuple[_Measure, ...] = (
    ("Median mTRE", log_axis("Median mTRE (mm)"), _median),
    ("Failed", {"title": {"text": "Failed (%)"}, "rangemode": "tozero"}, _failed),
)


def cost_figure(rows: RowsByLabel) -> PageFigure:
    """By the median mTRE and by the share of failures."""
    spent = {label: MethodRow(label, own).measured_median("processor_seconds") for label, own in rows.items()}
    times = np.array([np.nan if each is None else each for each in spent.values()])
    variants = list[Variant]()
    for title, axis, of in _MEASURES:
        errors = np.array([of(MethodRow(label, own)) for label, own in rows.items()])
        panel = _cost_panel(times, errors, list(rows))
        if panel is not None:
            layout = {"xaxis": log_axis("Median processor time of a case (s)"), "yaxis": axis}
            variants.append(Variant(title, [Panel(panel, layout)]))
    caption = (
        "Each point is a method; nearer to the lower left is better. The line joins the methods that no other one "
        "beats in both. Without methods whose processor time was not measured, or that gave no pose in half of the "
        "cases."
    )
    return PageFigure("cost", "Error against processor time", caption, variants)


def _cost_panel(times: Floats, errors: Floats, names: Sequence[str]) -> list[Trace] | None:
    known: list[int] = np.flatnonzero(np.isfinite(times) & np.isfinite(errors)).tolist()
    if not known:
        return None
    times = times.clip(FINEST)
    best = _front(times, errors, known)
    line: Trace = {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hv", "dash": "dot", "width": 1.2},
        "x": numbers(times[best]),
        "y": numbers(errors[best]),
        "meta": {"series": -1},
        "hoverinfo": "skip",
    }
    points: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": numbers([times[series]]),
            "y": numbers([errors[series]]),
            "text": [figure_text(names[series]) if series in best else ""],
            "textposition": "top center",
            "marker": {"size": 10},
            "meta": {"series": series},
            "hovertemplate": "%{x:.3g} s, %{y:.3g}",
        }
        for series in known
    ]
    return [line, *points]


def _front(times: Floats, errors: Floats, known: Sequence[int]) -> list[int]:
    """Methods that no other one beats in both, by time."""
    found = list[int]()
    for series in sorted(known, key=lambda each: (times[each], errors[each])):
        if not found or errors[series] < errors[found[-1]]:
            found.append(series)
    return found
