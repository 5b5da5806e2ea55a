"""All interactive figures of a run."""

from bench.contract import FinishedRun
from bench.report.page.cost import cost_figure
from bench.report.page.distribution import distribution_figure
from bench.report.page.figure import PageFigure
from bench.report.page.stress import stress_figures
from bench.report.page.success import success_figure
from bench.score.statistics import of_label


def page_figures(run: FinishedRun) -> list[PageFigure]:
    """All figures that the run's rows allow."""
    rows = {label: of_label(run.scores, label) for label in run.labels}
    found = [cost_figure(rows), success_figure(rows), distribution_figure(rows), *stress_figures(run)]
    return [each for each in found if each.variants]
