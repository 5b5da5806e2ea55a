"""The report page: Markdown with its pictures, and every line as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.files import write_text
from bench.protocol import Protocol
from studies.realism.lines import Line

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


def method_notes(ours: Protocol, theirs: Protocol, measured: int) -> list[str]:
    """The methods of the comparison, as paragraphs.

    Args:
        ours: Protocol of the population.
        theirs: Protocol of the CT.
        measured: Number of phantoms whose tissues and projections were measured.
    """
    spacing = " x ".join(f"{size:g}" for size in ours.data.settings["spacing_mm"])
    bone = {"labels": "L1 to L5 as labelled", "threshold": "HU above 150 within the box of L1 to L5"}
    return [
        f"Both sides were brought to voxels of {spacing} mm, to one field of 240 mm about the lumbar spine, and to one "
        f"definition of bone: {bone[ours.data.settings['bone']]}. Tissues and projections: {measured} phantoms.",
        f"Success: protocol `{ours.name}`, {ours.profile} profile: {ours.data.patients} phantoms x "
        f"{ours.start.per_patient} starts, the CT x {theirs.start.per_patient}; one local search each, starts uniform "
        f"in initial mTRE; target: whole body, {ours.target.formation}; moving: bone alone. A case succeeds with a "
        "mean projection distance below 5 mm on the detector. Intervals: bootstrap over phantoms; over cases of the "
        "one CT.",
        "A number passes where the CT lies within the phantoms' mean ± 2 standard deviations, a curve where 80 % of "
        "its points do, a 50 % point where it lies within 25 % of the CT's; the 95 % interval of the ratio states its "
        "uncertainty and is no criterion. Where neither side reaches half, the line passes if the 95 % interval of the "
        "difference of the success rates (Newcombe 1998) includes 0: no difference was found with so many cases.",
        "The interval of the ratio contains the uncertainty of the CT's own 50 % point, not the difference between one "
        "patient and the mean of many. That difference is drawn from a model of the phantoms (parametric bootstrap, a "
        "curve for each patient, `studies/realism/parametric_bootstrap.py`): with a phantom in place of the CT the "
        "ratios lie in the stated range, and the criterion is passed in the stated share of draws. A ratio within that "
        "range shows no fault of the population; the smaller the share, the less the criterion can decide.",
        "The CT is one patient, and CTs differ by more than 25 %. The CT is therefore also ranked among the phantoms "
        "(criterion: its interval overlaps their range) and compared with the phantoms that resemble it most. This "
        "range contains the chance of few starts: six phantoms that all succeed from half of their 12 starts pass "
        "beside a CT of 30 or 70 % (192 starts) in two cases of three. The matched phantoms are chosen from all that "
        "were measured, those of the plain comparison among them, by nine measures of CT and AP projection that were "
        "fixed beforehand (`studies/realism/matching.py`), before any registration. A pass does not prove that the "
        "population is right; a failure shows where it is not.",
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
