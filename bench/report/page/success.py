"""Success curves of the page: share of the cases below a threshold."""

import numpy as np
from numpy.typing import NDArray

from bench.report.page.data import name, numbers, rounded
from bench.report.page.figure import FINEST, PageFigure, Panel, RowsByLabel, Trace, Variant, log_axis
from bench.report.summary import PERCENT
from bench.score.columns import column
from bench.score.statistics import Floats, values

# Of a curve, at most; no screen shows more.
_STEPS = 240
# The largest threshold, mm.
_COARSEST = 100.0
_THRESHOLDS_MM = (1.0, 2.0, 5.0, 10.0)
_METRICS = ("mtre_mm", "mtre_in_plane_mm")


def success_figure(rows: RowsByLabel) -> PageFigure:
    """By mTRE and by its part in plane, side by side."""
    panels = [_success_panel(rows, metric) for metric in _METRICS]
    caption = (
        "Share of the cases whose error is below a threshold. A case without a pose is never below. In plane: parallel "
        "to the detector of the first view; one view determines depth weakly."
    )
    return PageFigure("success", "Success curves", caption, [Variant("", panels)], _table(rows))


def _table(rows: RowsByLabel) -> list[list[str]]:
    """Percent of the cases below some thresholds."""
    heads = [f"{column(metric).heading} below {mm:g} mm (%)" for metric in _METRICS for mm in _THRESHOLDS_MM]
    lines = [
        [name(label), *(_percent(values(own, metric) < mm) for metric in _METRICS for mm in _THRESHOLDS_MM)]
        for label, own in rows.items()
    ]
    return [["Method", *heads], *lines]


def _percent(below: NDArray[np.bool_]) -> str:
    return f"{PERCENT * float(below.mean()):.0f}"


def _success_panel(rows: RowsByLabel, metric: str) -> Panel:
    traces = [_success_trace(values(own, metric), series) for series, own in enumerate(rows.values())]
    ends = [np.log10(FINEST), np.log10(_COARSEST)]
    known = [each for trace in traces for each in trace["x"][1:-1]]
    if known:
        ends[0] = max(ends[0], np.floor(np.log10(max(min(known), FINEST))))
    layout = {
        "xaxis": log_axis(f"{column(metric).heading} threshold (mm)", ends),
        "yaxis": {"title": {"text": "Cases below (%)"}, "range": [0, 103]},
    }
    return Panel(traces, layout)


def _success_trace(errors: Floats, series: int) -> Trace:
    found = np.sort(errors[np.isfinite(errors) & (errors < _COARSEST)]).clip(FINEST)
    reached = np.arange(1, found.size + 1)
    if found.size > _STEPS:
        reached = np.unique(np.linspace(1, found.size, _STEPS).round().astype(np.int64))
    x = [FINEST, *numbers(found[reached - 1]), _COARSEST]
    y = [0.0, *numbers(PERCENT * reached / errors.size), rounded(PERCENT * found.size / errors.size)]
    return {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hv"},
        "x": x,
        "y": y,
        "meta": {"series": series},
        "hovertemplate": "%{y:.0f} % below %{x:.3g} mm",
    }
