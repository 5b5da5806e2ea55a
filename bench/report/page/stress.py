"""Success of every method against the strength of each factor of ``[stress]``."""

from collections.abc import Sequence
from typing import Any

from bench.contract import FinishedRun
from bench.report.page.data import figure_text, numbers
from bench.report.page.figure import PageFigure, Panel, Trace, Variant
from bench.report.summary import PERCENT
from bench.score.conditions import CRITERIA, FACTOR, Curve, curves


def stress_figures(run: FinishedRun) -> list[PageFigure]:
    """One figure with a panel a factor; none of a run without conditions."""
    if FACTOR not in run.scores.columns:
        return []
    found = curves(run.scores, run.labels)
    factors = list(dict.fromkeys(each.factor for each in found))
    variants = [
        Variant(
            title, [_stress_panel([each for each in found if each.factor == factor], criterion) for factor in factors]
        )
        for criterion, title in zip(CRITERIA, ("Strict success", "Right basin"), strict=True)
    ]
    caption = (
        "Success against the strength of what departs from the protocol's own conditions, one factor at a time; the "
        "first point is the protocol's own strength. Strict: rotation below 3 deg and displacement below 3 mm. Right "
        "basin: the same without depth."
    )
    return [PageFigure("stress", "Success under stress", caption, variants)]


def _stress_panel(found: Sequence[Curve], criterion: str) -> Panel:
    first = found[0]
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": numbers(each.strengths),
            "y": numbers(PERCENT * each.share(criterion)),
            "meta": {"series": series},
            "marker": {"size": 5},
            "hovertemplate": "%{y:.0f} % at %{x}",
        }
        for series, each in enumerate(found)
    ]
    strengths = numbers(first.strengths)
    axis: dict[str, Any] = {"title": {"text": figure_text(first.axis)}, "type": first.scale, "tickvals": strengths}
    if first.strengths[-1] < first.strengths[0]:
        axis["autorange"] = "reversed"
    layout = {"title": {"text": figure_text(first.factor)}, "xaxis": axis, "yaxis": {"range": [-4, 104]}}
    return Panel(traces, layout)
