"""Matched patients in the report: their distances and covariates, their DRRs, and the success of each patient."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.files import write_text
from bench.report.figures import COLOURS, GREY, INK, Axes, footnote, grid, house_style, save
from bench.score.capture_range import SuccessCurve
from studies.realism.ct_statistics import CtStatistics
from studies.realism.figures import PHANTOM_COLOUR, REAL_COLOUR, drrs_figure, success_figure
from studies.realism.matching import COVARIATES, Matching
from studies.realism.success import PercentileRank, percentile_rank

MATCHED_COLOUR = COLOURS[2]
_SHOWN = 6
_LANE = 0.24


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The patients of a pool that resemble the CT.

    Attributes:
        matching: Their distances and order.
        statistics: The whole pool's.
        captures: Success of the matched patients, by method.
    """

    matching: Matching
    statistics: Sequence[CtStatistics]
    captures: Sequence[SuccessCurve]

    @property
    def chosen(self) -> list[CtStatistics]:
        """Looks of the chosen, nearest first."""
        by_name = {each.patient_id: each for each in self.statistics}
        return [by_name[name] for name in self.matching.chosen]


def sentence(matching: Matching) -> str:
    """The matched patients and their distances, for the terminal and the page."""
    patients = ", ".join(f"{name} ({distance:.2f})" for name, distance in matching.nearest)
    verdict = (
        f"{100 * (1 - matching.percentile):.0f} % of the phantoms are as far from their nearest neighbours, or farther"
        if matching.resembled
        else "no phantom of the pool resembles this CT: it lies farther from its nearest neighbours than "
        f"{100 * matching.percentile:.0f} % of the phantoms do, and what follows is no matched comparison"
    )
    return (
        f"Matched patients, nearest first, with their distance in standard deviations of the pool: {patients}. "
        f"Their mean is {matching.reach:.2f}; {verdict}."
    )


def covariate_table(matched: Matched, real: CtStatistics) -> str:
    """The covariates of the CT, of the matched patients and of the pool, in Markdown."""
    rows = [["", "distance", *COVARIATES], ["---"] * (len(COVARIATES) + 2)]
    rows.append([f"**{real.patient_id}**", "", *(f"**{each.real:.3g}**" for each in matched.matching.covariates)])
    for each, (name, distance) in zip(matched.chosen, matched.matching.nearest, strict=True):
        rows.append([name, f"{distance:.2f}", *(f"{each.scalars[covariate]:.3g}" for covariate in COVARIATES)])
    rows.append(["mean of the matched", "", *(f"{each.chosen:.3g}" for each in matched.matching.covariates)])
    pool = [f"{each.mean:.3g} ± {each.spread:.2g}" for each in matched.matching.covariates]
    rows.append([f"pool of {len(matched.matching.order)}", "", *pool])
    away = [f"{(each.real - each.mean) / each.spread:+.1f} SD" for each in matched.matching.covariates]
    rows.append(["the CT from the pool's mean", "", *away])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def asides(matched: Sequence[Matched], real: CtStatistics) -> dict[str, list[str]]:
    """Paragraphs below the tables of the page: about the matched patients, if any."""
    return {"matched": [text for each in matched for text in (sentence(each.matching), covariate_table(each, real))]}


def write_matched(
    folder: Path, matched: Matched, real: CtStatistics, captures: Sequence[SuccessCurve], note: str
) -> list[Path]:
    """Write ``pool.csv`` and the figures ``matched_drrs`` and ``matched_success``.

    Args:
        folder: Destination.
        matched: The matched patients.
        real: The CT.
        captures: Success of the CT, by method.
        note: Footnote: what was compared.
    """
    names = [f"real CT\n{real.patient_id}"]
    names += [f"{name}\n{apart:.2f} away" for name, apart in matched.matching.nearest]
    with house_style():
        shown = [real, *matched.chosen[:_SHOWN]]
        small = f"{note} The patients nearest to the CT, with their distance in standard deviations of the pool."
        paths = drrs_figure(folder, "matched_drrs", shown, names[: len(shown)], small)
        paths += success_figure(folder, "matched_success", (matched.captures, captures), f"{note} Matched patients.")
    return [*paths, write_text(folder / "pool.csv", _pool_csv(matched, real))]


def patients_figure(
    folder: Path,
    captures: tuple[Sequence[SuccessCurve], Sequence[SuccessCurve]],
    matched: Sequence[SuccessCurve],
    note: str,
) -> list[Path]:
    """Write ``patients``: the share of successes of every patient, the CT's with its interval.

    Args:
        folder: Destination.
        captures: Success of the population and of the CT, by method.
        matched: Success of the matched patients, by method; empty without matching.
        note: Footnote.
    """
    with house_style():
        figure, [[cell]] = grid(1, 1, width=7.2, height=3.0)
        for place, (ours, theirs) in enumerate(zip(*captures, strict=True)):
            _dots(cell, place - _LANE, percentile_rank(ours, theirs), PHANTOM_COLOUR)
            if matched:
                _dots(cell, place, percentile_rank(matched[place], theirs), MATCHED_COLOUR)
            _real_ct(cell, place + _LANE, percentile_rank(ours, theirs))
        _lanes(cell, captures, matched)
        small = (
            f"{note} A dot is a patient: share of the starts, uniform in their initial error, from which one search "
            "succeeds; short lines: medians. The CT's bar: 95 % interval (Wilson) over its own starts."
        )
        footnote(figure, [small])
        return save(figure, folder, "patients")


def _dots(cell: Axes, place: float, found: PercentileRank, colour: str) -> None:
    """One dot a patient, spread sideways where shares coincide."""
    order = np.argsort(found.shares, kind="stable")
    ranks = {share: np.flatnonzero(found.shares[order] == share) for share in set(found.shares.tolist())}
    aside = np.concatenate([np.arange(same.size) - (same.size - 1) / 2 for _, same in sorted(ranks.items())])
    step = min(0.035, 0.2 / max(1, int(np.abs(aside).max()) * 2))
    cell.plot(place + step * aside, 100 * found.shares[order], "o", color=colour, ms=4, mec=INK, mew=0.3, alpha=0.85)
    middle = 100 * float(np.median(found.shares))
    cell.plot([place - 0.1, place + 0.1], [middle] * 2, color=colour, linewidth=1.2)


def _real_ct(cell: Axes, place: float, found: PercentileRank) -> None:
    ends = [100 * found.interval.low, 100 * found.interval.high]
    cell.plot([place] * 2, ends, color=REAL_COLOUR, linewidth=2)
    cell.plot([place], [100 * found.real], "D", color=REAL_COLOUR, ms=5, mec=INK, mew=0.4)


def _lanes(
    cell: Axes,
    captures: tuple[Sequence[SuccessCurve], Sequence[SuccessCurve]],
    matched: Sequence[SuccessCurve],
) -> None:
    """Axes, labels and legend."""
    ours, theirs = captures[0][0], captures[1][0]
    cell.plot([], [], "o", color=PHANTOM_COLOUR, label=f"population ({len(set(ours.patients))} patients)")
    if matched:
        cell.plot([], [], "o", color=MATCHED_COLOUR, label=f"matched ({len(set(matched[0].patients))} patients)")
    cell.plot([], [], "D", color=REAL_COLOUR, label=f"real CT: {theirs.patients[0]}")
    cell.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    cell.set_xticks(range(len(captures[0])), [each.label for each in captures[0]])
    cell.set(xlim=(-0.5, len(captures[0]) - 0.5), ylim=(-4, 104))
    cell.set_ylabel("Starts that succeed (%)")
    cell.axhline(50, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    cell.grid(axis="y")


def _pool_csv(matched: Matched, real: CtStatistics) -> str:
    """The whole pool, nearest first, after the CT."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["patient_id", "chosen", "distance", *COVARIATES])
    writer.writerow([real.patient_id, "", "", *(real.scalars[name] for name in COVARIATES)])
    by_name = {each.patient_id: each for each in matched.statistics}
    for name, distance in zip(matched.matching.order, matched.matching.distances, strict=True):
        own = (by_name[name].scalars[covariate] for covariate in COVARIATES)
        writer.writerow([name, int(name in matched.matching.chosen), f"{distance:.4f}", *own])
    return out.getvalue()
