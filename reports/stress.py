"""Success against the strength of each factor of ``[stress]``, and where half of it is lost.

Two criteria: strict success (rotation below 3 deg, displacement below 3 mm), and the right basin (the same without the
depth, which a wrong focal length shifts whatever a method does).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun
from bench.report.figures import Axes, footnote, grid, house_style, line_style, save
from bench.report.tables import Table, TableRow
from bench.score.column import Cell, Column
from bench.score.conditions import CRITERIA, Curve, curves
from bench.score.statistics import rate

PERCENT = 100
_NAMES = {
    "strict": "strict success (rotation below 3 deg, displacement below 3 mm)",
    "basin": "right basin (rotation below 3 deg, displacement in the image plane below 3 mm)",
}
_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """The curves of one factor, by method."""

    curves: dict[str, Curve]

    @property
    def first(self) -> Curve:
        return next(iter(self.curves.values()))


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """One strength of a curve."""

    curve: Curve
    index: int

    def rate(self, criterion: str) -> Cell:
        """Percent with the interval by patient; shares of several cases are rounded to whole cases a patient."""
        shares = self.curve.success[criterion][:, self.index]
        starts = self.curve.cases // len(shares)
        happened = np.concatenate([np.arange(starts) < round(share * starts) for share in shares])
        found = rate(happened, np.repeat([str(number) for number in range(len(shares))], starts).tolist())
        ends = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
        low, high = (None if end is None else PERCENT * end for end in ends)
        return PERCENT * found.share, low, high


@dataclass(frozen=True, slots=True)
class Stress:
    """Figures and tables ``stress_strict`` and ``stress_basin``, and the table ``stress_success`` of all points.

    Attributes:
        seed: Of the bootstrap over patients.
    """

    seed: int = 0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write them under ``figures`` and ``tables``."""
        found = curves(run.scores, run.labels)
        factors: dict[str, dict[str, Curve]] = {}
        for curve in found:
            factors.setdefault(curve.factor, {})[curve.label] = curve
        stressed, tables = [_Factor(each) for each in factors.values()], run.folder / "tables"
        paths = [
            path
            for criterion in CRITERIA
            for path in self._breakdowns(run, stressed, criterion).write(tables, f"stress_{criterion}")
        ]
        paths += _points(run, found).write(tables, "stress_success")
        with house_style():
            return [*paths, *(path for criterion in CRITERIA for path in _draw(run, stressed, criterion))]

    def _breakdowns(self, run: FinishedRun, factors: Sequence[_Factor], criterion: str) -> Table[_Factor]:
        return Table(
            columns=(
                Column(heading="Factor", name="factor", compute=lambda row: row.first.factor),
                Column(heading="Strength", name="axis", compute=lambda row: row.first.axis),
                Column(heading="Own", name="own", compute=lambda row: f"{row.first.strengths[0]:g}"),
                Column(heading="Strongest", name="strongest", compute=lambda row: f"{row.first.strengths[-1]:g}"),
                *(_breakdown_column(label, criterion, self.seed) for label in run.labels),
            ),
            rows=tuple(TableRow(context=each) for each in factors),
            caption=f"Breakdown points of {_NAMES[criterion]}. {run.description}.",
            notes=(
                "The strength at which half of the successes at the own strength are lost, of "
                f"{factors[0].first.cases} cases at each strength: success is made to fall with the strength (isotonic "
                "regression) and interpolated linearly along the figure's axis. In brackets: 95 %, bootstrap over "
                "patients, in the order of departure; exact up to 8 patients, of more from 10,000 resamples, whose "
                "shares below the ends (2.5 and 97.5 %) have a standard error of 0.16 %. ∞: beyond the strongest. A "
                "dash: no success at the own strength.",
                "One factor departs at a time; truth, start, noise and the method's seed are those of the own case.",
            ),
        )


def _breakdown_column(label: str, criterion: str, seed: int) -> Column[_Factor]:
    def compute(row: _Factor) -> Cell:
        found = row.curves[label].breakdown(criterion, seed=seed)
        return found.strength, found.earliest, found.latest

    name = label.casefold().replace(" ", "_")
    return Column(
        heading=label,
        name=f"{name}_breakdown",
        further=(f"{name}_earliest", f"{name}_latest"),
        compute=compute,
        template="{} [{}, {}]",
    )


def _success_column(criterion: str, heading: str) -> Column[_Point]:
    compute: Callable[[_Point], Cell] = lambda row: row.rate(criterion)  # noqa: E731
    return Column(
        heading=heading,
        name=f"{criterion}_percent",
        further=(f"{criterion}_low", f"{criterion}_high"),
        compute=compute,
        template="{} [{}, {}]",
        decimals=0,
    )


def _points(run: FinishedRun, found: Sequence[Curve]) -> Table[_Point]:
    points = [_Point(curve, index) for curve in found for index in range(len(curve.strengths))]
    return Table(
        columns=(
            Column(heading="Factor", name="factor", compute=lambda row: row.curve.factor),
            Column(heading="Axis", name="axis", compute=lambda row: row.curve.axis),
            Column(heading="Strength", name="strength", compute=lambda row: f"{row.curve.strengths[row.index]:g}"),
            Column(heading="Method", name="method", compute=lambda row: row.curve.label),
            Column(heading="Cases", name="cases", compute=lambda row: row.curve.cases),
            _success_column("strict", "Strict\nsuccess (%)"),
            _success_column("basin", "Right\nbasin (%)"),
        ),
        rows=tuple(TableRow(context=each, method=each.curve.label) for each in points),
        caption=f"Success by factor, strength and method. {run.description}.",
        notes=("The first strength of each factor is the protocol's own; its cases are the same for all factors.",),
    )


def _draw(run: FinishedRun, factors: Sequence[_Factor], criterion: str) -> list[Path]:
    columns = min(_COLUMNS, len(factors))
    rows = -(-len(factors) // columns)
    figure, axes = grid(rows, columns, width=2.35 * columns, height=0.9 + 1.95 * rows, sharey=True)
    panels = [each for row in axes for each in row]
    for number, (panel, factor) in enumerate(zip(panels, factors, strict=False)):
        _panel(panel, factor, criterion)
        if number % columns == 0:
            panel.set_ylabel("Success (%)")
    for empty in panels[len(factors) :]:
        empty.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), handlelength=2.2)  # pyright: ignore[reportUnknownMemberType]
    note = (
        f"{run.description}. {_NAMES[criterion].capitalize()} of {factors[0].first.cases} cases at each strength. The "
        "first point of each panel is the protocol's own strength; one factor departs at a time. Curves are moved "
        "apart by 0.8 %."
    )
    footnote(figure, [note])
    return save(figure, run.folder / "figures", f"stress_{criterion}")


def _panel(axes: Axes, factor: _Factor, criterion: str) -> None:
    """Departure goes to the right, also where strengths fall."""
    first = factor.first
    for index, (label, curve) in enumerate(factor.curves.items()):
        # Curves that coincide stay visible: each is lifted by its own small amount.
        lifted = PERCENT * curve.share(criterion) + 0.8 * (index - (len(factor.curves) - 1) / 2)
        axes.plot(curve.strengths, lifted, marker="o", markersize=3, linewidth=1.4, label=label, **line_style(index))
    axes.set_xscale(first.scale)
    axes.set_xticks(first.strengths, [f"{each:g}" for each in first.strengths])
    axes.minorticks_off()
    if first.strengths[-1] < first.strengths[0]:
        axes.invert_xaxis()
    axes.set(ylim=(-4, 104), title=first.factor, xlabel=first.axis)
    axes.grid(axis="y")


plugin = Stress

card = Card(
    title="Success against the strength of each factor of [stress], with breakdown points",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
