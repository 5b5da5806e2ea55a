"""Distributions of errors and of processor time by method: boxes and cases."""

import numpy as np
import pandas as pd

from bench.report.page.data import figure_text, name, numbers
from bench.report.page.figure import FINEST, PageFigure, Panel, RowsByLabel, Trace, Variant, log_axis
from bench.report.summary import MethodRow
from bench.score.columns import column
from bench.score.statistics import Floats, values

# Of a method, at most.
_POINTS = 150
_METRICS = ("mtre_mm", "rotation_error_deg", "in_plane_error_mm", "depth_error_mm", "processor_seconds")


def distribution_figure(rows: RowsByLabel) -> PageFigure:
    """One variant a metric that any method has a value of."""
    variants = [
        Variant(column(metric).title, [panel])
        for metric in _METRICS
        if (panel := _distribution(rows, metric)) is not None
    ]
    caption = (
        "Box: quartiles and median of the poses that exist; whiskers: 5th and 95th percentile; points: cases"
        f"{_sampled(rows)}. Behind a name: cases without a pose."
    )
    return PageFigure("distributions", "Distributions", caption, variants, _table(rows))


def _table(rows: RowsByLabel) -> list[list[str]]:
    """Quartiles of every metric, of the poses that exist."""
    heads = [column(metric).title for metric in _METRICS]
    lines = [[name(label), *(_quartiles(own, metric) for metric in _METRICS)] for label, own in rows.items()]
    return [["Median [quartiles]", *heads], *lines]


def _quartiles(own: pd.DataFrame, metric: str) -> str:
    known = _known(own, metric)
    if not known.size:
        return "–"
    first, middle, third = np.percentile(known, [25, 50, 75])
    return f"{middle:.3g} [{first:.3g}, {third:.3g}]"


def _known(own: pd.DataFrame, metric: str) -> Floats:
    """The finite values of a metric; none where the run has not measured it."""
    sample = values(own, metric) if metric in own.columns else np.empty(0)
    return sample[np.isfinite(sample)]


def _sampled(rows: RowsByLabel) -> str:
    most = max(len(own) for own in rows.values())
    return f", {_POINTS} of {most:,} at even ranks" if most > _POINTS else ""


def _distribution(rows: RowsByLabel, metric: str) -> Panel | None:
    """None where no method has a value."""
    traces = list[Trace]()
    ticks = dict[int, str]()
    for series, (label, own) in enumerate(rows.items()):
        known = np.sort(_known(own, metric))
        lost = MethodRow(label, own).no_pose
        ticks[series] = figure_text(label) + (f" ({lost} without)" if lost else "")
        if known.size:
            traces += _box(known, series)
    if not traces:
        return None
    axis = {
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
        "range": [len(ticks) - 0.4, -0.6],
        "automargin": True,
        "zeroline": False,
    }
    layout = {"xaxis": log_axis(column(metric).title), "yaxis": axis, "rows": len(ticks)}
    return Panel(traces, layout)


def _box(known: Floats, series: int) -> list[Trace]:
    """A box with its points, on a logarithmic axis that begins above zero."""
    known = known.clip(FINEST)
    low, first, middle, third, high = np.percentile(known, [5, 25, 50, 75, 95])
    ranks = np.unique(np.linspace(0, known.size - 1, min(known.size, _POINTS)).round().astype(np.int64))
    # Points of neighbouring ranks stand apart: the golden ratio spreads them evenly.
    beside = series + 0.24 * (2 * ((np.arange(ranks.size) * 0.618034) % 1) - 1)
    meta = {"series": series}
    box: Trace = {
        "type": "box",
        "orientation": "h",
        "y": [series],
        "width": 0.6,
        "boxpoints": False,
        "meta": meta,
        "hoverinfo": "x",
    }
    box |= {
        key: numbers([value])
        for key, value in {
            "lowerfence": low, "q1": first, "median": middle, "q3": third, "upperfence": high,
        }.items()
    }  # fmt: skip
    points: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(known[ranks]),
        "y": [round(float(each), 3) for each in beside],
        "meta": meta,
        "marker": {"size": 4, "opacity": 0.55},
        "hovertemplate": "%{x}",
    }
    return [box, points]
