"""The comparison as a page: Markdown with its pictures, and every line as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.protocol import Protocol
from bench.report.files import write_text
from bench.score.likeness_lines import Line

HEADINGS = ("compared", "phantoms", "real CT or published", "distance", "verdict")
_TITLES = {
    "success": "Success against initial error",
    "matched": "Patients matched to the CT",
    "dimensions": "Dimensions",
    "HU": "Tissues",
    "DRR": "Projections",
}
_PICTURES = {
    "success": ("success", "patients"),
    "matched": ("matched_drrs", "matched_success"),
    "dimensions": (),
    "HU": ("hu",),
    "DRR": ("drrs", "drr_statistics"),
}


def cells(line: Line) -> tuple[str, ...]:
    """The printed cells of a line, as ``HEADINGS``."""
    return (line.what, line.phantom, line.real, line.distance, line.verdict)


def verdict(lines: Sequence[Line]) -> str:
    """How many of the judged lines pass, in a sentence."""
    judged = [line for line in lines if line.passed is not None]
    return f"{sum(bool(line.passed) for line in judged)} of {len(judged)} lines pass"


def method_notes(ours: Protocol, theirs: Protocol, looked_at: int) -> list[str]:
    """How it was compared, as paragraphs.

    Args:
        ours: What the population was run on.
        theirs: What the CT was run on.
        looked_at: Phantoms whose tissues and projections were measured.
    """
    spacing = " x ".join(f"{size:g}" for size in ours.data.settings["spacing_mm"])
    bone = {"labels": "L1 to L5 as labelled", "threshold": "HU above 150 within the box of L1 to L5"}
    return [
        f"Both sides were brought to voxels of {spacing} mm, to one field of 240 mm about the lumbar spine, and to one "
        f"definition of bone: {bone[ours.data.settings['bone']]}. Tissues and projections: {looked_at} phantoms.",
        f"Success: protocol `{ours.name}`, {ours.profile} profile: {ours.data.patients} phantoms x "
        f"{ours.start.per_patient} starts, the CT x {theirs.start.per_patient}; one local search each, starts uniform "
        f"in initial mTRE; target: whole body, {ours.target.formation}; moving: bone alone. A case succeeds with a "
        "mean projection distance below 5 mm on the detector. Intervals: bootstrap over phantoms; over cases of the "
        "one CT.",
        "A number passes where the CT lies within the phantoms' mean ± 2 standard deviations, a curve where 80 % of "
        "its points do, a 50 % point where it lies within 25 % of the CT's; the ratio's 95 % interval says how sure "
        "that is and decides nothing. Where neither side ever reaches half there is no such point: both being that "
        "hard passes unless the 95 % interval of the difference of their success rates (Newcombe 1998) leaves out 0, "
        "which shows no likeness beyond what so many cases can tell apart.",
        "The ratio's interval knows the one CT's own point, not how far one person lies from the mean of many. What "
        "people's differences alone make of it is drawn from a model of the phantoms (a curve of his own for each, "
        "`bench/score/stand_in.py`): a phantom in the CT's place has such ratios, and passes so often. A ratio within "
        "that range shows no fault of the population; the fewer pass, the less the criterion can tell.",
        "One CT is one person, and CTs differ by more than 25 %: besides the mean, the CT is placed among the phantoms "
        "one by one (a pass: its interval meets their range), and compared with the phantoms that resemble it most. "
        "That range holds the chance of few starts: six phantoms that all succeed from half of their starts, 12 each, "
        "pass beside a CT of 30 or 70 % (192 starts) in two cases of three. "
        "These are chosen from everyone looked at, those of the plain comparison among them, by nine measures of CT "
        "and AP projection fixed beforehand (`bench/score/matching.py`), before anything is registered. Passing does "
        "not show that the population is right, falling short shows where it is not.",
    ]


def write_page(
    folder: Path,
    lines: Sequence[Line],
    *,
    title: str,
    notes: Sequence[str],
    asides: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Path]:
    """Write ``comparison.md`` and ``comparison.csv``.

    Args:
        folder: Where the figures lie too.
        lines: In the order of print.
        title: Of the page.
        notes: Paragraphs above the tables: what was compared, and how.
        asides: Paragraphs after a section's table.
    """
    parts = [f"# {title}", f"**{verdict(lines)}.**", *notes]
    for section, heading in _TITLES.items():
        own = [line for line in lines if line.section == section]
        if own:
            parts += [f"## {heading}: {verdict(own)}", _markdown(own), *asides.get(section, ())]
            there = [name for name in _PICTURES[section] if (folder / f"{name}.png").is_file()]
            parts += [f"![{heading}]({name}.png)" for name in there]
    page = write_text(folder / "comparison.md", "\n\n".join(parts) + "\n")
    return [page, write_text(folder / "comparison.csv", _csv(lines))]


def _markdown(lines: Sequence[Line]) -> str:
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(cells(line) for line in lines)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _csv(lines: Sequence[Line]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", *HEADINGS])
    writer.writerows([line.section, *cells(line)] for line in lines)
    return out.getvalue()
