"""SOPI Figure 5: split violins of the six per-axis errors, simulation on the left and X-ray on the right of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.errors import FluorobenchError
from bench.report.figures import COLOURS, GREY, INK, Axes, footnote, grid, house_style, save
from bench.report.kinds import image_kind, is_xray
from bench.score.finished import ScoredRun, open_run
from bench.score.statistics import of_label, text_column, values

AXES = ("rx", "ry", "rz", "tx", "ty", "tz")
SIMULATION = "simulation"
SIDES = {"low": COLOURS[0], "high": COLOURS[4]}
LOWEST, HIGHEST = 0.001, 200.0
MIN = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One half of the violins."""

    name: str
    rows: pd.DataFrame
    cases: int


@dataclass(frozen=True, slots=True)
class SopiFigure5:
    """Figure ``sopi_figure5_<kind>``: one panel a method.

    The X-ray half is this run; the simulation half is its own plain DRR cases where it has any, else another run.

    Attributes:
        partner: Folder of that run; None = the newest finished ``sopi-sim`` run beside this one, of its profile and of
            the same patients. Without one there is no simulation half.
    """

    partner: Path | None = None

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        left, right, source = self._sides(run)
        with house_style():
            return _draw(run, left, right, source)

    def _sides(self, run: FinishedRun) -> tuple[_Side | None, _Side, str]:
        rows = run.scores
        of_xray = np.array(is_xray(rows))
        if not of_xray.any():  # nothing but plain DRRs: they are the simulated X-rays of this run
            of_xray[:] = True
        xray = _side(image_kind(rows[of_xray]).name, rows[of_xray])
        if not of_xray.all():
            return _side(SIMULATION, rows[~of_xray]), xray, "the same run"
        other = self._other(run)
        if other is None:
            return None, xray, "none: no finished sopi-sim run of these patients; name one with report --partner RUN"
        same = "" if _patients(other.scores) == _patients(rows) else " OF OTHER PATIENTS"
        return _side(SIMULATION, other.scores), xray, f"run {other.folder.resolve().name}{same}, {other.description}"

    def _other(self, run: FinishedRun) -> ScoredRun | None:
        if self.partner is not None:
            return open_run(self.partner)
        profile = run.folder.resolve().name.split("-")[-2:-1]
        pattern = f"sopi-sim-{profile[0] if profile else '*'}-*/truth.jsonl"
        for path in sorted(run.folder.resolve().parent.glob(pattern), key=lambda each: -each.stat().st_mtime):
            try:
                found = open_run(path.parent)
                if {each.patient_hash for each in found.journal.patients()} == _patients(run.scores):
                    return found
            except FluorobenchError:
                continue  # a damaged run or one of another version does not prevent this figure
        return None


def _patients(rows: pd.DataFrame) -> set[str]:
    """Fingerprints of the CTs of some rows."""
    return set(text_column(rows, "patient_hash"))


def _side(name: str, rows: pd.DataFrame) -> _Side:
    return _Side(name, rows, len(set(text_column(rows, "case_id"))))


def _draw(run: FinishedRun, left: _Side | None, right: _Side, source: str) -> list[Path]:
    count = len(run.labels)
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = grid(rows, columns, width=2.9 * columns + 0.4, height=2.15 * rows + 0.9, sharex=True, sharey=True)
    cells = [cell for row in axes for cell in row]
    sides = {where: side for where, side in (("low", left), ("high", right)) if side is not None}
    for cell, label in zip(cells, run.labels, strict=False):
        for where, side in sides.items():
            if label in text_column(side.rows, "label"):
                _half_violins(cell, of_label(side.rows, label), where)
        _frame(cell, label)
    for cell in cells[count:]:
        cell.set_visible(False)
    for row in axes:
        row[0].set_ylabel("|error| (deg | mm)")
    handles = [Patch(color=SIDES[where], label=f"{side.name} ({side.cases} cases)") for where, side in sides.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=1.0)  # pyright: ignore[reportUnknownMemberType]
    footnote(
        figure,
        [
            "Absolute errors of each parameter in SOPI's names (tx is depth), rotations in deg, translations in mm, "
            "logarithmic; outlines are kernel density estimates of log errors, bars medians, dots cases, "
            f"those beyond {LOWEST:g} and {HIGHEST:g} at its ends; cases without a pose are left out.",
            f"X-ray half, {right.name}: {run.description}. Simulation half: {source}.",
        ],
    )
    return save(figure, run.folder / "figures", f"sopi_figure5_{image_kind(right.rows).suffix}")


def axis_errors(rows: pd.DataFrame, axis: str) -> NDArray[np.float64]:
    """Finite errors of one of SOPI's axes, held within the plot's range."""
    found = values(rows, f"sopi_{axis}_error_{'deg' if axis.startswith('r') else 'mm'}")
    return np.clip(found[np.isfinite(found)], LOWEST, HIGHEST)


def _half_violins(axes: Axes, rows: pd.DataFrame, where: str) -> None:
    colour, sign = SIDES[where], -1 if where == "low" else 1
    for position, axis in enumerate(AXES):
        errors = np.log10(axis_errors(rows, axis))
        if errors.size >= MIN and np.ptp(errors) > 0:
            parts: dict[str, Any] = axes.violinplot(
                errors, [position], widths=0.85, side=where, showextrema=False, points=120
            )
            for body in parts["bodies"]:
                body.set(facecolor=colour, edgecolor=colour, alpha=0.45, linewidth=0.6)
        # Even steps instead of chance, so that equal runs give equal files.
        offsets = sign * (0.06 + 0.1 * (np.arange(errors.size) % 5) / 4)
        axes.plot(position + offsets, errors, ".", color=colour, markersize=1.8, alpha=0.7, markeredgewidth=0)
        if errors.size:
            median = float(np.median(errors))
            axes.plot([position, position + 0.4 * sign], [median, median], color=INK, linewidth=1.1)


def _frame(axes: Axes, label: str) -> None:
    axes.set_title(label)
    ticks = (0.001, 0.01, 0.1, 1, 10, 100)
    axes.set_yticks([np.log10(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.set_ylim(np.log10(LOWEST) - 0.05, np.log10(HIGHEST))
    axes.set_xlim(-0.6, len(AXES) - 0.4)
    axes.set_xticks(range(len(AXES)), AXES)
    axes.tick_params(labelbottom=True)
    axes.axvline(2.5, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    axes.grid(axis="y")


plugin = SopiFigure5

card = Card(
    title="SOPI Figure 5: split violins of per-axis errors, simulation against X-ray",
    source="SOPI, Fig. 5",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=(
        "One panel a method; the paper draws its own method alone.",
        "The axis is logarithmic, because errors of methods differ by a factor of a hundred; one axis serves "
        "degrees and mm.",
        "The X-ray half is simulated where the run has no real X-rays; the caption states it.",
    ),
)
