"""Figures of phantoms beside the real CT: DRRs, tissue histograms, spectra and gradients, success curves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.report.figures import COLOURS, GREY, INK, Axes, footnote, grid, house_style, save
from bench.score.capture_range import SUCCESS_MPD_MM, SuccessCurve
from bench.score.statistics import Floats
from studies.realism.ct_statistics import CtStatistics
from studies.realism.lines import band

PHANTOM_COLOUR, REAL_COLOUR = COLOURS[0], COLOURS[1]
_SHOWN = 5


def write_figures(
    folder: Path,
    population: Sequence[CtStatistics],
    real: CtStatistics,
    captures: tuple[Sequence[SuccessCurve], Sequence[SuccessCurve]],
    note: str,
) -> list[Path]:
    """Write all figures as PDF and PNG.

    Args:
        folder: Destination.
        population: The phantoms.
        real: The CT.
        captures: Success of the phantoms and of the CT, by method; empty where it was not measured.
        note: Footnote: what was compared.
    """
    with house_style():
        shown = [real, *population[:_SHOWN]]
        titles = [f"real CT: {real.patient_id}", *(each.patient_id for each in shown[1:])]
        paths = drrs_figure(folder, "drrs", shown, titles, note)
        paths += _curves(folder, "hu", [name for name in real.curves if name.startswith("HU")], population, real, note)
        textures = [name for name in real.curves if not name.startswith("HU")]
        paths += _curves(folder, "drr_statistics", textures, population, real, note)
        if captures[0]:
            paths += success_figure(folder, "success", captures, note)
    return paths


def drrs_figure(folder: Path, file: str, shown: Sequence[CtStatistics], titles: Sequence[str], note: str) -> list[Path]:
    """Patients side by side, AP above lateral; each on its own grey scale, as a workstation shows them."""
    figure, axes = grid(len(shown[0].images), len(shown), width=7.2, height=2.9)
    for row, view in zip(axes, shown[0].images, strict=True):
        for cell, each in zip(row, shown, strict=True):
            low, high = np.percentile(each.images[view], [2, 99.8])
            cell.imshow(each.images[view], cmap="gray", vmin=low, vmax=high)
            cell.set_axis_off()
        row[0].text(-0.04, 0.5, view, transform=row[0].transAxes, rotation=90, ha="right", va="center", fontsize=7)
    for cell, title in zip(axes[0], titles, strict=True):
        cell.set_title(title, fontsize=6.5 if len(shown) <= _SHOWN + 1 else 5.5)
    small = f"{note} Line integrals of the body, nominal pose; bright is dense; each image on a grey scale of its own."
    footnote(figure, [small])
    return save(figure, folder, file)


def _curves(
    folder: Path, file: str, names: Sequence[str], population: Sequence[CtStatistics], real: CtStatistics, note: str
) -> list[Path]:
    columns = 3 if len(names) == 3 else 2
    rows = -(-len(names) // columns)
    figure, axes = grid(rows, columns, width=7.2, height=0.7 + 2.0 * rows)
    cells = [cell for row in axes for cell in row]
    for cell, name in zip(cells, names, strict=True):
        _curve(cell, name, population, real)
    cells[0].legend(fontsize=7)
    footnote(figure, [f"{note} Band: mean of the phantoms and 2 standard deviations between them."])
    return save(figure, folder, file)


def _curve(cell: Axes, name: str, population: Sequence[CtStatistics], real: CtStatistics) -> None:
    mean, spread = band(population, name)
    x = real.positions[name]
    low = mean - 2 * spread if mean.min() < 0 else np.maximum(mean - 2 * spread, 0)
    cell.fill_between(x, low, mean + 2 * spread, color=PHANTOM_COLOUR, alpha=0.22, linewidth=0)
    cell.plot(x, mean, color=PHANTOM_COLOUR, linewidth=1.3, label=f"{len(population)} phantoms")
    cell.plot(x, real.curves[name], color=REAL_COLOUR, linewidth=1.3, label=f"real CT: {real.patient_id}")
    cell.set_title(name)
    cell.set_xlabel(_axis(name))
    if name.startswith("power"):
        cell.set_xscale("log")
        ticks = [tick for tick in (0.02, 0.05, 0.1, 0.2) if x[0] <= tick <= x[-1]]
        cell.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        cell.minorticks_off()
        cell.set_ylabel("log10 power (mm²)")
    else:
        cell.set_ylabel("share a bin")
        cell.set_ylim(bottom=0)
    cell.grid(axis="y")


def _axis(name: str) -> str:
    if name.startswith("HU"):
        return "HU"
    return "frequency at the isocentre (1/mm)" if name.startswith("power") else "log10 gradient (1/mm)"


def success_figure(
    folder: Path, file: str, captures: tuple[Sequence[SuccessCurve], Sequence[SuccessCurve]], note: str
) -> list[Path]:
    """Success against initial error, a cell a method: phantoms and the CT."""
    figure, [row] = grid(1, len(captures[0]), width=7.2, height=2.7, sharey=True)
    for cell, ours, theirs in zip(row, *captures, strict=True):
        for each, colour, name, shift in ((ours, PHANTOM_COLOUR, "phantoms", -1), (theirs, REAL_COLOUR, "real CT", 1)):
            _one_success(cell, each, colour, name, shift)
        cell.axhline(50, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
        cell.set(title=ours.label, xlabel="initial mTRE (mm)", xlim=(0, ours.limit_mm), ylim=(-4, 104))
        cell.grid(axis="y")
    row[0].set_ylabel("Cases that succeed (%)")
    row[0].legend(fontsize=7, loc="lower left")
    small = (
        f"{note} Success: mPD below {SUCCESS_MPD_MM:g} mm. Dots: shares in eighths of the range; lines: logistic fit; "
        "bars at 50 %: 95 % interval of the 50 % point."
    )
    footnote(figure, [small])
    return save(figure, folder, file)


def _one_success(cell: Axes, each: SuccessCurve, colour: str, name: str, shift: int) -> None:
    x = np.linspace(0, each.limit_mm, 121)
    cell.plot(x, 100 * each.probability(x), color=colour, linewidth=1.4, label=f"{name} ({each.initial_mm.size} cases)")
    middles, shares = binned(each, 8)
    cell.plot(middles + 0.3 * shift, 100 * shares, "o", color=colour, markersize=3.2, markeredgecolor=INK, mew=0.3)
    if each.reached:
        cell.plot([each.interval.low, each.interval.high], [50 + shift] * 2, color=colour, linewidth=2.2, alpha=0.7)


def binned(each: SuccessCurve, count: int) -> tuple[Floats, Floats]:
    """Middles of equal bins of the initial error, and the share of successes in each; NaN in an empty one."""
    edges = np.linspace(0, each.limit_mm, count + 1)
    number = np.clip(np.digitize(each.initial_mm, edges) - 1, 0, count - 1)
    total = np.bincount(number, minlength=count)
    good = np.bincount(number, weights=each.success.astype(float), minlength=count)
    shares = np.divide(good, total, out=np.full(count, np.nan), where=total > 0)
    return (edges[:-1] + edges[1:]) / 2, shares
