"""Histograms of rotation, translation, mTRE, DistErr and time by method, coloured by how the registration ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.figures import GREY, KIND_COLOURS, KIND_NAMES, Axes, footnote, grid, house_style, save
from bench.score.columns import column
from bench.score.images import IMAGE_COLUMNS, TRUTH_PREFIX
from bench.score.registration import FAILURES, STRICT_DEG, STRICT_MM
from bench.score.statistics import of_label, text_column, values

METRICS = ("rotation_error_deg", "translation_error_mm", "mtre_mm", "dist_err_orb_mm", "dist_err_surf_mm", "seconds")
# A DistErr of a run without image scores is left out, and so is that of images without a pixel spacing.
_OPTIONAL = frozenset({"dist_err_orb_mm", "dist_err_surf_mm"})
_IMAGE = {declared.name: declared for declared in IMAGE_COLUMNS}
_LINES = {"rotation_error_deg": STRICT_DEG, "translation_error_mm": STRICT_MM}


@dataclass(frozen=True, slots=True)
class ErrorHistogram:
    """Figure ``error_histogram``: one row a method, one column a metric, logarithmic bins.

    Attributes:
        low: Left end of the bins (deg, mm or s); smaller errors are counted in the first bin.
        high: Right end; larger errors are counted in the last one, and cases without a pose in a bin of their own.
        bins: Bins between them.
    """

    low: float = 0.001
    high: float = 100.0
    bins: int = 40

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        with house_style():
            return self._write(run)

    def _write(self, run: FinishedRun) -> list[Path]:
        metrics, height = _shown(run.scores), 1.0 + 0.95 * len(run.labels)
        width = 1.2 + 2.0 * len(metrics)
        figure, axes = grid(len(run.labels), len(metrics), width=width, height=height, sharex="col", sharey="row")
        for row, label in zip(axes, run.labels, strict=True):
            rows = of_label(run.scores, label)
            for cell, metric in zip(row, metrics, strict=True):
                self._draw(cell, _compared(rows, metric), metric)
            missing = text_column(rows, "failure").count("no_pose")
            row[0].set_ylabel(
                f"{label}\n{len(rows) - missing}/{len(rows)} poses", rotation=0, ha="right", va="center", labelpad=12
            )
        for cell, metric in zip(axes[-1], metrics, strict=True):
            cell.set_xlabel(_IMAGE[metric].title if metric in _IMAGE else column(metric).title)
        handles = [Patch(color=KIND_COLOURS[kind], label=KIND_NAMES[kind]) for kind in FAILURES]
        figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=1.0)  # pyright: ignore[reportUnknownMemberType]
        footnote(
            figure,
            [
                f"{run.description}. Cases per bin; the bins at the ends hold what lies beyond them, the bin apart "
                "the cases without a pose. DistErr may be computed of some cases alone. Dotted: 3 deg and 3 mm."
            ],
        )
        return save(figure, run.folder / "figures", "error_histogram")

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, of an empty gap, and of the last bin, which holds the cases without a pose."""
        width = np.log10(self.high / self.low) / self.bins
        exponents = np.log10(self.low) + width * np.array([*range(self.bins + 1), self.bins + 2.5, self.bins + 4.5])
        return np.asarray(10**exponents)

    def counts(self, rows: pd.DataFrame, metric: str) -> dict[str, NDArray[np.int64]]:
        """Cases by kind and bin; they sum to the number of rows."""
        edges, kinds = self.edges, np.array(text_column(rows, "failure"))
        inside = np.sqrt(edges[[0, self.bins - 1]] * edges[[1, self.bins]])
        held = np.clip(values(rows, metric), *inside)
        held = np.where(np.isnan(held), np.sqrt(edges[-2] * edges[-1]), held)
        return {kind: np.histogram(held[kinds == kind], edges)[0] for kind in FAILURES}

    def _draw(self, axes: Axes, rows: pd.DataFrame, metric: str) -> None:
        edges, below = self.edges, np.zeros(self.bins + 2)
        for kind, counts in self.counts(rows, metric).items():
            # An empty bar costs as much time as another one; most are empty.
            at = np.flatnonzero(counts)
            axes.bar(
                edges[at], counts[at], np.diff(edges)[at], bottom=below[at], align="edge", color=KIND_COLOURS[kind],
                edgecolor="white", linewidth=0.3,
            )  # fmt: skip
            below = below + counts
        if metric in _LINES:
            axes.axvline(_LINES[metric], color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)))
        axes.set_xscale("log")
        axes.set_xlim(edges[0], edges[-1])
        shown = [tick for tick in (0.001, 0.01, 0.1, 1, 10, 100, 1000) if self.low <= tick <= self.high]
        axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
        axes.minorticks_off()
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=3)
        axes.grid(axis="y")


def _shown(rows: pd.DataFrame) -> list[str]:
    """Metrics that the run has."""
    known = [name for name in METRICS if name in rows.columns]
    return [name for name in known if name not in _OPTIONAL or np.isfinite(values(rows, name)).any()]


def _compared(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The cases in which a metric was computed: DistErr may be limited to some."""
    truth = f"{TRUTH_PREFIX}{metric}"
    return rows[np.isfinite(values(rows, truth))] if truth in rows.columns else rows


plugin = ErrorHistogram

card = Card(
    title="Histograms of rotation, translation, mTRE, DistErr and time by method",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
