"""Capture range: success against the initial mTRE, as a curve and as one number a method."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, footnote, grid, house_style, line_style, save
from bench.report.tables import Table, TableColumn, TableRow
from bench.score.capture import FEWEST_STARTS, SHARE, CaptureCurve, capture_curve
from bench.score.statistics import of_label

_COLUMNS = (
    TableColumn(heading="Method", keys=("method",)),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="Capture range\n(mm)", keys=("capture_range_mm",), decimals=0),
    TableColumn(heading="Fewest starts\nin a bin", keys=("fewest_starts",)),
    TableColumn(heading="Success\n(%)", keys=("success_percent",), decimals=1),
)


@dataclass(frozen=True, slots=True)
class CaptureRange:
    """Table and figure ``capture_range``.

    Attributes:
        bin_mm: Width of a bin of the initial mTRE.
        success_mm: A registration succeeds below this mTRE.
    """

    bin_mm: float = 1.0
    success_mm: float = 2.0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write both."""
        curves = {
            label: capture_curve(of_label(run.scores, label), bin_mm=self.bin_mm, success_mm=self.success_mm)
            for label in run.labels
        }
        with house_style():
            figure = self._draw(run, curves)
        return [*self._table(run, curves).write(run.folder / "tables", "capture_range"), *figure]

    def _table(self, run: FinishedRun, curves: dict[str, CaptureCurve]) -> Table:
        few = "" if all(curve.enough for curve in curves.values()) else (
            f" Some bins hold fewer than {FEWEST_STARTS} starts: these ranges are indications, not results."
        )  # fmt: skip
        return Table(
            columns=_COLUMNS,
            rows=tuple(_row(label, curve) for label, curve in curves.items()),
            caption=f"Capture range. {run.description}.",
            notes=(
                f"The largest initial mTRE up to which every bin of {self.bin_mm:g} mm has at least "
                f"{100 * SHARE:g} % success: a final mTRE below {self.success_mm:g} mm. An empty bin ends it.{few}",
            ),
        )

    def _draw(self, run: FinishedRun, curves: dict[str, CaptureCurve]) -> list[Path]:
        figure, [[axes]] = grid(1, 1, width=6.3, height=3.5)
        for index, (label, curve) in enumerate(curves.items()):
            shares = np.where(curve.starts > 0, 100 * curve.successes / np.maximum(curve.starts, 1), np.nan)
            axes.stairs(shares, curve.edges_mm, label=f"{label} ({curve.range_mm:g} mm)", **line_style(index))
        axes.axhline(100 * SHARE, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
        axes.set(ylim=(0, 103), xlabel="Initial mTRE (mm)", ylabel=f"Final mTRE below {self.success_mm:g} mm (%)")
        axes.set_xlim(left=0)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=2.2)
        footnote(figure, [f"{run.description}. In brackets: capture range. Dotted: {100 * SHARE:g} %."])
        return save(figure, run.folder / "figures", "capture_range")


def _row(label: str, curve: CaptureCurve) -> TableRow:
    total = int(curve.starts.sum())
    share = 100 * float(curve.successes.sum()) / total
    return TableRow(cells=((label,), (total,), (curve.range_mm,), (int(curve.starts.min()),), (share,)))


plugin = CaptureRange

card = Card(
    title="Capture range: success against the initial mTRE by method",
    source="van de Kraats et al., IEEE TMI 24(9), 2005: bins of 1 mm, 95 %, success below 2 mm",
    citation="E. B. van de Kraats et al., IEEE Trans. Med. Imaging 24(9), 2005",
    licence="Apache-2.0",
    deviations=(
        "Their success criterion is of 3-D/2-D data with gold-standard markers; ours is the mTRE to the truth.",
    ),
)
