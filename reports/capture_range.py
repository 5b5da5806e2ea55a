"""Capture range: success against the initial mTRE, as curves and as one number a method and criterion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, Axes, footnote, grid, house_style, line_style, save
from bench.report.marks import marked
from bench.report.tables import Table, TableRow
from bench.score.capture_range import (
    BIN_MM,
    MIN_STARTS,
    SHARE,
    SUCCESS_MM,
    BinnedSuccess,
    bin_width_mm,
    success_by_bin,
)
from bench.score.column import Column
from bench.score.statistics import of_label

# What a success is judged by: everything, and what one view shows.
CRITERIA = {"mtre_mm": "mTRE", "mrpd_mm": "mRPD"}

Curves = dict[str, dict[str, BinnedSuccess]]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One method: its curve by criterion."""

    label: str
    curves: dict[str, BinnedSuccess]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Starts by bin, the same for every criterion."""
        return next(iter(self.curves.values())).starts

    @property
    def cases(self) -> int:
        """All of them."""
        return int(self.starts.sum())


@dataclass(frozen=True, slots=True)
class CaptureRange:
    """Table and figure ``capture_range``.

    Attributes:
        bin_mm: Width of a bin of the initial mTRE; None = 1 mm, or wider where a run has too few starts for that.
        success_mm: A registration succeeds below this mTRE or mRPD.
    """

    bin_mm: float | None = None
    success_mm: float = SUCCESS_MM

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write both."""
        width = self.bin_mm or bin_width_mm(of_label(run.scores, run.labels[0]))
        curves = {label: self._curves(run, label, width) for label in run.labels}
        with house_style():
            figure = self._draw(run, curves, width)
        table = marked(self._table(run, curves, width), run.scores)
        return [*table.write(run.folder / "tables", "capture_range"), *figure]

    def _curves(self, run: FinishedRun, label: str, width: float) -> dict[str, BinnedSuccess]:
        rows = of_label(run.scores, label)
        return {name: success_by_bin(rows, bin_mm=width, success_mm=self.success_mm, error=name) for name in CRITERIA}

    def _table(self, run: FinishedRun, curves: Curves, width: float) -> Table[_Row]:
        return Table(
            columns=COLUMNS,
            rows=tuple(TableRow(context=_Row(label, found), method=label) for label, found in curves.items()),
            caption=f"Capture range. {run.description}.",
            notes=(
                f"The largest initial mTRE up to which every bin of {width:g} mm has at least {100 * SHARE:g} % "
                f"success: a final mTRE, or mRPD, below {self.success_mm:g} mm. An empty bin ends it."
                f"{_warning(curves, width)}",
                "mRPD: distance from a landmark to the ray of its true place, which leaves depth along that ray out; "
                "one view determines depth weakly.",
            ),
        )

    def _draw(self, run: FinishedRun, curves: Curves, width: float) -> list[Path]:
        figure, [panels] = grid(1, 2, width=8.2, height=3.4, sharey=True)
        for axes, (name, title) in zip(panels, CRITERIA.items(), strict=True):
            for index, (label, found) in enumerate(curves.items()):
                _step(axes, found[name], index, label)
            axes.axhline(100 * SHARE, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
            axes.set(ylim=(0, 103), xlabel="Initial mTRE (mm)", title=f"Final {title} below {self.success_mm:g} mm")
            axes.set_xlim(left=0)
            axes.grid(axis="y")
        panels[0].set_ylabel("Success (%)")
        panels[1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=2.2)
        lines = [f"{run.description}.", f"Bins of {width:g} mm. Dotted: {100 * SHARE:g} %.{_warning(curves, width)}"]
        footnote(figure, lines)
        return save(figure, run.folder / "figures", "capture_range")


def _criterion_columns(name: str, title: str) -> tuple[Column[_Row], ...]:
    return (
        Column(
            heading="Capture\nrange (mm)",
            name=f"capture_range_{name}",
            compute=lambda row: row.curves[name].range_mm,
            decimals=0,
            group=title,
        ),
        Column(
            heading="Success\n(%)",
            name=f"success_{name}_percent",
            compute=lambda row: 100 * float(row.curves[name].successes.sum()) / row.cases,
            decimals=1,
            group=title,
        ),
    )


COLUMNS: tuple[Column[_Row], ...] = (
    Column(heading="Method", name="method", compute=lambda row: row.label),
    Column(heading="Cases", name="cases", compute=lambda row: row.cases),
    Column(heading="Fewest starts\nin a bin", name="fewest_starts", compute=lambda row: int(row.starts.min())),
    *(each for name, title in CRITERIA.items() for each in _criterion_columns(name, title)),
)


def _warning(curves: Curves, width: float) -> str:
    """A warning where the run is smaller than the definition requires."""
    enough = all(curve.enough for found in curves.values() for curve in found.values())
    if enough and width == BIN_MM:
        return ""
    return (
        f" The definition requires bins of {BIN_MM:g} mm with {MIN_STARTS} starts or more: these ranges are "
        "indications, not results."
    )


def _step(axes: Axes, curve: BinnedSuccess, index: int, label: str) -> None:
    shares = np.where(curve.starts > 0, 100 * curve.successes / np.maximum(curve.starts, 1), np.nan)
    edges = np.repeat(curve.edges_mm, 2)[1:-1]
    axes.plot(edges, np.repeat(shares, 2), label=label, linewidth=1.6, clip_on=False, **line_style(index))


plugin = CaptureRange

card = Card(
    title="Capture range: success against the initial mTRE by method",
    source="van de Kraats et al., IEEE TMI 24(9), 2005: bins of 1 mm, 95 %, success below 2 mm",
    citation="E. B. van de Kraats et al., IEEE Trans. Med. Imaging 24(9), 2005",
    licence="Apache-2.0",
    deviations=(
        "Their truth is of gold-standard markers; ours is the simulated pose.",
        "Both criteria are printed, whatever the number of views.",
    ),
)
